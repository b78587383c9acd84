import { VaultError } from "../words/errors.js"
import { conditionProblem, judgeBy } from "./policy-judge.js"
import type { PolicyVerdict } from "./policy-question.js"
import { type PolicyCase, type PolicyWish, tryAgain } from "./policy-wish.js"

/** What came of a case. */
export interface PolicyTrial extends Pick<PolicyCase, "name" | "expect"> {
  readonly verdict: PolicyVerdict
  readonly isPassed: boolean
}

/**
 * Asks the rules of a wish its own cases. Rejects with `CONFIG_INVALID` for a condition that is not
 * one; `file` is what the error calls the wish.
 */
export async function tryPolicy(
  { rules, cases }: PolicyWish,
  file: string,
): Promise<readonly PolicyTrial[]> {
  const problem = await conditionProblem(rules)
  if (problem !== undefined) {
    throw new VaultError("CONFIG_INVALID", `${file} is not a valid policy: ${problem}`, {
      hint: tryAgain(file),
    })
  }
  const judge = await judgeBy(rules)
  return cases.map(({ name, question, expect }) => {
    const verdict = judge.decide(question)
    return { name, expect, verdict, isPassed: verdict.effect === expect }
  })
}

/** Throws `CONFIG_INVALID` unless every case came to what it expects. */
export function requirePassed(trials: readonly PolicyTrial[], file: string): void {
  const failed = trials.find(({ isPassed }) => !isPassed)
  if (failed === undefined) return
  const { name, expect, verdict } = failed
  throw new VaultError(
    "CONFIG_INVALID",
    `${file} fails its case "${name}": it expects ${expect}, and the rules say ${verdict.effect}`,
    { hint: "see them all: agent-vault policy test" },
  )
}
