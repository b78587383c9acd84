import { placeholderSign } from "./placeholder.js"
import { randomBits } from "./random.js"
import type { Rule } from "./rules.js"
import type { Veto } from "./veto.js"
import { isWordAt } from "./word.js"

/** A prefix that has one meaning: `glpat-`, `sk-ant-api`, and not `key_`. */
const PREFIX =
  /^(?!.*test)(?!(?:key|api|sdk|mob|live|pat|ion|cal|ico|pul|token|secret|access|perm)[-_.])(?=.{4}).*[-_]$/
const REST = /[A-Za-z0-9_-]{20,200}/y
/** What a digest is written behind. */
const DIGEST = /(?:sha\d{1,3}|md5)[=:_-]$/i
/** So random that no name, digest in a file's name or word of code comes near. */
const LEAST = 60

/** A token that begins with a prefix of a rule, and why it is none. */
interface Prefixed {
  readonly end: number
  readonly veto: Veto | undefined
}

/**
 * The token that begins with a prefix of a rule: of another length than the rule says, or of other
 * characters, but random beyond doubt. Undefined where nothing of a token's length stands behind it.
 */
export function prefixedAt(rule: Rule, text: string, at: number): Prefixed | undefined {
  const prefix = rule.keywords?.find((word) => PREFIX.test(word) && text.startsWith(word, at))
  if (prefix === undefined || DIGEST.test(text.slice(Math.max(0, at - 8), at))) return undefined
  REST.lastIndex = at + prefix.length
  const rest = REST.exec(text)?.[0]
  if (rest === undefined) return undefined
  const end = REST.lastIndex
  if (goesOn(text, end)) return { end, veto: "goes-on" }
  const isChance = /\d/.test(rest) && randomBits(rest) >= LEAST
  return { end, veto: isChance ? placeholderSign(rest) : "chance" }
}

/** Whether it is a part of a path, a file's name or a longer word, or cut short. */
function goesOn(text: string, at: number): boolean {
  if (isWordAt(text, at) || text.startsWith("...", at)) return true
  return /^(?:[./=][A-Za-z]|…)/.test(text.slice(at, at + 2))
}
