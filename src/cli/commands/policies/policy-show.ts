import { FIRST_POLICY, signedRules } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { readingKeyless } from "../../door/reading.js"
import { asJson, print, ruleLines, tell } from "../../door/render.js"
import { isSet, placeOf } from "../../door/who.js"
import { writeOut } from "../../terminal/terminal.js"

export async function run(door: Door): Promise<void> {
  if (isSet(door, "example")) {
    await writeOut(door.terminal, FIRST_POLICY)
    return
  }
  const place = placeOf(door)
  const rules = await readingKeyless(door, place, signedRules)
  if (await asJson(door, rules === undefined ? {} : { rules })) return
  if (rules === undefined) {
    tell(door, "There is no policy: whoever was granted a group reads it at every door.")
    tell(
      door,
      "Next: agent-vault policy show --example > policy.yaml; then: agent-vault policy set policy.yaml",
    )
    return
  }
  await print(
    door,
    rules.flatMap((rule) => ruleLines(rule)),
  )
}
