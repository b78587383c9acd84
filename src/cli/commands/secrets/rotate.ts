import {
  type Place,
  type Rotation,
  type SecretName,
  VaultError,
  claimedId,
  parseDuration,
  parseMetadata,
} from "../../../core/index.js"
import {
  RotationState,
  changeRotation,
  fingerprintOf,
  requirePersonFor,
  rotationLines,
  rotationOf,
} from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { meantSecret } from "../../door/meant-secret.js"
import { readingVault } from "../../door/reading.js"
import { asJson, exposureLines, outcomePart, print, report, tell } from "../../door/render.js"
import { changeRequest, isSet, option, placeOf } from "../../door/who.js"
import { type RotationToDo, rotateSecret } from "../../rotation/rotate-secret.js"
import { confirm } from "../../terminal/ask.js"

type OwnerAtWork = Awaited<ReturnType<typeof changeRequest>>

export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const name = meantSecret(place, door.call.words[0] ?? "")
  const timeLimit = parseDuration(option(door, "timeout") ?? "5m") * MS
  const { expires } = parseMetadata(
    (field) => (field === "expires" ? option(door, field) : undefined),
    door.now,
  )
  const request = await changeRequest(door)
  if (isSet(door, "forget")) return forget(door, request, name)
  const { rotation, state } = await readingVault(door, place, request.identity.trust, (vault) => ({
    rotation: isSet(door, "discard") ? undefined : rotationOf(vault, name),
    state: new RotationState(vault, name, door.env),
  }))
  if (rotation === undefined) return discard(door, state, name)
  if (request.dryRun) return showPlan(door, name, rotation, state)
  if (!(await isAgreed(door, place, name, rotation, state))) {
    tell(door, "Nothing was run.")
    return
  }
  await rotate(door, request, { ...request, name, rotation, state, timeLimit, expires })
}

const MS = 1000

async function rotate(door: Door, request: OwnerAtWork, rotating: RotationToDo): Promise<void> {
  const { full } = rotating.name
  const outcome = await rotateSecret(door, request, rotating)
  const ended = rotating.rotation.end !== undefined
  if (outcome === undefined) {
    if (await asJson(door, { name: full, ended })) return
    tell(door, `${full} had its new value already; the old one is ended.`)
    if (rotating.expires !== undefined) {
      tell(door, `When it ends is as it was. Next: agent-vault meta ${full} --expires DATE`)
    }
    return
  }
  const { result } = outcome
  if (await asJson(door, { ...result, ended, ...outcomePart(outcome) })) return
  const then = ended ? "the old value is ended." : "end the old value at its source."
  const rotated = `${full} is rotated, version ${result.version}; ${then}`
  await report(door, outcome, rotated, ...exposureLines(door, result.exposed))
  tell(door, `Next: agent-vault history ${full}`)
}

async function showPlan(
  door: Door,
  name: SecretName,
  rotation: Rotation,
  state: RotationState,
): Promise<void> {
  const fingerprint = fingerprintOf(name, rotation)
  const agreed = state.isAgreed(rotation)
  const kept = state.isKept
  if (await asJson(door, { name: name.full, rotation, fingerprint, agreed, kept })) return
  const agreement = agreed ? "agreed to on this machine" : "nobody on this machine agreed to it yet"
  await print(door, [name.full, ...rotationLines(rotation).map((line) => `  ${line}`)])
  await print(door, [`  fingerprint ${fingerprint}, ${agreement}`])
  if (kept) await print(door, ["  a new value is kept here, and would be taken up"])
}

/** A record may name any program: what runs here for the first time waits for somebody's yes. */
async function isAgreed(
  door: Door,
  place: Place,
  name: SecretName,
  rotation: Rotation,
  state: RotationState,
): Promise<boolean> {
  if (state.isAgreed(rotation)) return true
  const fingerprint = fingerprintOf(name, rotation)
  tell(door, `${name.full} is rotated by`, ...rotationLines(rotation).map((line) => `  ${line}`))
  const given = option(door, "agree")
  if (given !== undefined && given !== fingerprint) {
    throw new VaultError("UNCONFIRMED", `--agree names other programs than ${name.full} has`, {
      hint: `look at them; they are ${fingerprint}`,
    })
  }
  await withPerson(door, (person) =>
    requirePersonFor(`run what rotates ${name.full}`, claimedId(place), door.env, person),
  )
  const flag = `look at it, then: --agree ${fingerprint}`
  const isYes =
    given !== undefined || (await confirm(door.terminal, "Run this on this machine?", flag))
  if (isYes) state.agree(rotation)
  return isYes
}

async function discard(door: Door, state: RotationState, { full }: SecretName): Promise<void> {
  const discarded = state.isKept
  if (!isSet(door, "dry-run")) state.discard()
  if (await asJson(door, { name: full, discarded })) return
  tell(
    door,
    discarded
      ? `What was kept of the rotation of ${full} is gone. End the value that it made, at its source.`
      : `No rotation of ${full} is under way here.`,
  )
}

async function forget(door: Door, request: OwnerAtWork, { full: name }: SecretName): Promise<void> {
  const outcome = await changeRotation({ ...request, name, edit: { do: "remove" } })
  if (await asJson(door, { ...outcome.result, ...outcomePart(outcome) })) return
  await report(door, outcome)
  if (!request.dryRun) tell(door, `Next: agent-vault rotation -s ${name} -- PROGRAM`)
}
