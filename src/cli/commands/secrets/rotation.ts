import { ROTATION_STEPS, VaultError, parseSecretName } from "../../../core/index.js"
import { changeRotation, rotationLines } from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { asJson, outcomePart, report, tell } from "../../door/render.js"
import { changeRequest, option, options } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const { words } = door.call
  const [name, ...others] = options(door, "secret")
  if (name === undefined || others.length > 0) {
    throw new VaultError("USAGE", "which one secret is meant?", {
      hint: "agent-vault rotation -s GROUP/NAME -- PROGRAM",
    })
  }
  parseSecretName(name)
  const step = ROTATION_STEPS.find((each) => each === option(door, "step")) ?? "run"
  const request = {
    ...(await changeRequest(door)),
    name,
    edit: { do: "put", step, words } as const,
  }
  const outcome = await withPerson(door, (person) => changeRotation({ ...request, person }))
  const { result } = outcome
  if (await asJson(door, { ...result, ...outcomePart(outcome) })) return
  const lines = result.rotation === undefined ? [] : rotationLines(result.rotation)
  await report(door, outcome, name, ...lines.map((line) => `  ${line}`))
  if (!request.dryRun) tell(door, `Next: agent-vault rotate ${name}`)
}
