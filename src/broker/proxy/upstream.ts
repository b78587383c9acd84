import { Agent, type ClientRequest, type IncomingMessage, request as sendRequest } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { SecureContext } from "node:tls"
import { callbackify } from "node:util"
import {
  VaultError,
  isErrno,
  dial,
  dialTls,
  upstreamContext,
  type Target,
  hostPortOf,
  type VettingTerms,
  vet,
} from "../../core/index.js"
import type { RequestHead } from "../placing/request-head.js"
import type { OfRequest } from "../reply/scrub-reply.js"
import { HEAD_MS, limitReplyHead } from "./head-times.js"
import { LOOK_FIRST } from "./refusal.js"

/** For how long a connection that nobody uses is kept, in ms: servers close theirs after 5 s. */
const IDLE_MS = 4000
const IDLE_CONNECTIONS = 16
/** Bytes of a reply's head. */
const LONGEST_HEAD = 64 * 1024
/** Node would look for a name to prove in the Host header; connections are made for one already. */
const AS_DIALLED = { servername: "" }

/** How other machines are reached: which roots, and what is asked before an address is dialled. */
interface UpstreamTerms {
  /** The authorities that connections are verified with, as PEM. */
  readonly roots: string
  /** Asked anew for each connection. */
  readonly vetting: () => Promise<VettingTerms>
  /** How long the head of a reply may take, from its first byte on, in ms. */
  readonly headTime?: number | undefined
}

/**
 * The way out. Each new connection is vetted and, for https, verified; there is no other kind.
 * Connections are kept for the next request to the same target.
 */
export class Upstream {
  readonly #terms: UpstreamTerms
  readonly #pools = new Map<string, Pool>()
  /** Made at the first connection: it takes 30 ms to read a system's authorities. */
  #context: SecureContext | undefined

  constructor(terms: UpstreamTerms) {
    this.#terms = terms
  }

  /**
   * Makes sure of a connection that was vetted and, for https, verified: before there is a value to
   * be sent. Throws `TARGET_REFUSED`, `UPSTREAM_UNREACHABLE`, `UPSTREAM_UNTRUSTED`.
   */
  prepare(target: Target, isPlain: boolean): Promise<void> {
    return this.#poolOf(target, isPlain).prepare()
  }

  /**
   * Begins a request; nothing is added to its head. It is not sent before the first byte of its body, or its end. What goes
   * wrong is emitted as its `error`; {@link replyTo} tells it.
   */
  begin(target: Target, isPlain: boolean, head: RequestHead): ClientRequest {
    const { method, target: path, rawHeaders } = head
    const request = sendRequest({
      agent: this.#poolOf(target, isPlain),
      method,
      path,
      headers: [...rawHeaders],
      setHost: false,
      maxHeaderSize: LONGEST_HEAD,
      insecureHTTPParser: false,
      ...AS_DIALLED,
    })
    // Of a reply none is left out; their bytes are counted.
    request.maxHeadersCount = 0
    limitReplyHead(request, target, this.#terms.headTime ?? HEAD_MS)
    return request
  }

  /** A connection for bytes that are not looked at. Throws as `vet` and `dial` do. */
  async open(target: Target): Promise<Socket> {
    return dial(await vet(target, await this.#terms.vetting()))
  }

  /** Closes every connection. */
  close(): void {
    for (const pool of this.#pools.values()) pool.destroy()
  }

  #poolOf(target: Target, isPlain: boolean): Pool {
    const name = `${isPlain ? "http" : "https"}://${hostPortOf(target)}`
    const before = this.#pools.get(name)
    if (before !== undefined) return before
    const pool = new Pool(() => this.#connect(target, isPlain))
    this.#pools.set(name, pool)
    return pool
  }

  async #connect(target: Target, isPlain: boolean): Promise<Socket> {
    if (isPlain) return this.open(target)
    const vetted = await vet(target, await this.#terms.vetting())
    this.#context ??= upstreamContext(this.#terms.roots)
    return dialTls(vetted, this.#context)
  }
}

/** The connections to one target. Node's own would look the name up, and know nothing of vetting. */
class Pool extends Agent {
  readonly #connect: () => Promise<Socket>
  /** Connections that are made for requests which have not begun. */
  readonly #ready: Socket[] = []

  constructor(connect: () => Promise<Socket>) {
    super({
      keepAlive: true,
      maxFreeSockets: IDLE_CONNECTIONS,
      timeout: IDLE_MS,
      scheduling: "lifo",
    })
    this.#connect = connect
  }

  async prepare(): Promise<void> {
    if (Object.values(this.freeSockets).some((free = []) => free.length > 0)) return
    if (this.#ready.some((socket) => !socket.destroyed)) return
    const socket = await this.#connect()
    this.#ready.push(socket)
    socket.on("error", () => socket.destroy()).setTimeout(IDLE_MS, () => socket.destroy())
  }

  /** All are alike. */
  override getName(): string {
    return ""
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    callbackify(() => this.#take())((error, socket) => callback?.(error, socket))
  }

  override destroy(): void {
    for (const socket of this.#ready) socket.destroy()
    super.destroy()
  }

  async #take(): Promise<Socket> {
    for (let socket = this.#ready.pop(); socket; socket = this.#ready.pop()) {
      if (!socket.destroyed) return socket.setTimeout(0).removeAllListeners("timeout")
    }
    return this.#connect()
  }
}

/** What the other side answered: a reply, or another protocol on the same connection. */
export interface Answered extends OfRequest {
  readonly reply: IncomingMessage
  readonly upgraded?: { readonly socket: Duplex; readonly head: Buffer }
}

/**
 * The answer to a request. Rejects with `UPSTREAM_UNREACHABLE`, or with what refused the
 * connection; with {@link StaleConnection} if a kept connection was closed meanwhile.
 */
export function replyTo(request: ClientRequest, target: Target): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(lost(target, new Error("closed")))
    request.once("close", onClose)
    // Once there is an answer, an error for each end of a request would only be costly.
    const answer = (answered: Answered): void => {
      request.off("close", onClose)
      resolve(answered)
    }
    request.once("response", (reply) => answer({ reply }))
    request.once("upgrade", (reply, socket, head) => {
      answer({ reply, upgraded: { socket, head } })
    })
    request.once("connect", (_reply, socket) => {
      socket.destroy()
    })
    // What comes after the reply is told by the reply itself.
    request.on("error", (error) => {
      reject(failureOf(error, request, target))
    })
  })
}

/** A connection that was kept, and that the other side closed: whether it read the request is not known. */
export class StaleConnection extends Error {}

function failureOf(error: Error, request: ClientRequest, target: Target): Error {
  if (error instanceof VaultError) return error
  const isStale = request.reusedSocket && isErrno(error, "ECONNRESET", "EPIPE")
  return isStale ? new StaleConnection(error.message, { cause: error }) : lost(target, error)
}

/** The connection ended, or what came back is not HTTP. */
export function lost(target: Target, cause: Error): VaultError {
  const why = "code" in cause ? String(cause.code) : "it closed the connection"
  const isForm = why.startsWith("HPE_")
  return new VaultError(
    isForm ? "REPLY_REFUSED" : "UPSTREAM_UNREACHABLE",
    isForm
      ? `the reply of ${hostPortOf(target)} is not HTTP/1.1: ${why}`
      : `${hostPortOf(target)} did not answer: ${why}`,
    { hint: LOOK_FIRST, cause },
  )
}
