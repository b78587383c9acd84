import { randomBytes } from "node:crypto"
import { validateHeaderName, validateHeaderValue } from "node:http"
import {
  type AskedRequest,
  type Sending,
  VaultError,
  parseRequest,
  parseSecretName,
} from "../../core/index.js"
import { wrong } from "../calls/arguments.js"
import type { WireRequest } from "../../serving/serving.js"

/** What a model writes of a request. */
export interface RequestArguments {
  readonly method: string
  readonly url: string
  /** `Name: value` */
  readonly headers: readonly string[]
  readonly body: string
  /** `us-east-1/s3` */
  readonly scope: string
}

/** A secret that a model named in a request, `{{stripe/api-key}}`, and the place where it stands. */
interface NamedSecret {
  readonly secret: string
  readonly at: Sending["at"]
}

/** A request as a model wrote it, with the names of secrets where their values are to go. */
export interface WrittenRequest {
  readonly asked: AskedRequest
  readonly url: URL
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
  readonly named: readonly NamedSecret[]
  /** The same for the wire. */
  readonly write: (placeholderOf: (secret: string) => string) => WireRequest
}

/** Blanks around the name are taken off behind it: looking for them here takes a time without end. */
const NAME = /\{\{([^{}]*)\}\}/g
/** What we write ourselves; a model that says it says nothing. */
const OURS: ReadonlySet<string> = new Set([
  "content-length",
  "accept-encoding",
  "connection",
  "keep-alive",
])
/** What changes how a message is read, or for whom it is. */
const REFUSED = /^(?:host|transfer-encoding|te|trailer|upgrade|expect|proxy-.*)$/
const DEFAULTS = [
  ["Accept", "*/*"],
  ["User-Agent", "agent-vault"],
] as const

/** Reads what a model wrote. Throws `USAGE`, `NAME_INVALID`, and as core's `parseRequest` does. */
export function readRequest(written: Partial<RequestArguments>): WrittenRequest {
  const { method = "GET", url: text = "", headers: lines = [], body = "" } = written
  const marks = new UrlMarks()
  const marked = marks.put(text)
  const { asked, url } = addressOf(method, marked)
  const given = lines.map(headerOf).filter(([name]) => !OURS.has(name.toLowerCase()))
  const headers = withDefaults(given, body)
  const place = bodyPlace(headers)
  const named = [
    ...marks.inPath(url),
    ...headers.flatMap(([name, value]) => namesIn(value, `header:${name.toLowerCase()}`)),
    ...(place === undefined ? namedNowhere(body) : namesIn(body, place)),
  ]
  const write: WrittenRequest["write"] = (placeholderOf) => ({
    method: asked.method,
    authority: `${asked.host}:${asked.port}`,
    target: marks.filled(`${url.pathname}${url.search}`, placeholderOf),
    headers: headers.map(([name, value]) => [name, headerValue(value, placeholderOf)]),
    body: Buffer.from(filled(body, place === "body:form" ? formed(placeholderOf) : placeholderOf)),
  })
  const path = marks.shown(url.pathname)
  return { asked: { ...asked, path }, url, headers, body, named, write }
}

/** Names of secrets in a URL, as words that a parser of URLs leaves alone. */
class UrlMarks {
  readonly #nonce = randomBytes(8).toString("hex")
  readonly #secrets: string[] = []

  put(text: string): string {
    return text.replace(NAME, (_, name: string) => {
      this.#secrets.push(parseSecretName(name.trim()).full)
      return `${this.#nonce}x${this.#secrets.length - 1}x`
    })
  }

  inPath({ pathname, searchParams }: URL): NamedSecret[] {
    const inPath = this.#found(pathname).map((secret) => ({ secret, at: "path" as const }))
    const inQuery = [...searchParams].flatMap(([name, value]) =>
      this.#found(value).map((secret) => ({ secret, at: `query:${name}` as const })),
    )
    const named = [...inPath, ...inQuery]
    if (named.length === this.#secrets.length) return named
    throw wrong("a secret's name may stand in the path and in the value of a query's parameter")
  }

  filled(text: string, placeholderOf: (secret: string) => string): string {
    return this.#replaced(text, (secret) => encodeURIComponent(placeholderOf(secret)))
  }

  shown(text: string): string {
    return this.#replaced(text, () => "SECRET")
  }

  #found(text: string): string[] {
    const found: string[] = []
    this.#replaced(text, (secret) => {
      found.push(secret)
      return ""
    })
    return found
  }

  #replaced(text: string, by: (secret: string) => string): string {
    const mark = new RegExp(`${this.#nonce}x(\\d+)x`, "g")
    return text.replace(mark, (_, at: string) => by(this.#secrets[Number(at)] ?? ""))
  }
}

/** Throws `USAGE` for what is no https URL. */
function addressOf(method: string, text: string): { asked: AskedRequest; url: URL } {
  try {
    return { asked: parseRequest(method, text), url: new URL(text) }
  } catch (error) {
    if (error instanceof VaultError && error.code !== "USAGE") throw error
    throw wrong(
      "method and url do not make a request that a secret can go with",
      "only https carries secrets, and no user is in the URL: https://api.example.com/v1/items",
    )
  }
}

function headerOf(line: string): readonly [string, string] {
  const colon = line.indexOf(":")
  const [name, value] = [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  } catch {
    throw wrong("one of headers is not `Name: value`")
  }
  if (!REFUSED.test(name.toLowerCase())) return [name, value]
  throw wrong(`the header ${name} is not a model's to set`, "leave it out, and call again")
}

function withDefaults(
  given: readonly (readonly [string, string])[],
  body: string,
): (readonly [string, string])[] {
  const has = (name: string): boolean =>
    given.some(([each]) => each.toLowerCase() === name.toLowerCase())
  const type = isJson(body) ? "application/json" : "text/plain; charset=utf-8"
  const typed = body === "" || has("content-type") ? [] : [["Content-Type", type] as const]
  return [...given, ...typed, ...DEFAULTS.filter(([name]) => !has(name))]
}

function isJson(body: string): boolean {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === "object" && value !== null
  } catch {
    return false
  }
}

/** The place of a body that a value may go into; undefined for a body of another type. */
function bodyPlace(
  headers: readonly (readonly [string, string])[],
): "body:json" | "body:form" | undefined {
  const type = headers.find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? ""
  if (/^application\/(?:[^;]*\+)?json\b/i.test(type)) return "body:json"
  return /^application\/x-www-form-urlencoded\b/i.test(type) ? "body:form" : undefined
}

function namesIn(text: string, at: Sending["at"]): NamedSecret[] {
  return [...text.matchAll(NAME)].flatMap(([, written = ""]) => {
    const name = written.trim()
    // A template of somebody else's, `{{title}}`, is text like any other.
    if (at.startsWith("body:") && !name.includes("/")) return []
    return [{ secret: parseSecretName(name).full, at }]
  })
}

/** A secret's name in a body into which no rule can put a value would be sent as it is. */
function namedNowhere(body: string): [] {
  if (namesIn(body, "body:json").length === 0) return []
  throw wrong(
    "a secret's name stands in a body that is neither JSON nor a form",
    "say its type in headers: Content-Type: application/json",
  )
}

function filled(text: string, by: (secret: string) => string): string {
  return text.replace(NAME, (whole, name: string) => (name.includes("/") ? by(name.trim()) : whole))
}

function formed(by: (secret: string) => string): (secret: string) => string {
  return (secret) => encodeURIComponent(by(secret))
}

/** `Basic USER:{{GROUP/NAME}}`, or the name and a colon, is written as a client writes it. */
function headerValue(value: string, by: (secret: string) => string): string {
  const [, credentials = ""] = /^basic +(\S.*)$/i.exec(value) ?? []
  if (!credentials.includes(":") || !credentials.includes("{{")) return filled(value, by)
  return `Basic ${Buffer.from(filled(credentials, by)).toString("base64")}`
}
