import { once } from "node:events"
import { type IncomingMessage, Server as HttpServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { type Socket, connect } from "node:net"
import { type TLSSocket, connect as connectTls, createSecureContext } from "node:tls"
import { createServer as createTlsServer } from "node:tls"
import type { Server } from "node:net"
import { Authority } from "../../../src/broker/authority/authority.js"
import { Placeholders } from "../../../src/broker/placeholder/placeholders.js"
import {
  type Broker,
  type BrokerRequest,
  type PreparedBroker,
  prepareBroker,
} from "../../../src/broker/proxy/prepare-broker.js"
import {
  type Audit,
  type BrokeredVault,
  type Use,
  findVault,
  identityAt,
  noAudit,
  openBrokered,
  parseSecretName,
} from "../../../src/core/index.js"
import { changeUse, setSecret } from "../../../src/core/owner.js"
import { type World, vaultWorld } from "../../core/world.js"

/** What the other side does with a request. */
type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** A service of our own, under TLS, at a name that only the tests' resolver knows. */
export class Service {
  readonly host: string
  readonly port: number
  /** What it proves itself with; PEM. */
  readonly root: string
  readonly http: HttpServer
  handler: Handler = (_request, response) => response.end("ok")
  /** Whether the handler reads the body itself. */
  isStreaming = false
  /** The heads and bodies of the requests that it got. */
  readonly got: { readonly request: IncomingMessage; body: Buffer }[] = []
  /** Connections that were made to it. */
  connections = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(host: string, root: string, server: Server, http: HttpServer) {
    this.host = host
    this.root = root
    this.#server = server
    this.http = http
    this.port = (server.address() as AddressInfo).port
    http.on("request", (request: IncomingMessage, response: ServerResponse) => {
      const got = { request, body: Buffer.alloc(0) }
      this.got.push(got)
      if (this.isStreaming) {
        this.handler(request, response)
        return
      }
      request.on("data", (chunk: Buffer) => {
        got.body = Buffer.concat([got.body, chunk])
      })
      request.once("end", () => this.handler(request, response))
    })
    server.on("connection", (socket: Socket) => {
      this.connections += 1
      this.#sockets.add(socket)
      socket.once("close", () => this.#sockets.delete(socket))
    })
  }

  static async start(host: string): Promise<Service> {
    const own = Authority.make([host])
    const http = new HttpServer()
    const server = createTlsServer(
      {
        SNICallback: (name, done) => done(null, own.contextFor(name)),
        ALPNProtocols: ["http/1.1"],
      },
      (socket) => http.emit("connection", socket),
    )
    // A client that trusts nobody here hangs up.
    server.on("tlsClientError", () => {})
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return new Service(host, own.pem, server, http)
  }

  get authority(): string {
    return `${this.host}:${this.port}`
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

/** What a reply was, byte for byte. */
export interface Reply {
  readonly status: number
  readonly head: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

export interface BrokerOptions extends Partial<Omit<BrokerRequest, "vault" | "placeholders">> {
  readonly audit?: Audit
  /** A listening server that is handed over. */
  readonly listener?: Server
}

/** A vault, a broker for it as the agent ci, and the secrets of a run. */
export class BrokerWorld {
  readonly world: World
  readonly vault: BrokeredVault
  readonly broker: Broker & PreparedBroker & { readonly unsearched: () => readonly string[] }
  readonly authority: Authority
  readonly placeholders: Placeholders

  private constructor(
    parts: Pick<BrokerWorld, "world" | "vault" | "broker" | "authority" | "placeholders">,
  ) {
    this.world = parts.world
    this.vault = parts.vault
    this.broker = parts.broker
    this.authority = parts.authority
    this.placeholders = parts.placeholders
  }

  /** A broker for secrets that are in a vault already. */
  static async start(
    world: World,
    names: readonly string[],
    services: readonly Service[],
    options: BrokerOptions = {},
  ): Promise<BrokerWorld> {
    const place = findVault(world.vaultFolder)
    const key = await identityAt(place, { agent: "ci" }, "never", world.env, noPassphrase)
    const request = { place, key, env: world.env, audit: options.audit ?? noAudit() }
    const vault = await openBrokered(
      request,
      names.map((name) => parseSecretName(name)),
    )
    const values = await vault.values()
    const placeholders = Placeholders.make(
      names.map((secret) => ({ secret })),
      values.map(({ value }) => value),
    )
    const bound = [...(await vault.bound()).values()].flatMap(({ uses }) => uses)
    const hosts = [...bound.flatMap((use) => use.hosts), ...(options.allowed ?? [])]
    const authority = Authority.make(hosts)
    const addresses = new Map(services.map(({ host }) => [host, ["127.0.0.1"]]))
    let unsearched: readonly string[] = []
    const prepared = await prepareBroker({
      onUnsearched: (secrets) => (unsearched = secrets),
      vault,
      placeholders,
      authority,
      roots: services.map(({ root }) => root).join("\n"),
      unbound: "deny",
      allowed: [],
      gate: { models: "redact", others: "refuse" },
      isModel: () => false,
      resolve: (host) => Promise.resolve(addresses.get(host) ?? []),
      ...options,
    })
    const broker = {
      ...prepared,
      unsearched: () => unsearched,
      ...(await prepared.listen(options.listener ?? 0)),
    }
    return new BrokerWorld({ world, vault, broker, authority, placeholders })
  }

  /** The placeholder of a secret. */
  of(name: string): string {
    return this.placeholders.of(name) ?? ""
  }

  get token(): string {
    return new URL(this.broker.url).password
  }

  /** A connection to the proxy, and what it answers to a first request. */
  async dial(): Promise<Socket> {
    const socket = connect({ port: this.broker.port, host: "127.0.0.1", noDelay: true })
    await once(socket, "connect")
    return socket.on("error", () => {})
  }

  /** CONNECT; what the proxy says to it. */
  async connect(authority: string, token = this.token): Promise<{ socket: Socket; reply: Reply }> {
    const socket = await this.dial()
    const shown = token === "" ? "" : `Proxy-Authorization: Basic ${basic(token)}\r\n`
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${shown}\r\n`)
    const reader = new Reader(socket)
    const reply = await reader.reply("CONNECT")
    reader.stop()
    return { socket, reply }
  }

  /** A tunnel to a host, under TLS, as a client has it that trusts this run's authority. */
  async tunnel(
    service: Pick<Service, "host" | "authority">,
    servername = service.host,
  ): Promise<TLSSocket> {
    const { socket, reply } = await this.connect(service.authority)
    if (reply.status !== 200) throw new Error(`CONNECT: ${reply.status} ${reply.body.toString()}`)
    const secured = connectTls({
      socket,
      servername,
      secureContext: createSecureContext({ ca: this.authority.pem }),
      // What is tried with another name is not what a certificate says.
      checkServerIdentity: () => undefined,
      ALPNProtocols: ["http/1.1"],
    })
    await once(secured, "secureConnect")
    return secured.on("error", () => {})
  }

  /** One request over a tunnel of its own. */
  async send(
    service: Pick<Service, "host" | "authority">,
    head: string,
    body: string | Uint8Array = "",
  ): Promise<Reply> {
    const tunnel = await this.tunnel(service)
    const [line = ""] = head.split("\r\n", 1)
    tunnel.write(Buffer.concat([Buffer.from(`${head}\r\n\r\n`, "latin1"), Buffer.from(body)]))
    const reply = await new Reader(tunnel).reply(line.split(" ", 1).join())
    tunnel.destroy()
    return reply
  }

  close(): void {
    void this.broker.close()
  }
}

export function basic(token: string): string {
  return Buffer.from(`x:${token}`).toString("base64")
}

/** The error in a refusal. */
export function refusalIn({ body }: Reply): { code: string; message: string; hint?: string } {
  const { error } = JSON.parse(body.toString()) as {
    error: { code: string; message: string; hint?: string }
  }
  return error
}

const noPassphrase = (): Promise<string> => Promise.reject(new Error("no key has a passphrase"))

/** A vault in which ci may use a secret at a service, by a rule that is signed. */
export async function brokeredWorld(
  secrets: Readonly<Record<string, { value: string; use: readonly Use[] }>>,
): Promise<World> {
  const world = await vaultWorld()
  for (const [name, { value, use }] of Object.entries(secrets)) {
    await setUse(world, name, use, value)
  }
  return world
}

/** Signs rules for a secret, and a value. */
export async function setUse(
  world: World,
  name: string,
  use: readonly Use[],
  value: string,
): Promise<void> {
  const request = await world.request()
  const { result } = await setSecret({ ...request, name, value: Buffer.from(value), metadata: {} })
  if (result.is !== "new") {
    await changeUse({ ...request, name, edit: { do: "remove" } }).catch(() => {})
  }
  await changeUse({ ...request, name, edit: { do: "add", rules: use } })
}

/** A rule as most are. */
export function useAt(service: Pick<Service, "authority">, changes: Partial<Use> = {}): Use {
  return {
    hosts: [service.authority],
    methods: ["GET", "POST"],
    paths: ["/v1/**"],
    at: ["header:authorization"],
    scheme: "bearer",
    ask: "never",
    ...changes,
  }
}

/** Reads replies off a connection, one after the other, as bytes. */
export class Reader {
  readonly #socket: Socket
  #held = Buffer.alloc(0)
  #isEnded = false
  #wake: (() => void) | undefined
  readonly #onData = (chunk: Buffer): void => {
    this.#held = Buffer.concat([this.#held, chunk])
    this.#wake?.()
  }
  readonly #onEnd = (): void => {
    this.#isEnded = true
    this.#wake?.()
  }

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on("data", this.#onData)
    socket.on("close", this.#onEnd)
    socket.on("end", this.#onEnd)
  }

  /** Leaves the connection to somebody else. */
  stop(): void {
    this.#socket.pause()
    this.#socket.off("data", this.#onData)
    this.#socket.off("close", this.#onEnd)
    this.#socket.off("end", this.#onEnd)
    if (this.#held.length > 0) this.#socket.unshift(this.#held)
  }

  /** A reply to a request with this method. Interim replies are skipped unless they are wanted. */
  async reply(method = "GET", interim = false): Promise<Reply> {
    const head = (await this.until("\r\n\r\n")).toString("latin1")
    const status = Number(head.split(" ")[1])
    const headers = new Map<string, string>()
    for (const line of head.split("\r\n").slice(1)) {
      const [name = "", ...value] = line.split(": ")
      if (name !== "") headers.set(name.toLowerCase(), value.join(": "))
    }
    if (status === 100 && !interim) return this.reply(method)
    const isBodiless = method === "HEAD" || status === 204 || status === 304 || status < 200
    const isTunnel = method === "CONNECT" && status === 200
    const body = isBodiless || isTunnel ? Buffer.alloc(0) : await this.#body(headers)
    return { status, head, headers, body }
  }

  /** All up to and with a text. Rejects if the connection ends before. */
  async until(text: string): Promise<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(text)
      if (at >= 0) return this.take(at + text.length)
      await this.#more()
    }
  }

  /** So many bytes. */
  async take(length: number): Promise<Buffer> {
    while (this.#held.length < length) await this.#more()
    const bytes = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length)
    return bytes
  }

  /** All until the connection ends. */
  async rest(): Promise<Buffer> {
    while (!this.#isEnded) await this.#more().catch(() => {})
    return this.take(this.#held.length)
  }

  async #body(headers: ReadonlyMap<string, string>): Promise<Buffer> {
    const length = headers.get("content-length")
    if (length !== undefined) return this.take(Number(length))
    if (headers.get("transfer-encoding") !== "chunked") return this.rest()
    const pieces: Buffer[] = []
    for (;;) {
      const size = parseInt((await this.until("\r\n")).toString(), 16)
      if (size === 0) break
      pieces.push(await this.take(size))
      await this.take(2)
    }
    // Trailers, in the head's form, are left to whoever wants them.
    this.trailers = (await this.until("\r\n")).toString()
    while (!this.trailers.endsWith("\r\n\r\n") && this.trailers !== "\r\n") {
      this.trailers += (await this.until("\r\n")).toString()
    }
    return Buffer.concat(pieces)
  }

  trailers = ""

  async #more(): Promise<void> {
    if (this.#isEnded) throw new Error(`the connection ended after ${this.#held.toString()}`)
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
  }
}
