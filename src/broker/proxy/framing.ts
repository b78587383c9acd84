import type { OutgoingMessage } from "node:http"
import { VaultError } from "../../core/index.js"
import { type RequestHead, headerValues } from "../placing/request-head.js"

/** Of an older version a request has no headers, whatever follows its line. */
const VERSIONS = new Set(["1.0", "1.1"])

/** Methods that no request may have: one opens a tunnel, the others echo what was sent. */
const REFUSED_METHODS = new Set(["CONNECT", "TRACE", "TRACK"])

/** What `Connection` may name. Whoever names another header has it taken out by some servers. */
const NOMINATED = new Set(["close", "keep-alive", "upgrade", "te", "http2-settings"])

/** Headers between two neighbours, which are not handed on (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  // It announces what may come behind chunks, and whether there are any is for each connection.
  "trailer",
  "transfer-encoding",
  "upgrade",
])

/** Names by which a server takes another method or path than the one a rule was matched with. */
const OVERRIDES = new Set([
  "x-http-method-override",
  "x-http-method",
  "x-method-override",
  "x-original-url",
  "x-rewrite-url",
])

/**
 * Headers that a proxy sets for the server behind it: where the request went before it came there. A
 * server that believes them takes the request for one to another host, or under another path.
 */
const OF_PROXIES = new Set([
  "forwarded",
  "x-forwarded-host",
  "x-forwarded-method",
  "x-forwarded-path",
  "x-forwarded-prefix",
  "x-forwarded-server",
  "x-forwarded-uri",
  "x-host",
  "x-http-host-override",
  "x-original-host",
  "x-original-method",
  "x-original-uri",
])

/** A host of this machine, which means nothing to a service elsewhere. */
const OWN_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i

/** What a head alone may say (RFC 9110, section 6.5.1). */
const OF_HEADS = new Set([
  "authorization",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "cookie",
  "expect",
  "host",
  "range",
])

/**
 * Refuses what two servers could read in two ways, beyond what Node's parser refuses by itself: a
 * length twice or beside chunks, a bare LF, folded lines, NUL. Throws `REQUEST_REFUSED`.
 */
export function refuseAmbiguous(head: RequestHead, httpVersion: string): void {
  if (!VERSIONS.has(httpVersion)) throw ambiguous("it is not HTTP/1.1")
  if (REFUSED_METHODS.has(head.method)) throw ambiguous(`${head.method} is not brokered`)
  if (!head.target.startsWith("/")) throw ambiguous("its target is not a path")
  if (head.target.includes("#")) throw ambiguous("its target has a fragment")
  if (headerValues(head, "host").length !== 1) throw ambiguous("it must have one Host header")
  const codings = headerValues(head, "transfer-encoding")
  if (codings.some((coding) => coding.toLowerCase() !== "chunked")) {
    throw ambiguous("its Transfer-Encoding is not chunked")
  }
  if (codings.length > 0 && httpVersion !== "1.1") {
    throw ambiguous("HTTP/1.0 has no Transfer-Encoding")
  }
  if (tokensOf(head, "connection").some((token) => !NOMINATED.has(token))) {
    throw ambiguous("its Connection header takes out another header")
  }
}

/**
 * Refuses a request that gets a value and asks the server to take it for one of another method, to
 * another host, or under another path, than the rule was matched with: in a header, in the query, or
 * in a form, of which `form` is the body. Throws `USE_REFUSED`.
 */
export function refuseOverride(head: RequestHead, form: Uint8Array | undefined): void {
  const rawHeaders = withoutOwnHost(head.rawHeaders)
  const names = rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase())
  const named = names.find((name) => isOverride(name) || OF_PROXIES.has(headerNamed(name)))
  const [, ...query] = head.target.split("?")
  const pairs = [query.join("?"), Buffer.from(form ?? []).toString("latin1")]
  const override = named ?? pairs.map(methodNamedIn).find((name) => name !== undefined)
  if (override === undefined) return
  throw new VaultError("USE_REFUSED", `${override} would change the request on the way`, {
    hint: "send the request with the method, the host and the path that are meant, and without that; if a proxy of a development server adds it, switch that off there (xfwd)",
  })
}

/**
 * The headers without that by which the proxy of a development server says whom it was asked for, which
 * not every one can leave out: as if the program had not sent it.
 */
export function withoutOwnHost(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, at) => {
    const begin = at - (at % 2)
    if (!OWN_HOST.test(rawHeaders[begin + 1] ?? "")) return true
    return headerNamed((rawHeaders[begin] ?? "").toLowerCase()) !== "x-forwarded-host"
  })
}

/**
 * Refuses trailers that say what a head says: some servers take them for headers, after all that was
 * decided by these. Throws `REQUEST_REFUSED`.
 */
export function refuseLateHeaders(rawTrailers: readonly string[]): void {
  for (const [name] of pairsOf(rawTrailers)) {
    const known = name.toLowerCase()
    const meant = headerNamed(known)
    if (isOverride(known) || OF_PROXIES.has(meant) || OF_HEADS.has(meant)) {
      throw ambiguous(`${known} is a header, and comes behind the body`)
    }
  }
}

/** Whether a body is a form, by any of its types. */
export function isForm(head: RequestHead): boolean {
  return headerValues(head, "content-type").some((type) => /x-www-form-urlencoded/i.test(type))
}

function isOverride(name: string): boolean {
  return OVERRIDES.has(headerNamed(name))
}

/** The header that a name means to what is written as CGI has it, where each such sign is `_`. */
function headerNamed(name: string): string {
  return name.replaceAll(/[^a-z0-9]/g, "-")
}

/**
 * What of pairs has servers take a POST for another method: `_method`, Salesforce's `_HttpMethod`,
 * Google's `$httpMethod` and `$httpHeaders`, or the name of such a header, which some read there as well.
 * Names may be escaped, some servers part pairs by `;` too, and to PHP a blank, a dot or a bracket is `_`.
 */
function methodNamedIn(pairs: string): string | undefined {
  const names = [...new URLSearchParams(pairs.replaceAll(";", "&")).keys()]
  return names
    .map((name) => name.trim().toLowerCase())
    .find((name) => /^(?:[_ .[$](?:http)?method|\$httpheaders)$/.test(name) || isOverride(name))
}

/** The headers that are handed on, as they were written. */
export function endToEnd(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, at) => {
    const name = rawHeaders[at - (at % 2)] ?? ""
    return !HOP_BY_HOP.has(name.toLowerCase())
  })
}

/** The headers without one; its name in lower case. */
export function without(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, at) => (rawHeaders[at - (at % 2)] ?? "").toLowerCase() !== name)
}

/** Names and values in turn, as pairs. */
export function pairsOf(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at] ?? "", raw[at + 1] ?? ""])
  return pairs
}

/** Sends a head before there is a body. Node's own way to do so writes it as UTF-8, not as it came. */
export function flushHead(message: OutgoingMessage): void {
  message.write("", "latin1")
}

/** The members of a header that is a list of tokens, in lower case. */
export function tokensOf(head: RequestHead, name: string): string[] {
  return headerValues(head, name)
    .flatMap((value) => value.split(","))
    .map((token) => token.trim().toLowerCase())
    .filter((token) => token !== "")
}

function ambiguous(why: string): VaultError {
  return new VaultError("REQUEST_REFUSED", `the request is refused: ${why}`, {
    hint: "send plain HTTP/1.1, one meaning to a message",
  })
}
