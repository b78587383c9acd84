import { generateKeyPairSync, verify } from "node:crypto"
import { once } from "node:events"
import { type IncomingMessage, type ServerResponse } from "node:http"
import { type Server, createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { Authority } from "../../../src/broker/authority/authority.js"

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
/** The key of the app, as GitHub hands it out. */
export const APP_KEY: string = privateKey.export({ type: "pkcs1", format: "pem" }).toString()
/** A line of it. */
export const KEY_LINE = APP_KEY.split("\n")[3] ?? ""

/** What came, and what the issuer made of it. */
export interface Asked {
  readonly line: string
  readonly body: string
  readonly headers: IncomingMessage["headers"]
}

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void

/**
 * A server on loopback that answers as GitHub's REST API does for an app: tokens of an installation,
 * for a JWT that the app's key signed, and their end.
 */
export class Issuer {
  readonly asked: Asked[] = []
  /** Tokens that were given and not ended. */
  readonly live = new Set<string>()
  /** Answers in place of the API. */
  instead: Answer | undefined
  /** Awaited before an answer. */
  before: () => Promise<unknown> = () => Promise.resolve()
  readonly #authority: Authority
  readonly #server: Server
  #count = 0

  private constructor() {
    this.#authority = Authority.make(["localhost"])
    const context = this.#authority.contextFor("localhost")
    this.#server = createServer({ SNICallback: (_name, tell) => tell(null, context) })
    this.#server.on("request", (request, response) => void this.#answer(request, response))
  }

  static async start(): Promise<Issuer> {
    const issuer = new Issuer()
    await once(issuer.#server.listen(0, "127.0.0.1"), "listening")
    return issuer
  }

  /** Who proves it, PEM. */
  get authority(): string {
    return this.#authority.pem
  }

  get url(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`
  }

  /** The words that lease by it. */
  get said(): string {
    return `--lease github-app --with app=12345 --with installation=678 --with endpoint=${this.url}`
  }

  /** What was asked for, without what it was asked with. */
  get lines(): string[] {
    return this.asked.map(({ line }) => line)
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ""
    for await (const piece of request as AsyncIterable<Buffer>) body += piece.toString()
    const line = `${request.method} ${request.url}`
    this.asked.push({ line, body, headers: request.headers })
    await this.before()
    if (this.instead !== undefined) return this.instead(request, response, body)
    const [, shown = ""] = (request.headers.authorization ?? "").split("Bearer ")
    if (line === "POST /app/installations/678/access_tokens") {
      if (!isOfApp(shown)) return send(response, 401, { message: "Bad credentials" })
      const token = `ghs_12345_not-a-real-token-${(this.#count += 1)}`
      this.live.add(token)
      const ends = new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+/, "")
      return send(response, 201, { token, expires_at: ends, permissions: { contents: "read" } })
    }
    if (line === "DELETE /installation/token") {
      return send(response, this.live.delete(shown) ? 204 : 401)
    }
    send(response, 404, { message: "Not Found" })
  }
}

export function send(response: ServerResponse, status: number, document?: object): void {
  response.writeHead(status, { "content-type": "application/json" })
  response.end(document === undefined ? "" : JSON.stringify(document))
}

function read(part: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>
}

/** Whether GitHub would take this JWT (RFC 7519) for the app's. */
function isOfApp(jwt: string): boolean {
  const [head = "", claims = "", signature = ""] = jwt.split(".")
  const signed = Buffer.from(`${head}.${claims}`)
  if (!verify("sha256", signed, publicKey, Buffer.from(signature, "base64url"))) return false
  const { iat, exp, iss } = read(claims)
  const [now, from, until] = [Date.now() / 1000, Number(iat), Number(exp)]
  const isNow = from <= now && until > now && until - now <= 600
  return read(head)["alg"] === "RS256" && iss === "12345" && isNow
}
