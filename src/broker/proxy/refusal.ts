import type { ServerResponse } from "node:http"
import { STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import { type VaultError, asVaultError, harmless, isErrno } from "../../core/index.js"

/** What an error is on the wire; what is not here is a 403. */
const STATUSES: Partial<Record<VaultError["code"], number>> = {
  REQUEST_REFUSED: 400,
  PROXY_TOKEN_WRONG: 407,
  UPSTREAM_UNREACHABLE: 502,
  UPSTREAM_UNTRUSTED: 502,
  REPLY_REFUSED: 502,
  BUG: 500,
}

/** A hint for whoever sent a request that may have arrived. */
export const LOOK_FIRST =
  "whether the request was carried out is not known: look before you send it again"

/** What is one because somebody took too long. */
const LATE: Partial<Record<VaultError["code"], number>> = {
  REQUEST_REFUSED: 408,
  UPSTREAM_UNREACHABLE: 504,
}

/** A refusal as a client gets it: a status, headers, and a body of JSON for a model to read. */
export interface WireRefusal {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: Buffer
  readonly error: VaultError
}

/** Any error as a refusal. What is not a `VaultError` is told as `BUG`, without its own words. */
export function refusalOf(thrown: unknown): WireRefusal {
  const error = asVaultError(thrown)
  const { code, hint } = error
  // A message may name what the other side or a record says.
  const told = { code, message: harmless(error.message), hint: hint && harmless(hint) }
  const body = Buffer.from(`${JSON.stringify({ error: told })}\n`)
  const status = (isTooSlow(error) ? LATE[code] : undefined) ?? STATUSES[code] ?? 403
  const length = String(body.length)
  const headers = ["Content-Type", "application/json", "Content-Length", length]
  if (status === 407) headers.push("Proxy-Authenticate", 'Basic realm="agent-vault"')
  return { status, headers, body, error }
}

/** Answers a request with a refusal; the connection may be used again. */
export function answerRefusal(
  response: ServerResponse,
  { status, headers, body }: WireRefusal,
): void {
  if (response.headersSent) {
    // The client has a part of a reply: only a cut tells it that the rest is missing.
    response.destroy()
    return
  }
  response.writeHead(status, [...headers])
  response.end(body)
}

/** Answers on a connection that no server of HTTP holds any more, and closes it. */
export function writeRefusal(socket: Duplex, { status, headers, body }: WireRefusal): void {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`]
  for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`)
  lines.push("Connection: close", "", "")
  if (!socket.writable) {
    socket.destroy()
    return
  }
  socket.end(Buffer.concat([Buffer.from(lines.join("\r\n")), body]), () => socket.destroy())
}

function isTooSlow({ cause }: VaultError): boolean {
  return cause instanceof Error && (cause.name === "AbortError" || isErrno(cause, "ETIMEDOUT"))
}
