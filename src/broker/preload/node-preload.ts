// Loaded into each Node that a blind run starts (NODE_OPTIONS=--require): leads its requests through
// the broker, whatever library makes them. Earlier Nodes follow no variable, and later ones follow
// it for their own agents only. Plain, and without a dependency: it runs inside of other programs.
import http from "node:http"
import https from "node:https"
import { type Socket, connect } from "node:net"
import tls from "node:tls"

interface ConnectOptions {
  readonly host?: string | undefined
  readonly hostname?: string | undefined
  readonly port?: number | string | null | undefined
  readonly protocol?: string | null | undefined
  readonly servername?: string | undefined
}
type OnSocket = (error: Error | null, socket: Socket | null) => void

/** Where the broker is, and what has to be shown there. */
interface Proxy {
  readonly host: string
  readonly port: number
  readonly authorization: string
  readonly isDirect: (host: string) => boolean
}

function readProxy(): Proxy | undefined {
  const { HTTPS_PROXY = "", NO_PROXY = "" } = process.env
  if (!URL.canParse(HTTPS_PROXY)) return undefined
  const { hostname, port, username, password } = new URL(HTTPS_PROXY)
  const shown = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  const direct = new Set(NO_PROXY.split(",").filter(Boolean))
  return {
    host: hostname,
    port: Number(port),
    authorization: `Basic ${Buffer.from(shown).toString("base64")}`,
    isDirect: (host) => direct.has(host.replace(/^\[|\]$/g, "").toLowerCase()),
  }
}

/** A connection through the broker to a host, before its TLS. */
function open(through: Proxy, host: string, port: number, done: OnSocket): void {
  const bare = host.replace(/^\[|\]$/g, "")
  const authority = `${bare.includes(":") ? `[${bare}]` : bare}:${port}`
  const request = http.request({
    agent: new http.Agent(),
    host: through.host,
    port: through.port,
    method: "CONNECT",
    path: authority,
    headers: { Host: authority, "Proxy-Authorization": through.authorization },
    createConnection: () => connect({ host: through.host, port: through.port, noDelay: true }),
  })
  request.once("error", (error) => done(error, null))
  request.once("connect", ({ statusCode }, socket: Socket, head) => {
    if (statusCode !== 200) {
      socket.destroy()
      done(refusal(statusCode, authority, head.toString()), null)
      return
    }
    if (head.length > 0) socket.unshift(head)
    done(null, socket)
  })
  request.end()
}

/** The broker's own words, which say what mends it. */
function refusal(status: number | undefined, authority: string, body: string): Error {
  let said = body
  try {
    const { error } = JSON.parse(body) as { error?: { message?: string; hint?: string } }
    said = [error?.message, error?.hint].filter(Boolean).join(": ")
  } catch {
    // It was not the broker that answered.
  }
  return Object.assign(new Error(`CONNECT ${authority}: ${status ?? 0} ${said}`.trim()), {
    code: "ERR_PROXY_TUNNEL",
  })
}

/** Every agent for https, also a library's own: all of them connect by this one method. */
function leadHttps(through: Proxy): void {
  type Connect = (this: unknown, options: ConnectOptions, done?: OnSocket) => Socket | undefined
  const agent = https.Agent.prototype as unknown as { createConnection: Connect }
  const direct = agent.createConnection
  agent.createConnection = function createConnection(options, done) {
    const host = options.host ?? options.hostname ?? "localhost"
    if (done === undefined || through.isDirect(host)) return direct.call(this, options, done)
    open(through, host, Number(options.port ?? 443), (error, socket) => {
      if (socket === null) return done(error, null)
      const secured = { ...options, ...named(options, host), socket } as tls.ConnectionOptions
      done(null, tls.connect(secured))
    })
    return undefined
  }
}

/** The name for the handshake; an address is none (RFC 6066, section 3). */
function named({ servername }: ConnectOptions, host: string): { servername: string } {
  const isAddress = /^[\d.]+$|:/.test(host)
  return { servername: servername || (isAddress ? "" : host) }
}

/** Node's own name for the head of a request that was written already. */
const WRITTEN_HEAD = "_header"

/** What an agent for http is handed: the request, whose head may be written already. */
interface Outgoing extends http.ClientRequest {
  [WRITTEN_HEAD]: string | null
}

/** A request for plain HTTP names the whole address to the broker (RFC 9112, section 3.2.2). */
function leadHttp(through: Proxy): void {
  type Add = (this: unknown, request: Outgoing, options: ConnectOptions, ...rest: unknown[]) => void
  const agent = http.Agent.prototype as unknown as { addRequest: Add }
  const direct = agent.addRequest
  agent.addRequest = function addRequest(request, options, ...rest) {
    const host = options.host ?? options.hostname ?? "localhost"
    const isPlain = (this as { protocol?: string }).protocol === "http:"
    const isOurs = request.method === "CONNECT" || ("socketPath" in options && options.socketPath)
    const isLed = !isPlain || isOurs || /^https?:/.test(request.path) || through.isDirect(host)
    if (isLed) return direct.call(this, request, options, ...rest)
    const port = Number(options.port ?? 80)
    const authority = port === 80 ? host : `${host}:${port}`
    const path = `http://${authority}${request.path}`
    if (request[WRITTEN_HEAD] === null) {
      request.setHeader("Proxy-Authorization", through.authorization)
    } else {
      const line = ` ${request.path} HTTP/`
      request[WRITTEN_HEAD] = request[WRITTEN_HEAD].replace(line, () => ` ${path} HTTP/`).replace(
        "\r\n",
        () => `\r\nProxy-Authorization: ${through.authorization}\r\n`,
      )
    }
    request.path = path
    direct.call(this, request, { ...options, host: through.host, port: through.port }, ...rest)
  }
}

/** What is behind `fetch`: Node's own undici, and one that a program brings along. */
interface Dispatcher {
  dispatch(
    options: { origin?: string | URL; path: string; headers?: unknown },
    handler: unknown,
  ): boolean
}
const GLOBAL_DISPATCHER = Symbol.for("undici.globalDispatcher.1")

function leadFetch(through: Proxy): void {
  if (followsVariables()) return
  // Node loads its undici when something of it is first used.
  new Headers().has("x")
  const holder = globalThis as { [GLOBAL_DISPATCHER]?: Dispatcher }
  const Agent = holder[GLOBAL_DISPATCHER]?.constructor as
    (new (options: object) => Dispatcher) | undefined
  if (Agent === undefined) return
  const secure = (options: ConnectOptions, done: OnSocket): void => {
    const { hostname = "localhost", port } = options
    open(through, hostname, Number(port) || 443, (error, socket) => {
      if (socket === null) return done(error, null)
      const secured = tls.connect({
        socket,
        ...named(options, hostname),
        ALPNProtocols: ["http/1.1"],
      })
      secured.once("error", (failed: Error) => done(failed, null))
      secured.once("secureConnect", () => done(null, secured))
    })
  }
  const direct = new Agent({})
  const tunnels = new Agent({ connect: secure })
  const led: Dispatcher = Object.create(tunnels) as Dispatcher
  led.dispatch = (options, handler) => {
    const { protocol, hostname, origin } = new URL(String(options.origin))
    if (through.isDirect(hostname)) return direct.dispatch(options, handler)
    if (protocol !== "http:") return tunnels.dispatch(options, handler)
    const to = {
      origin: `http://${through.host}:${through.port}`,
      path: `${origin}${options.path}`,
    }
    return direct.dispatch(
      { ...options, ...to, headers: withAuthorization(options.headers) },
      handler,
    )
  }
  holder[GLOBAL_DISPATCHER] = led

  function withAuthorization(headers: unknown): string[] {
    const own = ["proxy-authorization", through.authorization]
    if (Array.isArray(headers)) return [...(headers as string[]), ...own]
    const entries = Object.entries((headers ?? {}) as Record<string, string>)
    return [...entries.flat(), ...own]
  }
}

/** Whether this Node's own fetch follows NODE_USE_ENV_PROXY. */
function followsVariables(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  return major >= 24 || (major === 22 && minor >= 21)
}

const proxy = readProxy()
if (proxy !== undefined) {
  leadHttps(proxy)
  leadHttp(proxy)
  leadFetch(proxy)
}
