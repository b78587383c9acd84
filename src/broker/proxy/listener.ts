import { once } from "node:events"
import { type IncomingMessage, Server as HttpServer, type ServerResponse } from "node:http"
import { Server, type Socket } from "node:net"
import type { Duplex } from "node:stream"
import { type SecureContext, TLSSocket } from "node:tls"
import { VaultError, isErrno, type Target, parseAuthority } from "../../core/index.js"
import type { ProxyToken } from "./proxy-token.js"
import type { Route } from "./routes.js"
import { answerRefusal, refusalOf, writeRefusal } from "./refusal.js"
import type { ConnectionWatch } from "./connection-watch.js"
import { distrustOf } from "./distrust.js"
import { HEAD_MS, RequestHeads, slowRequest } from "./head-times.js"
import { Turns } from "./turns.js"

/** How long a handshake may take, in ms. */
const HANDSHAKE_MS = 15_000
/** Bytes of a request's head. */
const LONGEST_HEAD = 64 * 1024

/** The connection that a request came on: where it leads was decided before its first byte. */
export interface Hop {
  readonly target: Target
  /** Whether it is plain HTTP: nothing is ever put into such a request. */
  readonly isPlain: boolean
  readonly route: Route
  /** What the client took the other side for, in its handshake. */
  readonly serverName?: string | undefined
}

/** What the listener asks, and where it hands on what it took in. */
export interface Taking {
  /** Undefined where nobody but the program can connect. */
  readonly token: ProxyToken | undefined
  /** What happens to a connection to a target. Throws what refuses it. */
  readonly route: (target: Target, isPlain: boolean) => Route
  readonly contextFor: (host: string) => SecureContext
  readonly open: (target: Target) => Promise<Socket>
  readonly exchange: (hop: Hop, request: IncomingMessage, response: ServerResponse) => Promise<void>
  readonly upgrade: (
    hop: Hop,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ) => Promise<void>
  readonly onRefused: (error: VaultError, target: Target | undefined) => void
  /** How long a connection may rest and take for the head of a request, in ms. */
  readonly headTime?: number | undefined
  readonly watch?:
    Pick<ConnectionWatch, "connected" | "admitted" | "trusted" | "distrusted"> | undefined
}

const OF_HTTP = {
  maxHeaderSize: LONGEST_HEAD,
  keepAliveTimeout: HEAD_MS,
  // An upload may take any time; its head may not: counted here, as in a tunnel Node does not.
  requestTimeout: 0,
  headersTimeout: 0,
  // Counted here, with an answer that a model can read.
  requireHostHeader: false,
  // Whatever NODE_OPTIONS says.
  insecureHTTPParser: false,
}
const ESTABLISHED = "HTTP/1.1 200 Connection Established\r\n\r\n"
/** A request to the proxy itself for plain HTTP (RFC 9112, section 3.2.2). */
const ABSOLUTE = /^http:\/\/(?<authority>[^/?#]*)(?<path>[/?].*)?$/is

/**
 * Takes in connections: CONNECT opens a tunnel, whose TLS ends here or which is passed on untouched;
 * a request for `http://…` is plain HTTP. A connection carries one request after the other.
 */
export class Listener {
  readonly #taking: Taking
  /** What speaks with clients, and what speaks with them inside of their tunnels. */
  readonly #outer: HttpServer
  readonly #inner: HttpServer
  readonly #hops = new WeakMap<Duplex, Hop>()
  /** A request that comes early waits for the one before it. */
  readonly #turns = new Turns()
  readonly #open = new Set<Duplex>()
  readonly #heads: RequestHeads
  #handed: Server | undefined

  constructor(taking: Taking) {
    this.#taking = taking
    this.#heads = new RequestHeads(taking.headTime ?? HEAD_MS, (socket, hasBegun) =>
      this.#endSlow(socket, hasBegun),
    )
    this.#outer = this.#server((request, response) => this.#takePlain(request, response))
    this.#outer.on("connection", () => taking.watch?.connected())
    this.#outer.on("connect", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#inTurn(socket, () => this.#takeConnect(request, socket, head))
    })
    this.#inner = this.#server((request, response) => {
      const hop = this.#hops.get(request.socket)
      return hop ? taking.exchange(hop, request, response) : Promise.resolve()
    })
    this.#inner.on("connect", (_request, socket: Duplex) => {
      this.#inTurn(socket, () =>
        this.#refuse(socket, noTunnelInside(), this.#hops.get(socket)?.target),
      )
    })
    this.#inner.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const hop = this.#hops.get(socket)
      if (hop) this.#inTurn(socket, () => taking.upgrade(hop, request, socket, head))
    })
  }

  /**
   * Listens on a port of 127.0.0.1 (0: any), or takes what a listening server takes that somebody
   * hands over. Returns the port, 0 for a server without one. Throws `PORT_TAKEN`.
   */
  async listen(at: number | Server): Promise<number> {
    if (at instanceof Server) {
      this.#handed = at
      at.on("connection", (socket) => {
        // As a server of HTTP takes its own: who has said all still hears.
        socket.allowHalfOpen = true
        this.#outer.emit("connection", socket)
      })
      return portOf(at)
    }
    try {
      this.#outer.listen(at, "127.0.0.1")
      await once(this.#outer, "listening")
    } catch (cause) {
      throw isErrno(cause, "EADDRINUSE", "EACCES") ? portTaken(at, cause) : cause
    }
    return portOf(this.#outer)
  }

  /** Takes in nothing more, and cuts what there is. */
  close(): void {
    for (const server of [this.#handed, this.#outer]) if (server?.listening) server.close()
    for (const socket of this.#open) socket.destroy()
  }

  #server(take: (request: IncomingMessage, response: ServerResponse) => Promise<void>): HttpServer {
    const server = new HttpServer(OF_HTTP)
    // Node would leave out what follows a thousand: what frames the body, say. Their bytes are counted.
    server.maxHeadersCount = 0
    const takeInTurn = (request: IncomingMessage, response: ServerResponse): void => {
      this.#inTurn(request.socket, async () => {
        await take(request, response)
        this.#heads.expectAfter(request)
      })
    }
    server.on("connection", (socket: Duplex) => {
      this.#keep(socket)
      this.#heads.expect(socket)
    })
    server.on("request", takeInTurn)
    server.on("checkContinue", takeInTurn)
    server.on("clientError", (error: Error, socket: Duplex) => {
      const code = "code" in error ? String(error.code) : ""
      // What follows a request that says it is the last is none, and the answer to that one closes.
      if (code === "HPE_CLOSED_CONNECTION") return
      // Who hung up asks for nothing. Amid a reply, an answer would be taken for a part of it.
      const isOver = !code.startsWith("HPE_") || code === "HPE_INVALID_EOF_STATE"
      if (isOver || this.#turns.has(socket)) socket.destroy()
      else this.#refuse(socket, unreadable(code), this.#hops.get(socket)?.target)
    })
    return server
  }

  #endSlow(socket: Duplex, hasBegun: boolean): void {
    // What goes on there is no head.
    if (this.#turns.has(socket)) return
    if (hasBegun) this.#refuse(socket, slowRequest(), this.#hops.get(socket)?.target)
    else socket.end(() => socket.destroy())
  }

  #inTurn(socket: Duplex, work: () => void | Promise<void>): void {
    this.#heads.arrived(socket)
    this.#turns.take(socket, work)
  }

  async #takeConnect(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    let target: Target | undefined
    try {
      this.#taking.token?.check(request.headers["proxy-authorization"])
      target = parseAuthority(request.url ?? "")
      const route = this.#taking.route(target, false)
      this.#taking.watch?.admitted(target, request.headers["user-agent"])
      const upstream = route === "tunnel" ? await this.#taking.open(target) : undefined
      socket.write(ESTABLISHED)
      if (head.length > 0) socket.unshift(head)
      if (upstream) this.#join(socket, upstream)
      else this.#endTls(socket, target, route)
    } catch (error) {
      this.#refuse(socket, error, target)
    }
  }

  /** Bytes, either way, that nobody looks at. */
  #join(socket: Socket, upstream: Socket): void {
    this.#keep(upstream)
    // What is on its way still arrives.
    socket.once("close", () => upstream.destroySoon())
    upstream.once("close", () => socket.destroySoon())
    socket.pipe(upstream).pipe(socket)
  }

  #endTls(socket: Socket, target: Target, route: Route): void {
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: this.#taking.contextFor(target.host),
      ALPNProtocols: ["http/1.1"],
    })
    const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS)
    const { watch } = this.#taking
    let alert: string | undefined
    // A client that does not accept the certificate says so, and is gone.
    secured.on("error", (error: NodeJS.ErrnoException) => {
      alert ??= error.code
      secured.destroy()
    })
    const ended = (): void => {
      clearTimeout(timer)
      watch?.distrusted(target, alert)
      const distrust = distrustOf(target, alert)
      if (distrust !== undefined) this.#taking.onRefused(distrust, target)
    }
    secured.once("close", ended)
    secured.once("secure", () => {
      clearTimeout(timer)
      secured.off("close", ended)
      watch?.trusted(target)
      const { servername } = secured as { servername?: string | false | null }
      const serverName = servername || undefined
      this.#hops.set(secured, { target, isPlain: false, route, serverName })
      this.#inner.emit("connection", secured)
    })
  }

  async #takePlain(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let target: Target | undefined
    let route: Route
    try {
      this.#taking.token?.check(request.headers["proxy-authorization"])
      const { authority, path = "/" } = ABSOLUTE.exec(request.url ?? "")?.groups ?? {}
      if (authority === undefined) throw notForHere()
      target = parseAuthority(authority, 80)
      route = this.#taking.route(target, true)
      request.url = path.startsWith("/") ? path : `/${path}`
    } catch (error) {
      const refusal = refusalOf(error)
      this.#taking.onRefused(refusal.error, target)
      answerRefusal(response, refusal)
      return
    }
    await this.#taking.exchange({ target, isPlain: true, route }, request, response)
  }

  #refuse(socket: Duplex, error: unknown, target: Target | undefined): void {
    const refusal = refusalOf(error)
    this.#taking.onRefused(refusal.error, target)
    writeRefusal(socket, refusal)
  }

  #keep(socket: Duplex): void {
    this.#open.add(socket)
    socket.once("close", () => {
      this.#open.delete(socket)
      this.#heads.end(socket)
    })
    socket.on("error", () => socket.destroy())
  }
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

function portTaken(port: number, cause: unknown): VaultError {
  return new VaultError("PORT_TAKEN", `the broker cannot listen on 127.0.0.1:${port}`, {
    hint: "another program listens there, or the system keeps it: choose another port, or none",
    cause,
  })
}

function noTunnelInside(): VaultError {
  return new VaultError("REQUEST_REFUSED", "CONNECT inside of a tunnel is not brokered", {
    hint: "send CONNECT to the proxy itself",
  })
}

function notForHere(): VaultError {
  return new VaultError("REQUEST_REFUSED", "this is a proxy, and serves nothing itself", {
    hint: "use it as HTTPS_PROXY; a request for http:// names its host in its target",
  })
}

/** The code alone: the words of the parser may quote the request. */
function unreadable(code: string): VaultError {
  return new VaultError("REQUEST_REFUSED", `the request is not HTTP/1.1: ${code}`, {
    hint: "send plain HTTP/1.1, one meaning to a message, its head within 64 KiB",
  })
}
