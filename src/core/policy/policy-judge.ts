import type { Condition } from "./cel.js"
import type { PolicyJudge, PolicyQuestion, PolicyVerdict } from "./policy-question.js"
import { POLICY_EFFECTS, type PolicyRule, decodePolicy } from "./policy-rules.js"

/** A rule with its condition, or why it has none. */
interface CompiledRule {
  readonly rule: PolicyRule
  readonly condition: Condition | { readonly error: string }
}

/**
 * The judge of a signed policy.json. A condition that this program cannot read lets nothing pass.
 * Rejects as {@link decodePolicy} throws.
 */
export async function judgeIn(bytes: Uint8Array, vault: string): Promise<PolicyJudge> {
  return judgeBy(decodePolicy(bytes, vault))
}

/** The judge of some rules. The language of their conditions is loaded when there is the first one. */
export async function judgeBy(rules: readonly PolicyRule[]): Promise<PolicyJudge> {
  const compiled = await compile(rules)
  return { decide: (question) => decide(compiled, question) }
}

/** What is wrong with the conditions of rules, of the first that has a fault; undefined if none has. */
export async function conditionProblem(rules: readonly PolicyRule[]): Promise<string | undefined> {
  for (const { rule, condition } of await compile(rules)) {
    if ("error" in condition) return `the rule ${rule.name}: ${condition.error}`
  }
  return undefined
}

async function compile(rules: readonly PolicyRule[]): Promise<readonly CompiledRule[]> {
  const { compileCondition } = await import("./cel.js")
  return rules.map((rule) => {
    try {
      return { rule, condition: compileCondition(rule.when) }
    } catch (error) {
      return { rule, condition: { error: reasonOf(error) } }
    }
  })
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

/** What the library says, without the lines in which it shows the condition. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.split("\n")[0] ?? "it cannot be read"
}
