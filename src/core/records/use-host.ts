import { isIPv4, isIPv6 } from "node:net"
import { domainToASCII } from "node:url"
import { VaultError } from "../words/errors.js"

/** A label of a name in DNS; an underscore is in use. */
const LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
/** The last label begins with a letter: what ends in a number is an address, in some notation. */
const HOST_NAME = new RegExp(`^(?=.{1,253}$)(?:${LABEL}\\.)*(?=[a-z])${LABEL}$`)
const DEFAULT_PORT = 443

/**
 * A host of a rule in its one form. Throws `USAGE`, also for an address in a notation of its own
 * (`0x7f.1`), which no request would ever be compared with.
 */
export function parseUseHost(text: string): string {
  const [, star = "", host = "", port] = /^(\*\.)?(.*?)(?::([1-9][0-9]{0,4}))?$/s.exec(text) ?? []
  if (!isWrittenHost(host)) throw noHost(text)
  const ascii = domainToASCII(host)
  const literal = ascii.replace(/^\[|\]$/g, "")
  const isAddress = isIPv4(literal) || isIPv6(literal)
  if (isAddress && (star !== "" || ascii !== host.toLowerCase())) throw noHost(text)
  if (!isAddress && !HOST_NAME.test(ascii)) throw noHost(text)
  if (star !== "" && !ascii.includes(".")) throw noHost(text)
  if (Number(port ?? DEFAULT_PORT) > 65_535) throw noHost(text)
  return `${star}${ascii}${port === undefined || Number(port) === DEFAULT_PORT ? "" : `:${port}`}`
}

/** What a URL would drop, decode or cut off stands in no host. */
function isWrittenHost(host: string): boolean {
  // Here, where it is parsed when it is needed: that takes V8 longer than the rest of this file.
  return /^(?:\[[0-9a-f:.]+\]|[^\p{Cc}\p{Cf}\p{Z}/?#@\\%<>"^`{|}[\]:*]+)$/iu.test(host)
}

function noHost(text: string): VaultError {
  return refused(
    "host",
    text,
    "write api.example.com, *.example.com for one label, or api.example.com:8443; an address as in a URL: 127.0.0.1, [::1]",
  )
}

/** The refusal of a part of a rule. */
export function refused(what: string, text: string, hint: string): VaultError {
  const shown = JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
  return new VaultError("USAGE", `${shown} is not a ${what} that a use can have`, { hint })
}
