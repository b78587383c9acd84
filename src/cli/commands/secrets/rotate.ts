import { type SecretName, VaultError, parseDuration, parseMetadata } from "../../../core/index.js"
import { RotationState, changeRotation, rotationOf } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { meantSecret } from "../../door/meant-secret.js"
import { readingVault } from "../../door/reading.js"
import { asJson, outcomePart, print, report, tell } from "../../door/render.js"
import { changeRequest, isSet, option } from "../../door/who.js"
import {
  isAgreed,
  planOf,
  refuseOtherAgreement,
  rotationPlanLines,
} from "../../rotation/agreement.js"
import { type RotationToDo, rotateSecret } from "../../rotation/rotate-secret.js"
import { rotateSelected } from "../../rotation/rotate-selected.js"
import { selectSecrets, selectsSecrets } from "../../rotation/select-secrets.js"
import { rotatedLines } from "../../rotation/selection-lines.js"
import { progress, stepsEnded } from "../../terminal/progress-line.js"

type OwnerAtWork = Awaited<ReturnType<typeof changeRequest>>

const MS = 1000

export async function run(door: Door): Promise<number | void> {
  refuseUnclear(door)
  const timeLimit = parseDuration(option(door, "timeout") ?? "5m") * MS
  const { expires } = parseMetadata(
    (field) => (field === "expires" ? option(door, field) : undefined),
    door.now,
  )
  const [word] = door.call.words
  const onProgress = progress(door.terminal, stepsEnded, isSet(door, "json"))
  const request = { ...(await changeRequest(door)), onProgress }
  const { place, identity } = request
  const terms = { place, identity, timeLimit, expires }
  if (word === undefined) {
    const selection = await readingVault(door, place, identity.trust, (vault) =>
      selectSecrets(door, vault, terms),
    )
    return rotateSelected(door, request, selection)
  }
  const name = meantSecret(place, word)
  if (isSet(door, "forget")) return forget(door, request, name)
  const { rotation, state } = await readingVault(door, place, identity.trust, (vault) => ({
    rotation: isSet(door, "discard") ? undefined : rotationOf(vault, name),
    state: new RotationState(vault, name, door.env),
  }))
  if (rotation === undefined) return discard(door, state, name)
  return rotate(door, request, { ...terms, name, rotation, state })
}

/** It is one secret that is named, or those that options select. */
function refuseUnclear(door: Door): void {
  const isOfOne = door.call.words.length > 0
  const isGivenUp = isSet(door, "discard") || isSet(door, "forget")
  if (isOfOne !== selectsSecrets(door) && (isOfOne || !isGivenUp)) return
  throw new VaultError("USAGE", "it takes the name of one secret, or options that select some", {
    hint: "agent-vault rotate GROUP/NAME, or agent-vault rotate --exposed",
  })
}

async function rotate(
  door: Door,
  request: OwnerAtWork,
  rotating: RotationToDo,
): Promise<number | void> {
  const plan = planOf(rotating)
  if (request.dryRun) {
    if (!(await asJson(door, plan))) await print(door, rotationPlanLines(plan))
    return
  }
  refuseOtherAgreement(door, plan)
  if (!(await isAgreed(door, rotating))) {
    tell(door, "Nothing was run.")
    return
  }
  const { full } = rotating.name
  const outcome = await rotateSecret(door, request, rotating)
  const ended = rotating.rotation.end !== undefined
  const part = outcome === undefined ? { name: full } : { ...outcome.result }
  if (await asJson(door, { ...part, ended, ...(outcome && outcomePart(outcome)) })) return
  tell(door, ...rotatedLines(door, rotating, outcome))
  if (outcome !== undefined) tell(door, `Next: agent-vault history ${full}`)
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
  await report(
    door,
    outcome,
    `No program ${request.dryRun ? "would rotate" : "rotates"} ${name} any more.`,
  )
  if (!request.dryRun) tell(door, `Next: agent-vault rotation -s ${name} -- PROGRAM`)
}
