import type { Assignment } from "./assignment.js"
import { meaningOf, wordsOf } from "./naming.js"

/** How far before a name the element may begin that it stands in. */
const BEFORE = 400
const LONGEST = 2048

/** An element with attributes, up to where its text begins. An empty one has no text. */
const TAG =
  /<([A-Za-z][\w.:-]{0,60})((?:\s{1,40}[\w.:-]{1,60}\s{0,4}=\s{0,4}(?:"[^"<>]{0,200}"|'[^'<>]{0,200}')){1,12})\s{0,40}>\s{0,80}(?:<(?:value|string)>\s{0,20})?/y
/** The attribute by which Android, .NET and others name an element. */
const NAME = /\s(?:name|key)\s{0,4}=\s{0,4}["']([^"'<>]{1,100})["']/
/** An attribute that says that what follows is ciphertext. */
const ENCRYPTED = /\s(?:encrypted|hashed|encoded)\s{0,4}=\s{0,4}["'](?:true|yes|1)["']/i
const CDATA = "<![CDATA["

const ENTITIES = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
])

/**
 * What stands in elements that an attribute names after a secret, whatever other attributes are
 * there: `<string name="api_key" translatable="false">VALUE</string>`; and in elements of such a
 * name that have attributes.
 */
export function* elementsOf(text: string, names: readonly number[]): Generator<Assignment> {
  if (!text.includes("</")) return
  let done = 0
  for (const at of names) {
    if (at < done) continue
    const before = text.slice(Math.max(0, at - BEFORE), at)
    const open = before.lastIndexOf("<")
    if (open < 0 || before.includes(">", open)) continue
    TAG.lastIndex = at - before.length + open
    const tag = TAG.exec(text)
    if (!tag) continue
    done = TAG.lastIndex
    const [, element = "", attributes = ""] = tag
    const words = wordsOf(NAME.exec(attributes)?.[1] ?? element)
    if (meaningOf(words) === "none" || ENCRYPTED.test(attributes)) continue
    const found = bodyAt(text, done)
    if (found && !isLabel(found.value)) yield { words, ...found, quoted: true, by: ">" }
  }
}

/**
 * Whether it is what a form calls a field, in any language: letters, with an accent or a sign behind
 * them; or text with many letters that no password for a machine is made of.
 */
function isLabel(value: string): boolean {
  // Made when they are needed: the letters of all languages take long.
  const label = /^(?=.*[^A-Za-z])[\p{L}\p{M}'’ -]{1,60}\p{P}{0,3}$/u
  const foreign = /(?![A-Za-z])\p{L}/gu
  return label.test(value) || 2 * (value.match(foreign)?.length ?? 0) > value.length
}

/** The text of an element, and what it stands for. */
function bodyAt(
  text: string,
  from: number,
): { start: number; end: number; value: string } | undefined {
  const isData = text.startsWith(CDATA, from)
  const begin = isData ? from + CDATA.length : from
  const raw = text.slice(begin, begin + LONGEST)
  const length = raw.indexOf(isData ? "]]>" : "</")
  if (length < 0) return undefined
  const body = raw.slice(0, length)
  const bare = body.trim().replace(/^"([^"]+)"$/, "$1")
  const start = begin + body.indexOf(bare)
  return { start, end: start + bare.length, value: isData ? bare : plain(bare) }
}

/** Without XML's entities, and without what Android escapes. */
function plain(text: string): string {
  return text
    .replace(/&(\w{2,4});/g, (whole, name: string) => ENTITIES.get(name) ?? whole)
    .replace(/&#(\d{2,3});/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replace(/\\(["'@?])/g, "$1")
}
