import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { once } from "node:events"
import { type IncomingMessage, Server, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import type { Ask, Question } from "../proxy/asking.js"
import { answeredPage, questionPage } from "./ask-form.js"
import { isFromThisUser } from "./connecting-user.js"

/** 256 bits, in URL-safe Base64. */
const RANDOM_BYTES = 32
/** Bytes of an answer: its token, and a word. */
const LONGEST_ANSWER = 1024

/**
 * Asks on a page of this machine's loopback: a page for each question, at an address that nobody
 * guesses, which takes one answer and is gone. `tell` gets the address, and shows it to the person
 * alone. Throws what keeps a server from listening; whoever asks takes that for a no.
 */
export function askOnPage(tell: (url: string, question: Question) => void): Ask {
  return async (question, signal) => {
    const page = new AskPage(question)
    try {
      tell(await page.open(), question)
      return await page.answer(signal)
    } finally {
      page.close()
    }
  }
}

class AskPage {
  readonly #question: Question
  readonly #path = `/${newRandom()}`
  readonly #token = newRandom()
  readonly #server: Server
  readonly #answered: Promise<boolean>
  #answer: (isYes: boolean) => void = () => {}
  #isAnswered = false
  #origin = ""

  constructor(question: Question) {
    this.#question = question
    this.#answered = new Promise((resolve) => {
      this.#answer = resolve
    })
    this.#server = new Server((request, response) => {
      this.#take(request, response).catch(() => response.destroy())
    })
    this.#server.prependListener("connection", (socket: Socket) => {
      if (!isFromThisUser(socket)) socket.destroy()
    })
  }

  /** Returns its address. */
  async open(): Promise<string> {
    this.#server.listen(0, "127.0.0.1")
    await once(this.#server, "listening")
    const { port } = this.#server.address() as AddressInfo
    this.#origin = `http://127.0.0.1:${port}`
    return `${this.#origin}${this.#path}`
  }

  async answer(signal: AbortSignal): Promise<boolean> {
    const late = new Promise<boolean>((resolve) => {
      signal.addEventListener("abort", () => resolve(false))
    })
    return Promise.race([this.#answered, late])
  }

  close(): void {
    this.#isAnswered = true
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isHere = isSame(request.url ?? "", this.#path)
    // A name that leads here could be anybody's (DNS rebinding).
    if (!isHere || request.headers.host !== new URL(this.#origin).host) {
      return send(response, 404, "")
    }
    if (request.method === "GET") {
      return send(response, 200, questionPage(this.#question, this.#token))
    }
    if (request.method !== "POST") return send(response, 405, "")
    const isYes = this.#isOwnForm(request) ? this.#read(await bodyOf(request)) : undefined
    if (isYes === undefined || this.#isAnswered) return send(response, 403, "")
    this.#isAnswered = true
    // The person sees what they said; then the page is gone.
    response.once("close", () => this.#answer(isYes))
    send(response, 200, answeredPage(isYes))
  }

  /** Whether a browser sends this from our page; a form on a page of others can send as much. */
  #isOwnForm({ headers }: IncomingMessage): boolean {
    const { origin, "sec-fetch-site": site = "same-origin", "content-type": type } = headers
    return (
      origin === this.#origin &&
      site === "same-origin" &&
      type === "application/x-www-form-urlencoded"
    )
  }

  #read(body: string | undefined): boolean | undefined {
    const form = new URLSearchParams(body)
    if (!isSame(form.get("token") ?? "", this.#token)) return undefined
    const answers = form.getAll("answer")
    const [answer] = answers
    return answers.length === 1 && (answer === "yes" || answer === "no")
      ? answer === "yes"
      : undefined
  }
}

/** Undefined for one that is too long. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > LONGEST_ANSWER) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function send(response: ServerResponse, status: number, page: string): void {
  response.writeHead(status, {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Length": Buffer.byteLength(page),
    // Nothing is loaded, no script runs, nobody frames it to have a click land on it.
    "Content-Security-Policy":
      "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    // With `no-referrer`, a browser would say `null` for the origin of our own form.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    Connection: "close",
  })
  response.end(page)
}

function newRandom(): string {
  return randomBytes(RANDOM_BYTES).toString("base64url")
}

function isSame(one: string, other: string): boolean {
  return timingSafeEqual(digestOf(one), digestOf(other))
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest()
}
