import type { Assignment } from "./assignment.js"
import { checks, isEmptyToken } from "./checks.js"
import { isPlaceholder, saysPlaceholder, withoutRows } from "./placeholder.js"
import { entropy, randomBits } from "./random.js"
import { type Rule, forms } from "./rules.js"

/** Whether a name is the provider's alone, or that of its API. */
export function isNamed(rule: Rule, name: string): boolean {
  return rule.names?.some((own) => name === own || name === `${own}api`) ?? false
}

/** A version, or a bare word of code: no provider's, whatever is named nearby. */
export function isPlain({ value, quoted }: Assignment): boolean {
  if (/^v?\d{1,3}\.\d{1,3}\.\d{1,3}[.+-]|^(?!http)[a-z]{2,12}:\/\/[a-z]/.test(value)) return true
  return !quoted && /^[A-Za-z_$]+$/.test(value) && randomBits(value) < 14
}

export function isAccepted(rule: Rule, secret: string): boolean {
  if (!rule.lax && (isStandIn(rule, secret) || isEmptyToken(secret))) return false
  if (entropy(secret) < (rule.entropy ?? 2.5)) return false
  return !rule.check || checks[rule.check](secret)
}

/** What is random beyond doubt besides its runs and rows has them from its provider. */
const CERTAIN = 60

function isStandIn(rule: Rule, secret: string): boolean {
  if (!isPlaceholder(secret)) return false
  const isFixed = rule.keywords !== undefined && !forms.has(rule)
  if (!isFixed || /[<>]/.test(secret) || saysPlaceholder(secret)) return true
  const rest = withoutRows(secret)
  return isPlaceholder(rest) || randomBits(rest) < CERTAIN
}
