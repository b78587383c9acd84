import { LIMITS, VaultError } from "../../../core/index.js"
import { type PolicyText, readRegularFile, setPolicy } from "../../../core/owner.js"
import { afterRepair } from "../../door/after-repair.js"
import { isAgreed } from "../../door/agreed.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import {
  asJson,
  counted,
  outcomeLines,
  outcomePart,
  policyLines,
  report,
  tell,
} from "../../door/render.js"
import { changeRequest, isSet, userPath } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [file] = door.call.words
  const text = file === undefined ? undefined : textOf(door, file)
  const request = await changeRequest(door)
  const look = () => setPolicy({ ...request, dryRun: true }, text)
  const planned = await afterRepair(request, look)
  const { plan, cases } = planned.result
  const lines = [
    ...(plan === undefined ? ["The rules stay as they are."] : policyLines(plan)),
    ...(cases === 0
      ? []
      : [
          `${counted(cases, "case")} of its own ${cases === 1 ? "comes out as it" : "come out as they"} should.`,
        ]),
  ]
  if (request.dryRun) {
    if (await asJson(door, { ...planned.result, files: planned.files })) return
    await report(door, planned, ...lines)
    return
  }
  if (!isSet(door, "yes") || !isSet(door, "json")) tell(door, ...lines)
  // Another policy decides about every value that leaves.
  if (plan !== undefined && !(await isAgreed(door, "Sign it?"))) return
  const outcome = await withPerson(door, (person) => setPolicy({ ...request, person }, text))
  if (await asJson(door, { ...outcome.result, ...outcomePart(outcome) })) return
  tell(door, ...outcomeLines(door, outcome))
  if (plan !== undefined) tell(door, "Next: agent-vault policy explain GROUP/NAME --agent AGENT")
}

function textOf(door: Door, file: string): PolicyText {
  const bytes = readRegularFile(userPath(door, file), LIMITS.record)
  if (bytes !== undefined) return { file, bytes }
  throw new VaultError("USAGE", `there is no file ${file}`, {
    hint: "an example to begin with: agent-vault policy show --example",
  })
}
