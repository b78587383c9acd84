import { type Condition, compileCondition, reasonOf } from "./cel.js"
import type { PolicyJudge, PolicyQuestion, PolicyVerdict } from "./policy-question.js"
import { POLICY_EFFECTS, type PolicyRule, decodePolicy } from "./policy-rules.js"

/** A rule with its condition, or why it has none. */
interface CompiledRule {
  readonly rule: PolicyRule
  readonly condition: Condition | { readonly error: string }
}

/**
 * The judge of a signed policy.json. A condition that this program cannot read lets nothing pass.
 * Throws as {@link decodePolicy} does.
 */
export function judgeIn(bytes: Uint8Array, vault: string): PolicyJudge {
  return judgeBy(decodePolicy(bytes, vault))
}

/** The judge of some rules. */
export function judgeBy(rules: readonly PolicyRule[]): PolicyJudge {
  const compiled = rules.map((rule): CompiledRule => ({ rule, condition: compiledOr(rule.when) }))
  return { decide: (question) => decide(compiled, question) }
}

/** What is wrong with the conditions of rules, of the first that has a fault; undefined if none has. */
export function conditionProblem(rules: readonly PolicyRule[]): string | undefined {
  for (const { name, when } of rules) {
    const condition = compiledOr(when)
    if ("error" in condition) return `the rule ${name}: ${condition.error}`
  }
  return undefined
}

function compiledOr(when: string): Condition | { readonly error: string } {
  try {
    return compileCondition(when)
  } catch (error) {
    return { error: reasonOf(error) }
  }
}

/**
 * All rules are asked, since any may deny: an error denies, then deny wins over confirm, and confirm
 * over allow; the first of them is named. Where none holds, it is denied.
 */
function decide(compiled: readonly CompiledRule[], question: PolicyQuestion): PolicyVerdict {
  const holding: PolicyRule[] = []
  for (const { rule, condition } of compiled) {
    try {
      if ("error" in condition) throw new Error(condition.error)
      if (condition(question)) holding.push(rule)
    } catch (error) {
      return { effect: "deny", rule: rule.name, error: reasonOf(error) }
    }
  }
  for (const effect of POLICY_EFFECTS) {
    const rule = holding.find((each) => each.effect === effect)
    if (rule !== undefined) return { effect, rule: rule.name }
  }
  return { effect: "deny" }
}
