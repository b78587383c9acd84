import { join } from "node:path"
import { LIMITS, VaultError, whichDecided } from "../../../core/index.js"
import {
  POLICY_WISH,
  type PolicyTrial,
  parsePolicyWish,
  readRegularFile,
  tryPolicy,
} from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { asJson, counted, print, tell } from "../../door/render.js"
import { placeOf, userPath } from "../../door/who.js"

/** Ends with 1 if a case does not come out as it says. */
export async function run(door: Door): Promise<number> {
  const [named] = door.call.words
  const file = named ?? POLICY_WISH
  const path = named === undefined ? join(placeOf(door).root, POLICY_WISH) : userPath(door, named)
  const bytes = readRegularFile(path, LIMITS.record)
  if (bytes === undefined) {
    throw new VaultError("USAGE", `there is no file ${named ?? path}`, {
      hint: "name one: agent-vault policy test FILE; an example: agent-vault policy show --example",
    })
  }
  const wish = parsePolicyWish(bytes, file)
  const trials = await tryPolicy(wish, file)
  const failed = trials.filter(({ isPassed }) => !isPassed).length
  const code = failed === 0 ? 0 : 1
  const cases = trials.map(({ verdict, ...trial }) => ({ ...trial, ...verdict }))
  if (await asJson(door, { rules: wish.rules.length, cases })) return code
  await print(door, trials.map(lineOf))
  tell(
    door,
    `${counted(wish.rules.length, "rule")}, ${counted(trials.length, "case")}, ${failed} failed.`,
  )
  return code
}

function lineOf({ name, expect, verdict, isPassed }: PolicyTrial): string {
  const said = `${verdict.effect}, ${whichDecided(verdict)}`
  return isPassed ? `ok    ${name}: ${said}` : `FAIL  ${name}: ${said}; it expects ${expect}`
}
