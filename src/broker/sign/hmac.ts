import { createHmac } from "node:crypto"
import { VaultError } from "../../core/index.js"
import { type SignedRequest, valuesOf } from "./signed-request.js"

/** How a use with the scheme `hmac-sha256` signs. */
interface HmacTerms {
  /**
   * The string to sign: text, and `{method}`, `{path}`, `{query}`, `{host}`, `{body}`,
   * `{body-sha256}`, `{header:NAME}`, `{\n}` for a line's end.
   */
  readonly template: string
  readonly encoding: "hex" | "base64"
  /** Where the signature goes; the pair `query:NAME` is not part of `{query}`. */
  readonly at: string
}

/** A request with its body, where the template has it. */
export interface HmacRequest extends SignedRequest {
  readonly body?: Uint8Array
}

/** What of the body a template signs. */
export function hmacNeeds(template: string): "nothing" | "body-sha256" | "body" {
  if (template.includes("{body}")) return "body"
  return template.includes("{body-sha256}") ? "body-sha256" : "nothing"
}

/** The headers that a template signs, by their names in lower case. */
export function headersIn(template: string): string[] {
  return [...template.matchAll(/\{header:([^{}]*)\}/g)].map(([, name = ""]) => name.toLowerCase())
}

/**
 * The HMAC-SHA256 of the string to sign, in hex (lower case) or base64. `key` is the secret's value,
 * or the placeholder, with which a client signs. The request is as it leaves, signature apart.
 * Throws USAGE for a template with a word that it cannot have, PLACEHOLDER_REFUSED for a header
 * that the request has not, or twice.
 */
export function hmacOf(terms: HmacTerms, request: HmacRequest, key: string | Uint8Array): string {
  const signing = createHmac("sha256", key)
  let end = 0
  for (const { 0: word, 1: name = "", index } of terms.template.matchAll(/\{([^{}]*)\}/g)) {
    signing.update(terms.template.slice(end, index))
    const meaning = meaningOf(name, terms, request)
    // What came over the wire is one character for each byte.
    signing.update(typeof meaning === "string" ? Buffer.from(meaning, "latin1") : meaning)
    end = index + word.length
  }
  return signing.update(terms.template.slice(end)).digest(terms.encoding)
}

function meaningOf(word: string, { at }: HmacTerms, request: HmacRequest): string | Uint8Array {
  if (word.startsWith("header:")) return onlyValue(word.slice("header:".length), request)
  switch (word) {
    case "method":
      return request.method
    case "path":
      return request.path
    case "query":
      return withoutPair(request.query, at)
    case "host":
      return onlyValue("host", request)
    case "body":
      return request.body ?? ""
    case "body-sha256":
      return request.bodyDigest ?? ""
    case "\\n":
      return "\n"
    default:
      throw new VaultError("USAGE", `a template cannot have {${word}}`, {
        hint: "{method}, {path}, {query}, {host}, {body}, {body-sha256}, {header:NAME}, {\\n}",
      })
  }
}

function onlyValue(name: string, request: HmacRequest): string {
  const [value, ...more] = valuesOf(request, name.toLowerCase())
  if (value !== undefined && more.length === 0) return value
  const times = value === undefined ? "not" : "more than once"
  throw new VaultError(
    "PLACEHOLDER_REFUSED",
    `the request cannot be signed: ${name} is ${times} in it`,
    { hint: `send the header ${name} once` },
  )
}

/** The query without the pair that the signature goes into. */
function withoutPair(query: string, at: string): string {
  if (!at.startsWith("query:")) return query
  const name = at.slice("query:".length)
  return query
    .split("&")
    .filter((pair) => pair.split("=")[0] !== name)
    .join("&")
}
