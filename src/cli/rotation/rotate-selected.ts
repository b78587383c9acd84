import { VaultError } from "../../core/index.js"
import type { ChangeRequest } from "../../core/owner.js"
import type { Door } from "../door/door.js"
import { isWhole } from "../door/noted-uses.js"
import { asJson, outcomePart, print, tell } from "../door/render.js"
import { isSet } from "../door/who.js"
import { isAgreed, planOf, rotationPlanLines } from "./agreement.js"
import { type RotationToDo, rotateSecret } from "./rotate-secret.js"
import type { AuditsLookedAt, SelectedSecret, SecretSelection } from "./select-secrets.js"
import {
  type RotationEnd,
  auditLines,
  endLines,
  errorLines,
  rotatedLines,
  selectionLines,
} from "./selection-lines.js"

/** What concerns one secret alone: the next may still go well. */
const OWN_FAULTS: ReadonlySet<string> = new Set<VaultError["code"]>([
  "ROTATION_FAILED",
  "COMMAND_NOT_FOUND",
  "COMMAND_NOT_STARTED",
  "VALUE_TOO_LARGE",
  "CONFLICT",
])

/**
 * Rotates what a call selects, one after the other, each as a commit of its own: shows all, has each
 * agreed to before the first one runs, and tells what was done and what was not. Resolves to the exit
 * code: that of the first that failed, or 1 where one was left, or where the audits here lack
 * something. `--agree` may name more than is selected. Throws `UNCONFIRMED`, `NO_TERMINAL`, before
 * anything ran.
 */
export async function rotateSelected(
  door: Door,
  request: ChangeRequest,
  { secrets, audits }: SecretSelection,
): Promise<number> {
  const plans = secrets.flatMap(({ toDo }) => (toDo === undefined ? [] : [planOf(toDo)]))
  const isDry = isSet(door, "dry-run")
  const lines = [...selectionLines(door, secrets), ...auditLines(audits)]
  if (!isDry && !isSet(door, "json")) tell(door, ...lines)
  const ends = isDry ? [] : await rotateEach(door, request, secrets)
  const exitCode = exitCodeOf(ends, audits)
  const shown = secrets.map(({ name, why }, at) => ({
    name: name.full,
    why,
    ...plans.find((plan) => plan.name === name.full),
    ...endPart(ends[at]),
  }))
  if (await asJson(door, { secrets: shown, ...auditsPart(audits), exitCode })) return exitCode
  if (isDry) await print(door, [...lines, ...plans.flatMap(rotationPlanLines)])
  else tell(door, ...endLines(secrets, ends))
  return exitCode
}

/** The ends, in the order of what is selected. */
async function rotateEach(
  door: Door,
  request: ChangeRequest,
  secrets: readonly SelectedSecret[],
): Promise<RotationEnd[]> {
  const ends: RotationEnd[] = []
  for (const { toDo } of secrets) {
    if (toDo === undefined) ends.push({ is: "no rotation" })
    else ends.push({ is: (await isAgreed(door, toDo)) ? "not begun" : "declined" })
  }
  for (const [at, { toDo }] of secrets.entries()) {
    if (toDo === undefined || ends[at]?.is !== "not begun") continue
    const end = await rotateOne(door, request, toDo)
    ends[at] = end
    if (end.is === "failed" && !OWN_FAULTS.has(end.error.code)) break
  }
  return ends
}

async function rotateOne(
  door: Door,
  request: ChangeRequest,
  toDo: RotationToDo,
): Promise<RotationEnd> {
  const isJson = isSet(door, "json")
  try {
    const outcome = await rotateSecret(door, request, toDo)
    if (!isJson) tell(door, ...rotatedLines(door, toDo, outcome))
    const ended = toDo.rotation.end !== undefined
    return {
      is: "rotated",
      told: { ...outcome?.result, ended, ...(outcome && outcomePart(outcome)) },
    }
  } catch (error) {
    if (!VaultError.is(error)) throw error
    if (!isJson) tell(door, ...errorLines(error))
    return { is: "failed", error }
  }
}

function exitCodeOf(ends: readonly RotationEnd[], audits: AuditsLookedAt | undefined): number {
  const [failure] = ends.flatMap((end) => (end.is === "failed" ? [end.error.exitCode] : []))
  if (failure !== undefined) return failure
  const isDone = ends.every(({ is }) => is === "rotated")
  return isDone && (audits === undefined || isWhole(audits)) ? 0 : 1
}

function endPart(end: RotationEnd | undefined): object {
  if (end === undefined) return {}
  if (end.is === "rotated") return { ...end.told, is: end.is }
  if (end.is !== "failed") return end
  const { code, message, hint } = end.error
  return { is: end.is, error: { code, message, ...(hint === undefined ? {} : { hint }) } }
}

function auditsPart(audits: AuditsLookedAt | undefined): object {
  if (audits === undefined) return {}
  const { folder, since, files, elsewhere, unknown } = audits
  return { audits: { folder, since, files, elsewhere, unknown } }
}
