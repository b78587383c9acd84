import type { ClientRequest, IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { VaultError, type Target, hostPortOf } from "../../core/index.js"

/** How long a connection may rest before a request and its head together, and a reply's head, in ms. */
export const HEAD_MS = 120_000

/** A connection; one in memory does not count its bytes. */
type Counted = Duplex & { readonly bytesRead?: number }

/**
 * How long the heads of requests may take on connections of programs. Node counts that for a server
 * that listens itself, and not for one that is given its connections, as inside of a tunnel.
 */
export class RequestHeads {
  readonly #limit: number
  readonly #onLate: (socket: Duplex, hasBegun: boolean) => void
  readonly #awaited = new WeakMap<Duplex, NodeJS.Timeout>()

  /** `onLate` hears of a head that is not there in time, and whether any of it came. */
  constructor(limit: number, onLate: (socket: Duplex, hasBegun: boolean) => void) {
    this.#limit = limit
    this.#onLate = onLate
  }

  /** The next head may come from now on. */
  expect(socket: Counted): void {
    this.arrived(socket)
    if (socket.destroyed) return
    const { bytesRead: before } = socket
    const late = (): void => this.#onLate(socket, socket.bytesRead !== before)
    this.#awaited.set(socket, setTimeout(late, this.#limit))
  }

  /** The next one may come once all of this request is here. */
  expectAfter(request: IncomingMessage): void {
    if (request.complete) this.expect(request.socket)
    else request.once("end", () => this.expect(request.socket))
  }

  /** It is here, or nobody waits for it any more. */
  arrived(socket: Duplex): void {
    clearTimeout(this.#awaited.get(socket))
    this.#awaited.delete(socket)
  }
}

/**
 * Fails a request whose reply has begun, and whose head does not end. How long a reply is in coming
 * is for the program to say: some think for an hour.
 */
export function limitReplyHead(request: ClientRequest, target: Target, limit: number): void {
  let late: NodeJS.Timeout | undefined
  const stop = (): void => clearTimeout(late)
  const begin = (): void => {
    late = setTimeout(() => request.destroy(slowReply(target)), limit)
  }
  request.once("socket", (socket) => {
    // Before the parser, which may find the whole head in the same bytes.
    const listen = (): unknown => socket.prependOnceListener("data", begin)
    listen()
    // Behind a "100 Continue" an upload may take any time.
    request.on("information", () => {
      stop()
      listen()
    })
  })
  for (const over of ["response", "upgrade", "connect", "close"]) request.once(over, stop)
}

/** A client that is too slow with a head. */
export function slowRequest(): VaultError {
  return new VaultError("REQUEST_REFUSED", "the head of the request did not end in time", {
    hint: `send it whole, within ${HEAD_MS / 1000} s`,
    cause: outOfTime(),
  })
}

function slowReply(target: Target): VaultError {
  const message = `${hostPortOf(target)} did not end the head of its reply in time`
  return new VaultError("UPSTREAM_UNREACHABLE", message, {
    hint: "whether the request was carried out is not known: look before you send it again",
    cause: outOfTime(),
  })
}

function outOfTime(): Error {
  return Object.assign(new Error("a head did not end in time"), { code: "ETIMEDOUT" })
}
