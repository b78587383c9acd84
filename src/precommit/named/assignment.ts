import { wordsOf } from "./naming.js"

/** A value, with the name that it is given to. */
export interface Assignment {
  /** The words of the name, in lower case. */
  readonly words: readonly string[]
  /** The offsets of the value, without its quotes. */
  readonly start: number
  readonly end: number
  readonly value: string
  /** Whether it was written in quotes, so that it is a literal in any language. */
  readonly quoted: boolean
  /** How it was given: the operator, a space, or `value` for a pair of `name` and `value`. */
  readonly by: string
}

const LONGEST_NAME = 64
/** A value is looked at up to here. */
export const LONGEST_VALUE = 2048

// Each part is bounded, so that looking at one name costs a constant at most.
const BLANK = String.raw`[ \t]{0,20}`
const QUOTE = String.raw`\\{0,3}["'\x60]{0,3}`
const TYPE = String.raw`:${BLANK}[&\w][\w<>.&?' |:]{0,40}?${BLANK}=`
/** A map under the name, of which the first value counts: `tokens = { prod: "…" }`. */
const MAP = String.raw`(?:=|:|=>)[ \t]{0,4}\{\s{0,20}["']?[\w-]{1,40}["']?[ \t]{0,4}(?::|=>|=)(?=[ \t]{0,4}["'])`
/** What a sentence puts between: `token for staging is`, `password of ann:`. */
const WHOSE = String.raw`(?:for|of|on|to)[ ](?:the[ ])?[\w@.-]{1,40}(?:[ ][\w-]{1,20})?(?:[ ]is(?=[ ])|:)`
const OPERATOR = String.raw`(?:${TYPE}|\{ ?get;[^}\n]{0,40}\}[ ]?=|${MAP}|${WHOSE}|[A-Za-z][\w.*]{0,30}[ \t]{1,8}=|={1,3}>|:{1,4}=|[?+.|!&<]{0,2}={1,3}|\?\?=?|\|\||:|->|<-|–|—|→|-(?= )|(?:by lazy[ \t])?\{[ \t]?(?=["'])|,|>|\||\(|(?:is|was)(?: (?:now|still|set to|changed to))?:?(?=[ \t]))`
/** What may stand between a pair's name and its value: its type, a word about it. */
const REMARK = String.raw`(?:["']?(?:[Tt]ype|[Dd]escription|NoEcho|MinLength|MaxLength|sensitive|nullable|ephemeral|in|secret|required|scope|target|env)["']?${BLANK}[:=](?:[^\n,]{0,80},|[^\n]{0,120}\n)\s{0,20}){0,4}`
const PAIR = String.raw`(?:</[\w.-]{1,40})?[,;:>]?\s{0,20}(?:[{<]\s{0,20})?${REMARK}-?["'\x60]?(?:<string(?=>)|value|Value|param-value|default|Default|val|defaultValue|content|secretValue|S|#text)["'\x60]?${BLANK}(?:[:=>]|=>)`

/** From the end of a name to its value: closing quotes and brackets, an operator, blanks. */
const BETWEEN = new RegExp(
  String.raw`${QUOTE}(?:\[\d{0,5}\])?[\])*_]{0,3}${BLANK}(?:(${PAIR})|(${OPERATOR}))[ \t*_]{0,20}(?:[|>][+-]?)?(?:\r?\n[ \t]{0,40}(?:- )?)?`,
  "y",
)
/** A flag and its value, or a word of a command, a configuration or a protocol. */
const SPACED = new RegExp(String.raw`${QUOTE}${BLANK}[ \t]`, "y")
/** A title, and below it a value that has the line to itself. */
const TITLE = /[ \t]{0,8}\r?\n[ \t]{0,8}(?=[\w+/=.~-]{16,200}[ \t]{0,8}(?:\r?\n|$))/y
const SPACED_LINE =
  /(?:^|[\s;&|"'`(])(?:--?[\w-]{0,60}|(?:ENV|ARG|export|set(?: -\w{1,4})?|setx|requirepass|masterauth|machine|login|password|IDENTIFIED BY|PASSWORD|pass|auth|secret|is)\s{1,4}[\w.-]{0,60}|IDENTIFIED|requirepass|masterauth|bindpw|rootpw|storePassword|keyPassword)$/i
/** What may stand between the operator and the literal: a prefix, or a call that takes it. */
const CALL =
  /(?:[bBrRuUfFL@$]|new\s{1,4}|!\w{1,20} )?(?:(?:[A-Za-z_$][\w.$:]{0,60}!?|\[\]byte)?\(\s{0,20})?(?:\[\s{0,20})?(?:[bBrRuUfFL@$]{0,2})(?=["'`\\])/y
const SCHEME =
  /(?:Bearer|Basic|Token|token|Bot|ApiKey|Api-Key|key|bearer|basic|Key|OAuth|SSWS|GenieKey|Splunk)[ \t=]{1,4}/y
const OPEN = /\\{0,3}(?:"""|'''|["'`])/y
/** Groups of four, as Google and WordPress show the password of an app: blanks belong to it. */
const GROUPS =
  /(?:[a-z]{4}(?: [a-z]{4}){3}|[A-Za-z0-9]{4}(?: [A-Za-z0-9]{4}){5})(?=[ \t]{0,20}(?:[\r\n"'`<#;,)}\]\\]|$))/y
const BARE = /[^\s"'`<>,;(){}[\]|\\&]{1,2048}/y

/**
 * The assignment whose name stands at an offset, in whatever language: `name = "value"`,
 * `"name": "value"`, `<name>value</name>`, `--name value`, `name: Bearer value`,
 * `{ name: "name", value: "value" }`. Undefined if none is there.
 *
 * @param from an offset within the name
 */
export function assignmentAt(text: string, from: number): Assignment | undefined {
  let start = from
  while (start > 0 && from - start < LONGEST_NAME && isNameAt(text, start - 1)) start -= 1
  let end = from
  while (end < text.length && end - from < LONGEST_NAME && isNameAt(text, end)) end += 1
  const found = bridge(text, start, end)
  if (!found || isListed(text, start, found.by)) return undefined
  const value = valueAt(text, found.to)
  if (!value || value.end === value.start) return undefined
  // Nothing was given here; the next line gives something to a name of its own.
  if (/=\s*$/.test(text.slice(end, value.start)) && isNextLine(text, end, value)) return undefined
  // A name may be two words, as in "API key: …".
  const before = /(?:^|[^\w-])([A-Za-z]{2,20})[ ]$/.exec(text.slice(Math.max(0, start - 24), start))
  return {
    words: wordsOf(`${before?.[1] ?? ""} ${text.slice(start, end)}`),
    ...value,
    value: text.slice(value.start, value.end),
    by: text.slice(found.to, value.start).includes("[") ? "," : found.by,
  }
}

/** Whether it ends a list of names, `host;date;security-token`: what follows is none's value. */
function isListed(text: string, start: number, by: string): boolean {
  if (by !== "," && by !== "sentence") return false
  return /[\w-];(?:[\w-]{1,64};){0,20}$/.test(text.slice(Math.max(0, start - 200), start))
}

function isNextLine(text: string, from: number, value: { start: number; end: number }): boolean {
  return (
    text.slice(from, value.start).includes("\n") &&
    /^[\w.-]{1,64}=/.test(text.slice(value.start, value.end))
  )
}

/** From the name to where the value begins. */
function bridge(text: string, start: number, end: number): { to: number; by: string } | undefined {
  BETWEEN.lastIndex = end
  const between = BETWEEN.exec(text)
  // An argument of a function is not a name: `(token) => "…"`, `sign("secret") => "…"`.
  if (
    between &&
    /\)[ \t]*$/.test(between[0].split(/[=-]>/, 1)[0] ?? "") &&
    /[=-]>/.test(between[2] ?? "")
  ) {
    return undefined
  }
  // SQL joins two texts so, and neither is the name of the other.
  if (between && /^["']+[ \t]*\|\|/.test(between[0])) return undefined
  if (between) return { to: BETWEEN.lastIndex, by: between[1] ? "value" : operator(between[2]) }
  TITLE.lastIndex = end
  if (TITLE.test(text)) return { to: TITLE.lastIndex, by: "sentence" }
  SPACED.lastIndex = end
  if (!SPACED.test(text)) return undefined
  const to = SPACED.lastIndex
  const line = text.slice(Math.max(0, start - 70), end)
  // Elsewhere it is a sentence, and only what is certain counts.
  return { to, by: SPACED_LINE.test(line) ? " " : "sentence" }
}

/** What a sentence says counts as little as a blank. */
function operator(found = ""): string {
  if (found.includes("{")) return ","
  return /^(?:[iwfot–—→]|-$)/.test(found) ? " " : found
}

function valueAt(
  text: string,
  from: number,
): { start: number; end: number; quoted: boolean } | undefined {
  CALL.lastIndex = from
  let at = CALL.test(text) ? CALL.lastIndex : from
  OPEN.lastIndex = at
  const open = OPEN.exec(text)?.[0]
  if (open === undefined) {
    at = skipScheme(text, at)
    GROUPS.lastIndex = at
    BARE.lastIndex = at
    const bare = (GROUPS.exec(text) ?? BARE.exec(text))?.[0]
    return bare === undefined ? undefined : { start: at, end: at + bare.length, quoted: false }
  }
  const closed = literal(text, at, open) ?? literal(text, at, open.slice(0, 1))
  if (closed) return closed
  const start = skipScheme(text, at + open.length)
  // Markdown that forgot to close: elsewhere, it was a closing quote.
  if (open !== "`") return undefined
  BARE.lastIndex = start
  const bare = BARE.exec(text)?.[0]
  return bare === undefined ? undefined : { start, end: start + bare.length, quoted: false }
}

/** `Bearer` and the like say how a value is presented. They do not belong to it. */
function skipScheme(text: string, from: number): number {
  SCHEME.lastIndex = from
  return SCHEME.test(text) ? SCHEME.lastIndex : from
}

function isNameAt(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    (code >= 48 && code <= 57) ||
    code === 95 ||
    code === 45 ||
    code === 46 ||
    code === 36 ||
    // Letters with accents.
    (code >= 0xc0 && code < 0x250)
  )
}

/** What stands in quotes. Three of them may be one, and a value that begins with one, doubled. */
function literal(
  text: string,
  at: number,
  open: string,
): { start: number; end: number; quoted: boolean } | undefined {
  if (!/["'`]$/.test(open)) return undefined
  const start = skipScheme(text, at + open.length)
  const end = closing(text, start, open) ?? closing(text, start, open, false)
  return end === undefined ? undefined : { start, end, quoted: true }
}

/** Where the quotes close that opened before `start`. */
function closing(text: string, start: number, open: string, escapes = true): number | undefined {
  const limit = Math.min(text.length, start + LONGEST_VALUE)
  for (let end = start; end < limit; end += 1) {
    const letter = text[end]
    if (letter === "\n" && open.length < 3) return undefined
    if (text.startsWith(open, end)) {
      if (!isDoubled(text, start, end, open)) return end
      end += 1
    }
    // Within plain quotes, an escaped character is part of the value.
    else if (escapes && letter === "\\" && !open.startsWith("\\")) end += 1
  }
  return undefined
}

/** YAML, SQL and C# write a quote in quotes twice. Two that follow nothing may be an empty text. */
function isDoubled(text: string, start: number, at: number, open: string): boolean {
  if (open.length > 1 || open === "`" || text[at + 1] !== open) return false
  return at > start || /[^\s,;:)\]}"']/.test(text[at + 2] ?? "")
}
