import { once } from "node:events"
import { type IncomingMessage, type ServerResponse } from "node:http"
import { type Server, createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { Authority } from "../../../src/broker/authority/authority.js"

/** What came, and what the issuer made of it. */
export interface Asked {
  readonly line: string
  readonly body: string
  readonly headers: IncomingMessage["headers"]
}

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void

/** A server on loopback that gives short-lived values, over TLS. */
export abstract class LeaseServer {
  readonly asked: Asked[] = []
  /** Tokens that were given and not ended. */
  readonly live = new Set<string>()
  /** Answers in place of the API. */
  instead: Answer | undefined
  /** Awaited before an answer. */
  before: () => Promise<unknown> = () => Promise.resolve()
  readonly #authority = Authority.make(["localhost"])
  readonly #server: Server

  constructor() {
    const context = this.#authority.contextFor("localhost")
    this.#server = createServer({ SNICallback: (_name, tell) => tell(null, context) })
    this.#server.on("request", (request, response) => void this.#answer(request, response))
  }

  protected abstract answer(asked: Asked, response: ServerResponse): void

  async listen(): Promise<this> {
    await once(this.#server.listen(0, "127.0.0.1"), "listening")
    return this
  }

  /** Who proves it, PEM. */
  get authority(): string {
    return this.#authority.pem
  }

  get url(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`
  }

  /** What was asked for, without what it was asked with. */
  get lines(): string[] {
    return this.asked.map(({ line }) => line)
  }

  /** As at the start, but for what it counts. */
  forget(): void {
    this.asked.length = 0
    this.live.clear()
    this.instead = undefined
    this.before = () => Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ""
    for await (const piece of request as AsyncIterable<Buffer>) body += piece.toString()
    const asked = { line: `${request.method} ${request.url}`, body, headers: request.headers }
    this.asked.push(asked)
    await this.before()
    if (this.instead !== undefined) return this.instead(request, response, body)
    this.answer(asked, response)
  }
}

export function send(response: ServerResponse, status: number, document?: object): void {
  response.writeHead(status, { "content-type": "application/json" })
  response.end(document === undefined ? "" : JSON.stringify(document))
}
