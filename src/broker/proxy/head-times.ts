import type { ClientRequest, IncomingMessage } from "node:http"
import { nextTick } from "node:process"
import type { Duplex } from "node:stream"
import { VaultError, type Target, hostPortOf } from "../../core/index.js"
import { LOOK_FIRST } from "./refusal.js"

/** How long a connection may rest before a request and its head together, and a reply's head, in ms. */
export const HEAD_MS = 120_000

/** A connection; one in memory does not count its bytes. */
type Counted = Duplex & { readonly bytesRead?: number }

/** The head that is awaited on a connection, if one is. */
interface Awaiting {
  readonly timer: NodeJS.Timeout
  isNow: boolean
  /** How much had been read when it could begin. */
  before: number | undefined
}

/**
 * How long the heads of requests may take on connections of programs. Node counts that for a server
 * that listens itself, and not for one that is given its connections, as inside of a tunnel.
 */
export class RequestHeads {
  readonly #limit: number
  readonly #onLate: (socket: Duplex, hasBegun: boolean) => void
  /** One timer for a connection: to make one and to take it away for each request costs more. */
  readonly #awaited = new WeakMap<Duplex, Awaiting>()

  /** `onLate` hears of a head that is not there in time, and whether any of it came. */
  constructor(limit: number, onLate: (socket: Duplex, hasBegun: boolean) => void) {
    this.#limit = limit
    this.#onLate = onLate
  }

  /** The next head may come from now on. */
  expect(socket: Counted): void {
    if (socket.destroyed) return
    const { bytesRead: before } = socket
    const known = this.#awaited.get(socket)
    if (known === undefined) {
      const late = (): void => {
        if (awaiting.isNow) this.#onLate(socket, socket.bytesRead !== awaiting.before)
      }
      const awaiting: Awaiting = { timer: setTimeout(late, this.#limit), isNow: true, before }
      this.#awaited.set(socket, awaiting)
      return
    }
    Object.assign(known, { isNow: true, before })
    known.timer.refresh()
  }

  /** The next one may come once all of this request is here. */
  expectAfter(request: IncomingMessage): void {
    if (request.complete) this.expect(request.socket)
    else request.once("end", () => this.expect(request.socket))
  }

  /** It is here. */
  arrived(socket: Duplex): void {
    const awaiting = this.#awaited.get(socket)
    if (awaiting !== undefined) awaiting.isNow = false
  }

  /** None comes any more. */
  end(socket: Duplex): void {
    clearTimeout(this.#awaited.get(socket)?.timer)
    this.#awaited.delete(socket)
  }
}

/**
 * Fails a request whose reply has begun, and whose head does not end. How long a reply is in coming
 * is for the program to say: some think for an hour.
 */
export function limitReplyHead(request: ClientRequest, target: Target, limit: number): void {
  let late: NodeJS.Timeout | undefined
  let [hasBegun, isOver] = [false, false]
  const begin = (): void => {
    hasBegun = true
    // Most heads are whole in their first bytes, which are parsed by then.
    nextTick(() => {
      if (hasBegun && !isOver) late = setTimeout(() => request.destroy(slowReply(target)), limit)
    })
  }
  const stop = (): void => {
    hasBegun = false
    clearTimeout(late)
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
  const end = (): void => {
    isOver = true
    stop()
  }
  for (const over of ["response", "upgrade", "connect", "close"]) request.once(over, end)
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
    hint: LOOK_FIRST,
    cause: outOfTime(),
  })
}

function outOfTime(): Error {
  return Object.assign(new Error("a head did not end in time"), { code: "ETIMEDOUT" })
}
