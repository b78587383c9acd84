import { once } from "node:events"
import { type IncomingMessage, Server as HttpServer, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { type Server, createServer } from "node:tls"
import { Authority } from "../authority/authority.js"
import type { RequestSeen } from "./sightings.js"

/** Names under `localhost` are this machine's (RFC 6761, section 6.3): no packet leaves it. */
const HOST = "probe.localhost"
/** Of a body, so much is looked at. */
const MOST_LOOKED_AT = 64 * 1024

/** What the service tells of what it got. */
interface Reception {
  /** A request, whole. */
  readonly arrived: (request: string) => RequestSeen
  /** Somebody connected who does not trust it: it is not the broker, which does. */
  readonly distrusted: () => void
}

/**
 * The service that a client is to reach: TLS on a port of loopback, in our own process. Only the
 * broker knows its authority.
 */
export class ProbeService {
  /** `probe.localhost:PORT` */
  readonly authority: string
  /** Its authority, PEM. */
  readonly root: string
  /** Who hears of what comes, once somebody does. */
  reception: Reception | undefined
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, http: HttpServer, root: string) {
    this.authority = `${HOST}:${(server.address() as AddressInfo).port}`
    this.root = root
    this.#server = server
    http.on("request", (request, response) => {
      void answer(request, response, (text) => this.reception?.arrived(text))
    })
    server.on("tlsClientError", () => this.reception?.distrusted())
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once("close", () => this.#sockets.delete(socket))
    })
  }

  static async start(): Promise<ProbeService> {
    const own = Authority.make([HOST])
    const http = new HttpServer()
    const server = createServer(
      {
        // A client that went round the broker may name no server, and is to be seen all the same.
        SNICallback: (_name, done) => done(null, own.contextFor(HOST)),
        ALPNProtocols: ["http/1.1"],
      },
      (socket) => http.emit("connection", socket),
    )
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return new ProbeService(server, http, own.pem)
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

/**
 * Without the value it asks for one, as services do: git and others send it then. With it, it says
 * what it got, so that a client shows what the broker makes of the reply.
 */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  arrived: (request: string) => RequestSeen | undefined,
): Promise<void> {
  const { method = "", url = "", rawHeaders } = request
  const body = await beginningOf(request)
  const got = arrived([method, url, ...rawHeaders.map(withoutBasic), body].join("\n"))
  if (got?.holds === "value") {
    const sent = String(request.headers.authorization ?? request.headers["x-api-key"] ?? url)
    response.setHeader("content-type", "application/json")
    response.end(`${JSON.stringify({ probe: "the service was reached", sent })}\n`)
    return
  }
  response.writeHead(401, { "www-authenticate": 'Basic realm="agent-vault probe"' }).end()
}

async function beginningOf(request: IncomingMessage): Promise<string> {
  let text = ""
  try {
    for await (const chunk of request) {
      if (text.length < MOST_LOOKED_AT) text += String(chunk)
    }
  } catch {
    // The client is gone: what it sent is what there is.
  }
  return text
}

/** What a header of Basic (RFC 7617) says, beside how it says it. */
function withoutBasic(header: string): string {
  const [, encoded] = /^basic +(\S+)$/i.exec(header) ?? []
  return encoded === undefined ? header : `${header}\n${Buffer.from(encoded, "base64").toString()}`
}
