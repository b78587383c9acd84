import { once } from "node:events"
import { type Socket, connect } from "node:net"
import { type SecureContext, type TLSSocket, connect as connectTls } from "node:tls"
import { VaultError } from "../words/errors.js"
import { isErrno } from "../words/system-error.js"
import { hostPortOf, type Target } from "./target.js"
import type { Vetted } from "./vet.js"

/** How long an address may take to accept, and again for its handshake, in milliseconds. */
const PATIENCE = 15_000

/**
 * A connection to the first vetted address that accepts one, without delay of small writes.
 * Throws `UPSTREAM_UNREACHABLE`.
 */
export async function dial(
  { target, addresses }: Vetted,
  patience: number = PATIENCE,
): Promise<Socket> {
  let cause: unknown
  for (const address of addresses) {
    try {
      return await dialAddress(address, target.port, patience)
    } catch (error) {
      cause = error
    }
  }
  throw unreachable(target, cause)
}

/**
 * The same under TLS. The other side must prove to be the target's host, to an authority of
 * `context`; there is no way to ask for less. Speaks HTTP/1.1 only.
 * Throws `UPSTREAM_UNREACHABLE`, `UPSTREAM_UNTRUSTED`.
 */
export async function dialTls(
  vetted: Vetted,
  context: SecureContext,
  patience: number = PATIENCE,
): Promise<TLSSocket> {
  const { target } = vetted
  const socket = await dial(vetted, patience)
  const secured = connectTls({
    socket,
    secureContext: context,
    // What the certificate must name. An address is not sent as a server's name (RFC 6066).
    host: target.literal ?? target.host,
    servername: target.literal === undefined ? target.host : "",
    rejectUnauthorized: true,
    ALPNProtocols: ["http/1.1"],
  })
  try {
    await happened(secured, "secureConnect", patience)
    return secured
  } catch (error) {
    throw isOfNetwork(error) ? unreachable(target, error) : untrusted(target, error)
  }
}

async function dialAddress(host: string, port: number, patience: number): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true })
  await happened(socket, "connect", patience)
  return socket
}

/** Waits for an event. On an error, or if the event does not come in time, the socket is gone. */
async function happened(
  socket: Socket,
  event: "connect" | "secureConnect",
  patience: number,
): Promise<void> {
  try {
    await once(socket, event, { signal: AbortSignal.timeout(patience) })
  } catch (error) {
    socket.on("error", () => {}).destroy()
    throw error
  }
}

/** Whether a handshake ended because of the way to the other side, not because of what it said. */
function isOfNetwork(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return (
    error.name === "AbortError" ||
    ("syscall" in error && !isErrno(error, "EPROTO")) ||
    isErrno(error, "ECONNRESET")
  )
}

function unreachable(target: Target, cause: unknown): VaultError {
  const why = codeOf(cause)
  return new VaultError("UPSTREAM_UNREACHABLE", `cannot reach ${hostPortOf(target)}: ${why}`, {
    hint: "check that it is up, and that this machine may connect to it; then send the request again",
    cause,
  })
}

function untrusted(target: Target, cause: unknown): VaultError {
  const why = codeOf(cause)
  return new VaultError("UPSTREAM_UNTRUSTED", `${hostPortOf(target)} is not trusted: ${why}`, {
    hint: "if an authority of your own signs for it: NODE_EXTRA_CA_CERTS=FILE agent-vault …",
    cause,
  })
}

/** The code alone: a message may quote what the other side sent. */
function codeOf(error: unknown): string {
  if (error instanceof Error && error.name === "AbortError") return "it does not answer in time"
  if (error instanceof Error && "code" in error) return String(error.code)
  return "it closed the connection"
}
