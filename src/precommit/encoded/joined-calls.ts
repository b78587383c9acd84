/** Where a piece of a text that a call joins stands. */
interface CalledPiece {
  readonly start: number
  readonly end: number
}

const QUOTED = [`"`, `'`, String.raw`\x60`].map((quote) => {
  return `${quote}[^${quote}${String.raw`\\\n`}]{0,400}${quote}`
})
const LITERAL = `[bBrRuUL@]{0,2}(?:${QUOTED.join("|")})`
const LIST = String.raw`(${LITERAL}(?:\s{0,80},\s{0,80}${LITERAL}){1,40})`
const CLOSE = String.raw`\s{0,80},?\s{0,80}`
const EMPTY = String.raw`(?:""|''|\x60\x60)`

/** A call that may join literals. Most texts have none, and the expression of all is long. */
const MAY_JOIN =
  /["'`]\s{0,80},?\s{0,80}\]\s{0,80}\.join|(?:""|'')\.join|implode\(|\bjoin\(\s{0,4}['"]|[sS]tring[s]?\.[jJ]oin|(?:concat|CONCAT|Concat)\(\s{0,80}["']/

const CALL = new RegExp(
  [
    // JavaScript and Ruby, Python, PHP, Go, C# and Java, SQL.
    String.raw`\[\s{0,80}${LIST}${CLOSE}\]\s{0,80}\.join(?:\(\s{0,4}${EMPTY}\s{0,4}\)|(?![\w(]|\s{1,4}\())`,
    String.raw`${EMPTY}\.join\(\s{0,80}[[(]\s{0,80}${LIST}`,
    String.raw`\b(?:implode\(\s{0,4}(?:${EMPTY}\s{0,4},\s{0,4})?|join\(\s{0,4}${EMPTY}\s{0,4},\s{0,4})(?:\[|array\()\s{0,80}${LIST}`,
    String.raw`\bstrings\.Join\(\s{0,4}\[\]string\{\s{0,80}${LIST}${CLOSE}\}\s{0,4},\s{0,4}""`,
    String.raw`\b[sS]tring\.[jJ]oin\(\s{0,4}"",\s{0,80}(?:new[ \w]{0,20}\[\]\s{0,4}\{\s{0,80})?${LIST}`,
    String.raw`(?:(?<![.\w])(?:concat|CONCAT)|\b[sS]tring\.Concat)\(\s{0,80}${LIST}`,
  ].join("|"),
  "dg",
)
const PIECE = new RegExp(LITERAL, "g")
/** So much before a call may say what it makes. */
const BEFORE = 200

/**
 * The literals that a call joins with nothing between them, `["sk_", "live_…"].join("")`, with what
 * stands before the call: the pieces of a text as it would be if it were written as one literal.
 */
export function* callsIn(text: string): Generator<CalledPiece[]> {
  if (!MAY_JOIN.test(text)) return
  let done = 0
  for (const match of text.matchAll(CALL)) {
    const [from, to] = match.indices?.slice(1).find(Boolean) ?? [0, 0]
    const list = text.slice(from, to)
    const before = { start: Math.max(done, match.index - BEFORE), end: match.index }
    const literals = Array.from(list.matchAll(PIECE), ({ 0: literal, index }) => {
      const open = literal.search(/["'`]/)
      return { start: from + index + open + 1, end: from + index + literal.length - 1 }
    })
    const last = literals.length - 1
    yield [
      before,
      ...literals.map(({ start, end }, at) => ({
        start: at === 0 ? start - 1 : start,
        end: at === last ? end + 1 : end,
      })),
    ]
    done = match.index + match[0].length
  }
}
