import type { Finding } from "../report/finding.js"

/** `agent-vault: allow RULE REASON`, in a comment of whatever language. */
export interface Comment {
  readonly line: number
  /** Undefined for a comment that fails to be an exception: one without a reason, say. */
  readonly rule: string | undefined
}

const MARK = /agent-vault\s{0,3}:?\s{0,3}(?:allow|ignore|disable|skip)/i
const COMMENT = /agent-vault: allow ([a-z0-9][a-z0-9-]*)[ \t]+(.*)/g
/** The end of a comment. Text behind it does not belong to the reason. */
const END = /\*\/|-->|%>|#}/
/** What an editor may show as the end of a line, so a reader cannot see which a comment is for. */
const OTHER_LINE_END = /[\r\u0085\u2028\u2029](?!$)/

/** The exceptions that stand in a text, and what was meant to be one. */
export function commentsIn(text: string): readonly Comment[] {
  if (!text.includes("agent-vault") || !MARK.test(text)) return []
  const lines = text.split("\n")
  return lines.flatMap((line, index) => {
    if (!MARK.test(line)) return []
    const isUnclear = OTHER_LINE_END.test(line) || OTHER_LINE_END.test(lines[index + 1] ?? "")
    const rules = isUnclear ? [] : [...line.matchAll(COMMENT)].flatMap(ruleOf)
    return (rules.length > 0 ? rules : [undefined]).map((rule) => ({ line: index + 1, rule }))
  })
}

/** The rule of an exception that gives a reason. */
function ruleOf([, rule = "", reason = ""]: RegExpExecArray): readonly string[] {
  return /[\p{L}\p{N}]/u.test(reason.split(END, 1)[0] ?? "") ? [rule] : []
}

/**
 * The findings that comments allow: those of the comment's rule on its own line, or if there are
 * none, those on the next line. A comment that allows nothing is stale. So is a failed exception
 * beside a finding.
 */
export function allowedByComment(
  findings: readonly Finding[],
  comments: readonly Comment[],
): { readonly allowed: ReadonlySet<Finding>; readonly stale: readonly Comment[] } {
  const allowed = new Set<Finding>()
  const places = new Map<string, Finding[]>()
  for (const finding of findings) {
    const key = `${finding.line} ${finding.rule}`
    const same = places.get(key)
    if (same === undefined) places.set(key, [finding])
    else same.push(finding)
  }
  const found = new Set(findings.map(({ line }) => line))
  const stale = comments.filter(({ line, rule }) => {
    if (rule === undefined) return found.has(line) || found.has(line + 1)
    const meant = places.get(`${line} ${rule}`) ?? places.get(`${line + 1} ${rule}`) ?? []
    for (const finding of meant) allowed.add(finding)
    return meant.length === 0
  })
  return { allowed, stale }
}
