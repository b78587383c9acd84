import { VaultError } from "../words/errors.js"
import { LIMITS } from "../words/limits.js"
import { parseUseHost, refused } from "./use-host.js"
import { pathAmbiguity, plainPath } from "../words/canonical-path.js"

export type BodyPlace = "body:json" | "body:form"
/** A place of a request; the names of headers in lower case. */
export type UsePlace = `header:${string}` | `query:${string}` | "path" | BodyPlace

export const USE_SCHEMES = ["raw", "bearer", "basic", "sigv4", "hmac-sha256"] as const
/** How a value is written at its place; the last two sign with it, and put it nowhere. */
export type UseScheme = (typeof USE_SCHEMES)[number]

export const USE_ASKS = ["never", "session", "each"] as const
/** Whether a person is asked: never, until they say yes for the session, or at each request. */
export type UseAsk = (typeof USE_ASKS)[number]

export const USE_ENCODINGS = ["hex", "base64"] as const
export type UseEncoding = (typeof USE_ENCODINGS)[number]

/**
 * A rule in a secret's signed record: to which host, method and path, and at which place of a
 * request, the value may go. Without one the broker sends it nowhere.
 */
export interface Use {
  /**
   * Exact, or `*.` and a name of two labels at least, for one label more; lower case, IDN as
   * A-labels, `:port` if it is not 443; addresses as in a URL: `127.0.0.1`, `[::1]:8443`.
   */
  readonly hosts: readonly string[]
  /** Upper case; never CONNECT or TRACE. */
  readonly methods: readonly string[]
  /** From the root: `*` is any text within a segment, `**` one or more segments. */
  readonly paths: readonly string[]
  readonly at: readonly UsePlace[]
  readonly scheme: UseScheme
  readonly ask: UseAsk
  /**
   * Of `basic`: the user name; without one, the value is the user name or the password.
   * Of `sigv4`: the access key's id, which is public.
   */
  readonly user?: string
  /**
   * Of `hmac-sha256`: the text to sign, with `{method}`, `{path}`, `{query}`, `{host}`, `{body}`,
   * `{body-sha256}`, `{header:NAME}` and `{\n}`.
   */
  readonly template?: string
  /** Of `hmac-sha256`. */
  readonly encoding?: UseEncoding
  /** The service of the catalogue that it came from: decides what a placeholder looks like. */
  readonly service?: string
}

/** A rule as a person, a program or the catalogue writes it. */
export interface WrittenUse {
  readonly hosts: readonly string[]
  /** Any case. */
  readonly methods: readonly string[]
  readonly paths: readonly string[]
  /** The names of headers in any case. */
  readonly at: readonly string[]
  readonly scheme: string
  /** `never` if it is not said. */
  readonly ask?: string | undefined
  readonly user?: string | undefined
  readonly template?: string | undefined
  /** `hex` if a template is there and this is not said. */
  readonly encoding?: string | undefined
  readonly service?: string | undefined
}

/** The one form of a rule, as a record holds it. Throws `USAGE` for one that no record may hold. */
export function parseUse(written: WrittenUse): Use {
  const scheme = choose("scheme", USE_SCHEMES, written.scheme)
  const at = all("place", written.at, (text) => parsePlace(text))
  const { user, template, service } = written
  for (const place of at) refuseMismatch(scheme, place)
  refuseStray("--user", user, scheme === "basic" || scheme === "sigv4", scheme)
  refuseStray("--template", template, scheme === "hmac-sha256", scheme)
  refuseStray("--encoding", written.encoding, scheme === "hmac-sha256", scheme)
  const signing = scheme === "hmac-sha256" ? parseSigning(template, written.encoding) : {}
  return {
    hosts: all("host", written.hosts, parseUseHost),
    methods: all("method", written.methods, parseMethod),
    paths: all("path", written.paths, parsePathPattern),
    at,
    scheme,
    ask: choose("ask", USE_ASKS, written.ask ?? "never"),
    ...(user === undefined ? {} : { user: parseUser(user) }),
    ...signing,
    ...(service === undefined ? {} : { service: parseServiceName(service) }),
  }
}

/** The rule in one line, for people: `GET POST api.stripe.com /v1/** as bearer in header:…`. */
export function describeUse(use: Use): string {
  const asks = { never: "", session: ", asks until yes for the session", each: ", asks each time" }[
    use.ask
  ]
  const user = use.user === undefined ? "" : ` of ${use.user}`
  const signed = use.template === undefined ? "" : ` (${use.encoding ?? "hex"}) of ${use.template}`
  const [hosts, methods, paths, at] = [use.hosts, use.methods, use.paths, use.at].map((list) =>
    list.join(" "),
  )
  return `${methods} ${hosts} ${paths} as ${use.scheme}${user}${signed} in ${at}${asks}`
}

/** The options of `agent-vault use` that say this rule, each with its value, not quoted. */
export function optionsOfUse(use: Use): readonly (readonly [option: string, value: string])[] {
  return [
    ...each("--host", use.hosts),
    ...each("--method", use.methods),
    ...each("--path", use.paths),
    ...each("--at", use.at),
    ["--scheme", use.scheme],
    ...said("--ask", use.ask === "never" ? undefined : use.ask),
    ...said("--user", use.user),
    ...said("--template", use.template),
    ...said("--encoding", use.encoding),
  ]
}

function each(option: string, values: readonly string[]): [string, string][] {
  return values.map((value) => [option, value])
}

function said(option: string, value: string | undefined): [string, string][] {
  return value === undefined ? [] : [[option, value]]
}

/** Whether two rules say the same. */
export function isSameUse(one: Use, other: Use): boolean {
  return canonical(one) === canonical(other)
}

/** Whether they are the same rules in the same order, or there are none on either side. */
export function areSameUses(one: readonly Use[] = [], other: readonly Use[] = []): boolean {
  return (
    one.length === other.length && one.every((use, index) => isSameUse(use, other[index] ?? use))
  )
}

function canonical(use: Use): string {
  const keys = Object.keys(use) as (keyof Use)[]
  return JSON.stringify(keys.toSorted().map((key) => [key, use[key]]))
}

/** A token in upper case (RFC 9110, section 9.1). */
const METHOD = /^[A-Z][A-Z-]{0,31}$/

function parseMethod(text: string): string {
  const method = text.toUpperCase()
  if (METHOD.test(method) && method !== "CONNECT" && method !== "TRACE") return method
  throw refused("method", text, "write GET, POST or the like; CONNECT and TRACE carry no secret")
}

/** `**` is a whole segment. */
const HALF_STARS = /\*\*[^/]|[^/]\*\*/

function parsePathPattern(text: string): string {
  const why = HALF_STARS.test(text) ? "** is not a whole segment of it" : pathAmbiguity(text)
  if (text.length <= LIMITS.usePath && why === undefined) return plainPath(text)
  throw refused(
    "path",
    text,
    `${why ?? "it is too long"}; write /v1/**, where ** is one or more segments and * any text within one`,
  )
}

const PLACE =
  /^(?:header:[a-z0-9][a-z0-9_.-]{0,63}|query:[A-Za-z0-9_.~[\]-]{1,64}|path|body:json|body:form)$/
/** Headers that say where a request goes, or where it ends. */
const FRAMING =
  /^header:(?:host|connection|content-(?:length|encoding|type)|expect|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade)$/

function parsePlace(text: string): UsePlace {
  const place = /^header:/i.test(text) ? text.toLowerCase() : text
  if (isPlace(place)) return place
  throw refused(
    "place",
    text,
    "write header:authorization, query:key, path, body:json or body:form; headers that frame a request carry no secret",
  )
}

function isPlace(text: string): text is UsePlace {
  return PLACE.test(text) && !FRAMING.test(text)
}

/** The places at which each scheme can write. */
const PLACES_OF: Readonly<Record<UseScheme, RegExp>> = {
  raw: /^/,
  bearer: /^header:/,
  basic: /^header:/,
  sigv4: /^(?:header|query):/,
  "hmac-sha256": /^(?:header|query):/,
}

function refuseMismatch(scheme: UseScheme, place: UsePlace): void {
  if (PLACES_OF[scheme].test(place)) return
  throw new VaultError("USAGE", `the scheme ${scheme} does not write at ${place}`, {
    hint:
      scheme === "bearer" || scheme === "basic"
        ? "--at header:NAME"
        : "--at header:NAME or query:NAME",
  })
}

/** A user name of Basic has no colon (RFC 7617, section 2). */
function parseUser(text: string): string {
  if (/^[^:\p{Cc}]{1,200}$/u.test(text) && text.isWellFormed()) return text
  throw refused("user", text, "write 1 to 200 characters, none of them a colon")
}

function parseSigning(
  template: string | undefined,
  encoding: string | undefined,
): Pick<Use, "template" | "encoding"> {
  if (template === undefined) {
    throw new VaultError("USAGE", "the scheme hmac-sha256 needs a text to sign", {
      hint: String.raw`--template '{method}{\n}{path}{\n}{body}'`,
    })
  }
  if (!isTemplate(template) || !template.isWellFormed()) {
    throw refused(
      "template",
      template,
      String.raw`blanks are {method}, {path}, {query}, {host}, {body}, {body-sha256}, {header:name} and {\n}`,
    )
  }
  return { template, encoding: choose("encoding", USE_ENCODINGS, encoding ?? "hex") }
}

/** In a function, since it is parsed with the rest of a file that every read loads. */
function isTemplate(text: string): boolean {
  return /^(?:[^{}\p{Cc}]|\{(?:method|path|query|host|body|body-sha256|header:[a-z0-9][a-z0-9_.-]{0,63}|\\n)\}){1,1000}$/u.test(
    text,
  )
}

function parseServiceName(text: string): string {
  if (/^(?=.{1,64}$)[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(text)) return text
  throw refused("service", text, "see: agent-vault services")
}

/** What says it, on the command line. */
const SAID_AS = {
  host: "--host HOST, as in --host api.example.com",
  method: "--method METHOD, as in --method GET",
  path: "--path PATTERN, as in --path '/v1/**'",
  place: "--at PLACE, as in --at header:authorization",
} as const

/** Each text once, in the order in which they were given. */
function all<T>(
  what: keyof typeof SAID_AS,
  texts: readonly string[],
  parse: (text: string) => T,
): readonly T[] {
  if (texts.length === 0) {
    throw new VaultError("USAGE", `the rule names no ${what}`, {
      hint: SAID_AS[what],
    })
  }
  const parsed = [...new Set(texts.map(parse))]
  if (parsed.length <= LIMITS.useList) return parsed
  throw new VaultError("USAGE", `the rule names ${parsed.length} times a ${what}`, {
    hint: `a rule holds at most ${LIMITS.useList} of each: write a second rule`,
  })
}

function choose<T extends string>(what: string, choices: readonly T[], text: string): T {
  const chosen = choices.find((choice) => choice === text)
  if (chosen !== undefined) return chosen
  throw refused(what, text, `choose one of ${choices.join(", ")}`)
}

function refuseStray(
  option: string,
  value: string | undefined,
  isFitting: boolean,
  scheme: UseScheme,
): void {
  if (value === undefined || isFitting) return
  throw new VaultError("USAGE", `the scheme ${scheme} has no use for ${option}`, {
    hint: `leave out ${option}, or give the --scheme that it belongs to`,
  })
}
