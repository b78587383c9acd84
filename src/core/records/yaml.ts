import {
  type Document,
  type YAMLMap,
  type YAMLParseError,
  isAlias,
  isMap,
  isScalar,
  parseDocument,
  visit,
} from "yaml"
import type { VaultError } from "../words/errors.js"
import { LIMITS } from "../words/limits.js"

// The only file that imports yaml. What edits documents gets the library's nodes from here.
export { type Document, YAMLMap, YAMLSeq, isMap, isNode, isScalar, isSeq } from "yaml"

/** Makes the error of a file, of why it is refused. */
export type YamlRefusal = (why: string, cause?: unknown) => VaultError

/** Open brackets at one place: far more than our files have, far fewer than hurt the parser. */
const DEEPEST = 64

/** The parser's errors whose first line may repeat a part of the text. */
const QUOTING: ReadonlySet<string> = new Set([
  "BAD_COLLECTION_TYPE",
  "BAD_DIRECTIVE",
  "BAD_DQ_ESCAPE",
  "TAG_RESOLVE_FAILED",
  "UNEXPECTED_TOKEN",
])

/**
 * Parses one YAML 1.2 document of the core schema, without anything that lets a text mean what it
 * does not seem to: no anchors, aliases, tags, directives or duplicate keys. Throws `refusal`.
 */
export function parseStrictYaml(bytes: Uint8Array, limit: number, refusal: YamlRefusal): Document {
  if (bytes.length > limit) throw refusal(`it is larger than ${limit} bytes`)
  const text = decodeUtf8(bytes, refusal)
  refuseDeepNesting(text, refusal)
  refuseTooManyEntries(text, refusal)
  // A directive could switch to YAML 1.1, in which other words are booleans and keys merge.
  if (/^%/m.test(text)) throw refusal("it uses a directive")
  const document = parseDocument(text, { uniqueKeys: false, version: "1.2", schema: "core" })
  const [error] = document.errors
  if (error !== undefined) throw refusal(withoutQuotes(error))
  if (document.warnings.length > 0) throw refusal("it uses YAML that it does not need")
  refuseCleverness(document, text, refusal)
  return document
}

/** Throws `refusal` unless a file of another program is one YAML document, anchors and all. */
export function refuseBrokenYaml(text: string, refusal: YamlRefusal): void {
  refuseDeepNesting(text, refusal)
  refuseTooManyEntries(text, refusal)
  const document = parseDocument(text, { uniqueKeys: false })
  const [error] = document.errors
  if (error !== undefined) throw refusal(withoutQuotes(error))
  visit(document, { Map: (_key, map) => refuseDuplicates(map, text, refusal) })
}

/** Our documents are three levels deep; thousands would overflow the parser's stack. */
function refuseDeepNesting(text: string, refusal: YamlRefusal): void {
  let depth = 0
  for (const character of text) {
    if (character === "[" || character === "{") depth += 1
    if (character === "]" || character === "}") depth = Math.max(0, depth - 1)
    if (depth > DEEPEST) throw refusal("it is nested too deeply")
  }
  if (/^ {200}/m.test(text) || /^[ \t]*(?:[-?][ \t]+){20}/m.test(text)) {
    throw refusal("it is nested too deeply")
  }
}

function refuseTooManyEntries(text: string, refusal: YamlRefusal): void {
  let left = LIMITS.yamlEntries
  for (const _ of text.matchAll(/[\n,[{]/g)) {
    if (left-- === 0) throw refusal(`it has more than ${LIMITS.yamlEntries} entries`)
  }
}

/** Anchors, aliases, tags and duplicate keys: each lets a text mean what it does not seem to. */
function refuseCleverness(document: Document, text: string, refusal: YamlRefusal): void {
  // One visitor for all nodes: a visitor of maps would keep maps from the visitor of nodes.
  visit(document, {
    Node(_key, node) {
      if (isAlias(node) || node.anchor !== undefined) throw refusal("it uses an anchor or alias")
      if (node.tag !== undefined) throw refusal("it uses a tag")
      if (!isMap(node)) return
      refuseOddKeys(node, refusal)
      refuseDuplicates(node, text, refusal)
    },
  })
}

function refuseOddKeys(map: YAMLMap, refusal: YamlRefusal): void {
  for (const { key } of map.items) {
    if (!isScalar(key) || typeof key.value !== "string") throw refusal("a key is not plain text")
  }
}

/** The library's own search for them compares each key with each other. */
function refuseDuplicates(map: YAMLMap, text: string, refusal: YamlRefusal): void {
  const keys = new Set<unknown>()
  for (const { key } of map.items) {
    if (!isScalar(key)) continue
    if (keys.has(key.value)) {
      const line = text.slice(0, key.range?.[0]).split("\n").length
      throw refusal(
        `the key ${JSON.stringify(key.value)} stands there twice, again in line ${line}`,
      )
    }
    keys.add(key.value)
  }
}

function decodeUtf8(bytes: Uint8Array, refusal: YamlRefusal): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch (cause) {
    throw refusal("it is not UTF-8", cause)
  }
}

/** What the YAML parser says, without what it quotes of the text: that may be a value. */
function withoutQuotes({ code, message }: YAMLParseError): string {
  const [line = ""] = message.split("\n")
  if (!QUOTING.has(code)) return line.replace(/:$/, "")
  return `it is broken${/ at line \d+, column \d+(?=:?$)/.exec(line)?.[0] ?? ""}`
}
