import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { once } from "node:events"
import { type IncomingMessage, Server, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { isFromThisUser } from "./connecting-user.js"
import type { Page } from "./page.js"

/** 256 bits, in URL-safe Base64. */
const RANDOM_BYTES = 32

/** Answers a request for what lies at a path. */
type TakeRequest = (
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
) => void | Promise<void>

/**
 * Serves pages to this machine's user: on loopback, to connections of the same user, under the name
 * that it has. Whoever answers compares the path with one that nobody guesses.
 */
export class LoopbackServer {
  readonly #server: Server
  #origin = ""

  constructor(take: TakeRequest) {
    this.#server = new Server((request, response) => {
      this.#admit(request, response, take).catch(() => response.destroy())
    })
    this.#server.prependListener("connection", (socket: Socket) => {
      if (!isFromThisUser(socket)) socket.destroy()
    })
  }

  /** Listens, and returns its origin: `http://127.0.0.1:PORT`. Throws what the system says. */
  async open(): Promise<string> {
    this.#server.listen(0, "127.0.0.1")
    await once(this.#server, "listening")
    const { port } = this.#server.address() as AddressInfo
    this.#origin = `http://127.0.0.1:${port}`
    return this.#origin
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  /** Whether a browser sends this from our own page; a page of others can send almost as much. */
  isOwnForm({ headers }: IncomingMessage): boolean {
    const { origin, "sec-fetch-site": site = "same-origin", "content-type": type = "" } = headers
    return (
      origin === this.#origin &&
      site === "same-origin" &&
      /^application\/x-www-form-urlencoded(?:; *charset=utf-8)?$/i.test(type)
    )
  }

  async #admit(
    request: IncomingMessage,
    response: ServerResponse,
    take: TakeRequest,
  ): Promise<void> {
    // A name that leads here could be anybody's (DNS rebinding).
    if (request.headers.host !== new URL(this.#origin).host) return sendNothing(response, 404)
    await take(request, response, request.url ?? "")
  }
}

/** A text that nobody guesses. */
export function newRandom(): string {
  return randomBytes(RANDOM_BYTES).toString("base64url")
}

/** Whether two texts are the same, in a time that does not say where they differ. */
export function isSame(one: string, other: string): boolean {
  return timingSafeEqual(digestOf(one), digestOf(other))
}

/** Sends a page that no cache keeps, no other page frames, and no other site hears of. */
export function sendPage(response: ServerResponse, status: number, page: Page): void {
  response.writeHead(status, {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Length": Buffer.byteLength(page.document),
    "Content-Security-Policy": page.policy,
    ...PRIVATE,
  })
  response.end(page.document)
}

/** Sends a status, and where to go instead if there is such a place. */
export function sendNothing(response: ServerResponse, status: number, location?: string): void {
  const elsewhere = location === undefined ? {} : { Location: location }
  response.writeHead(status, { "Content-Length": 0, ...elsewhere, ...PRIVATE })
  response.end()
}

/** For all that is sent. */
export const PRIVATE: Readonly<Record<string, string>> = {
  "X-Frame-Options": "DENY",
  "X-Content-Type-Options": "nosniff",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  // With `no-referrer`, a browser would say `null` for the origin of our own form.
  "Referrer-Policy": "same-origin",
  "Cache-Control": "no-store",
  Connection: "close",
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest()
}
