import { isIP } from "node:net"
import { domainToASCII } from "node:url"
import { VaultError } from "../words/errors.js"

/**
 * Where a request goes, in its one canonical form. Rules are compared with this, addresses are
 * looked up for this, and the certificate of the other side must name this.
 */
export interface Target {
  /** Lower case, IDN as A-labels, no trailing dot; an IPv6 address in brackets, as in a URL. */
  readonly host: string
  /** 1 to 65535 */
  readonly port: number
  /** The address, if the host is one: dotted decimal, or IPv6 without brackets (RFC 5952). */
  readonly literal?: string
}

/** What a host may be written with. What a URL would drop, decode or cut off is not among it. */
const WRITTEN = /^[^\p{Cc}\p{Cf}\p{Z}/?#@\\%<>"^`{|}[\]:]+$/u
const BRACKETED = /^\[[0-9a-fA-F:.]+\]$/
const AUTHORITY = /^(?<host>\[[^\]]*\]|[^:]*)(?::(?<port>[1-9][0-9]{0,4}))?$/su

/** A name in DNS: labels of 63 characters at most, 253 in all. An underscore is in use. */
const NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/

/**
 * The target that an authority names (RFC 9110, section 7.2), as in a CONNECT line, `host:port`,
 * or in a Host header, where the port may be left out if there is a `defaultPort`.
 * An address is recognized in every notation that a connection would accept (WHATWG URL, host
 * parser): `2130706433`, `0x7f000001`, `0177.0.0.1` and `127.1` are 127.0.0.1.
 * Throws `TARGET_REFUSED`.
 */
export function parseAuthority(authority: string, defaultPort?: number): Target {
  const { host = "", port } = AUTHORITY.exec(authority)?.groups ?? {}
  const number = port === undefined ? defaultPort : Number(port)
  if (number === undefined || number > 65_535) throw unreadable("it must be HOST:PORT")
  if (!WRITTEN.test(host) && !BRACKETED.test(host)) {
    throw unreadable("a host is a name or an address, without a user, a zone or an escape")
  }
  // Empty if the host is not valid: no name fits that.
  const canonical = domainToASCII(host)
  const literal = canonical.replace(/^\[|\]$/g, "")
  if (isIP(literal) !== 0) return { host: canonical, port: number, literal }
  const name = canonical.replace(/\.$/, "")
  if (!NAME.test(name)) throw unreadable("its host is neither a name nor an address")
  return { host: name, port: number }
}

/** `host:port`, as messages show it. */
export function hostPortOf({ host, port }: Target): string {
  return `${host}:${port}`
}

/** What was written is not repeated: it may be anything. */
function unreadable(why: string): VaultError {
  return new VaultError("TARGET_REFUSED", `the target of the request is not readable: ${why}`, {
    hint: "send CONNECT host:port, as curl -v shows it",
  })
}
