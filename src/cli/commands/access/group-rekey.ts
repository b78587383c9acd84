import { renewGroupKey } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { readersText } from "../../door/readers-text.js"
import { asJson, counted, outcomePart, report } from "../../door/render.js"
import { changeRequest } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [group = ""] = door.call.words
  const request = await changeRequest(door)
  const outcome = await renewGroupKey({ ...request, group })
  const { readers, secrets } = outcome.result
  if (await asJson(door, { ...outcome.result, ...outcomePart(outcome) })) return
  await report(
    door,
    outcome,
    group,
    `  gets a new key; ${counted(secrets.length, "secret")} re-encrypted`,
    `  opened by ${readersText(readers) ?? "no agent"}, as before`,
    ...rotationLines(secrets),
  )
}

/** Nobody can tell who had the old key: so all that it opened is to be rotated. */
function rotationLines(secrets: readonly string[]): string[] {
  if (secrets.length === 0) return []
  return [
    "Whoever had the old key could read what it opened. Rotate what somebody may have read:",
    ...secrets.map((name) => `  ${name}`),
    "Make new values at their source, then: agent-vault set NAME",
  ]
}
