import { VaultError, claimedId } from "../../core/index.js"
import { fingerprintOf, requirePersonFor, rotationLines } from "../../core/owner.js"
import { withPerson } from "../door/confirm-person.js"
import type { Door } from "../door/door.js"
import { tell } from "../door/render.js"
import { options } from "../door/who.js"
import { confirm } from "../terminal/ask.js"
import type { RotationToDo } from "./rotate-secret.js"
import { typedAgain } from "../parse/typed-again.js"

/** A rotation, and whether somebody agreed to it on this machine: what `--dry-run` tells of it. */
interface RotationPlan {
  readonly name: string
  readonly rotation: RotationToDo["rotation"]
  readonly fingerprint: string
  readonly agreed: boolean
  /** Whether a new value is kept here, and would be taken up. */
  readonly kept: boolean
}

export function planOf({ name, rotation, state }: RotationToDo): RotationPlan {
  const fingerprint = fingerprintOf(name, rotation)
  return {
    name: name.full,
    rotation,
    fingerprint,
    agreed: state.isAgreed(rotation),
    kept: state.isKept,
  }
}

export function rotationPlanLines({
  name,
  rotation,
  fingerprint,
  agreed,
  kept,
}: RotationPlan): string[] {
  const agreement = agreed ? "agreed to on this machine" : "nobody on this machine agreed to it yet"
  return [
    name,
    ...rotationLines(rotation).map((line) => `  ${line}`),
    `  fingerprint ${fingerprint}, ${agreement}`,
    ...(kept ? ["  a new value is kept here, and would be taken up"] : []),
  ]
}

/** Throws `UNCONFIRMED` where `--agree` names other programs than a secret has. */
export function refuseOtherAgreement(door: Door, { name, fingerprint }: RotationPlan): void {
  if (options(door, "agree").every((given) => given === fingerprint)) return
  throw new VaultError("UNCONFIRMED", `--agree names other programs than ${name} has`, {
    hint: `look at them: agent-vault rotate ${name} --dry-run; they are ${fingerprint}`,
  })
}

/** A record may name any program: what runs here for the first time waits for somebody's yes. */
export async function isAgreed(door: Door, rotating: RotationToDo): Promise<boolean> {
  const { place, name, rotation, state } = rotating
  if (state.isAgreed(rotation)) return true
  const fingerprint = fingerprintOf(name, rotation)
  tell(door, `${name.full} is rotated by`, ...rotationLines(rotation).map((line) => `  ${line}`))
  await withPerson(door, (person) =>
    requirePersonFor(`run what rotates ${name.full}`, claimedId(place), door.env, person),
  )
  const isYes =
    options(door, "agree").includes(fingerprint) ||
    (await confirm(
      door.terminal,
      "Run this on this machine?",
      `look at it, then: ${typedAgain(door.call, `--agree ${fingerprint}`)}`,
    ))
  if (isYes) state.agree(rotation)
  return isYes
}
