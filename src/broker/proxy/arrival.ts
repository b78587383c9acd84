import type { IncomingMessage } from "node:http"
import { VaultError, type Target, hostPortOf, parseAuthority } from "../../core/index.js"
import { type RequestHead, headerValues } from "../placing/request-head.js"
import { refuseAmbiguous } from "./framing.js"
import type { Hop } from "./listener.js"

/** A request, whose target is decided. */
export interface Arrival {
  readonly hop: Hop
  /** As it was sent, but for what the gate took out. */
  readonly head: RequestHead
  readonly request: IncomingMessage
  /** Whether a body follows, as its head says. */
  readonly hasBody: boolean
}

/**
 * Reads the head of a request. Where it goes was said when its connection was made; its Host, and
 * the name in the handshake, must say the same. Throws `TARGET_REFUSED`, `REQUEST_REFUSED`.
 */
export function arrivalOf(hop: Hop, request: IncomingMessage): Arrival {
  const { method = "", url = "", rawHeaders, httpVersion } = request
  const head = { method, target: url, rawHeaders }
  refuseAmbiguous(head, httpVersion)
  const { target, isPlain, serverName } = hop
  const [host = ""] = headerValues(head, "host")
  requireSame(target, "its Host header", host, isPlain ? 80 : 443)
  if (serverName !== undefined) {
    requireSame(target, "the name in its TLS handshake", serverName, target.port)
  }
  // By the very headers that are handed on.
  const length = Number(headerValues(head, "content-length")[0] ?? 0)
  const isChunked = headerValues(head, "transfer-encoding").length > 0
  return { hop, head, request, hasBody: length > 0 || isChunked }
}

function requireSame(target: Target, what: string, authority: string, usualPort: number): void {
  // As most write it; a canonical name means itself.
  if (authority === (target.port === usualPort ? target.host : hostPortOf(target))) return
  const named = parseAuthority(authority, usualPort)
  if (named.host === target.host && named.port === target.port) return
  throw new VaultError(
    "TARGET_REFUSED",
    `the request is refused: its connection leads to ${hostPortOf(target)}, and ${what} says otherwise`,
    { hint: "send CONNECT, the TLS handshake and the request to one and the same host" },
  )
}
