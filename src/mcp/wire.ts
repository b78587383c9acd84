import { LIMITS, Lines } from "../core/index.js"

/** JSON-RPC 2.0 between this server and one client: a line of JSON a message, in UTF-8. */

/** A message, as far as the wire looks into it. */
export interface Message {
  readonly jsonrpc: "2.0"
  readonly id?: MessageId
  readonly method?: string
  readonly params?: unknown
}

type MessageId = string | number

/** An error of the protocol. Its text never quotes the message. */
export interface Problem {
  readonly code: number
  readonly message: string
}

/** Who handles messages. */
export interface Receiver {
  /** What is wrong with a message, if anything: it is answered with that, and goes no further. */
  problemOf(message: object): Problem | undefined
  receive(message: Message): void
  /** The wire is closed: nothing will come, and nothing can be sent. */
  closed(): void
}

/** Where messages come from, and what takes a line. */
interface Streams {
  readonly input: NodeJS.ReadableStream & { destroy(): unknown }
  /** Resolves when the line is taken, rejects when nobody will take any more. */
  readonly write: (line: string) => Promise<void>
}

export const PARSE_ERROR = { code: -32700, message: "this line is not valid JSON" }
const INVALID_REQUEST = -32600
const GONE = { code: -32000, message: "the client has gone" }

/** Requests in work: beyond them nothing is read, unless an answer of the client is awaited. */
const AT_ONCE = 256

/**
 * Survives whatever a client sends: a line that is not a message gets an error, and the next one
 * is served. When the client's stream ends, what it asked before is answered still; when nobody
 * takes answers any more, the wire closes at once.
 */
export class Wire {
  /** Resolves when the wire is closed. */
  readonly done: Promise<void>
  readonly #streams: Streams
  readonly #lines = new Lines(LIMITS.mcpMessage)
  /** Requests of the client that are not answered. */
  readonly #inWork = new Set<MessageId>()
  /** Requests of ours that the client has not answered. */
  readonly #asked = new Set<MessageId>()
  #unsent = 0
  #isEnding = false
  #isClosed = false
  #receiver: Receiver | undefined
  #resolve = (): void => {}

  constructor(streams: Streams) {
    this.#streams = streams
    this.done = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  /** Begins to read. */
  start(receiver: Receiver): void {
    this.#receiver = receiver
    const { input } = this.#streams
    input.on("data", (chunk: Buffer) => this.#takeAll(this.#lines.push(chunk)))
    input.once("end", () => this.#end())
    for (const event of ["error", "close"]) input.once(event, () => this.#end())
  }

  /** Sends a message; resolves when it is taken, or nobody is there to take it. */
  async send(message: Message): Promise<void> {
    if (this.#isClosed) return
    this.#noteSent(message)
    await this.#sendAll(message)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    // An open stdin would keep the process alive.
    this.#streams.input.destroy()
    this.#receiver?.closed()
    this.#resolve()
  }

  #takeAll(lines: Iterable<Buffer | undefined>): void {
    for (const line of lines) {
      if (this.#isClosed) return
      this.#take(line)
    }
    this.#flow()
  }

  #take(line: Buffer | undefined): void {
    if (line === undefined) {
      this.#answer(null, invalid(`a line has at most ${LIMITS.mcpMessage} bytes`))
      return
    }
    const parsed = parse(line)
    if (parsed === undefined) this.#answer(null, PARSE_ERROR)
    else if (parsed.value !== BLANK) this.#deliver(parsed.value)
  }

  #deliver(value: unknown): void {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#answer(null, invalid("a message is an object, and one line holds one"))
      return
    }
    const problem = this.#receiver?.problemOf(value)
    if (problem !== undefined) {
      // What looks like an answer, or a notification, is not answered.
      if ("method" in value && !("id" in value)) return
      if (!("method" in value) && ("result" in value || "error" in value)) return
      this.#answer(idOf(value), problem)
      return
    }
    const message = value as Message
    this.#noteReceived(message)
    this.#receiver?.receive(message)
  }

  /** The client sends no more. What we asked it will not be answered; what it asked will. */
  #end(): void {
    if (this.#isEnding || this.#isClosed) return
    this.#takeAll(this.#lines.end())
    this.#isEnding = true
    for (const id of this.#asked) this.#giveUp(id)
    if (this.#inWork.size === 0 && this.#unsent === 0) this.close()
  }

  #giveUp(id: MessageId): void {
    this.#asked.delete(id)
    const answer = { jsonrpc: "2.0", id, error: GONE } as const
    queueMicrotask(() => this.#receiver?.receive(answer))
  }

  #noteReceived({ id, method, params }: Message): void {
    if (method !== undefined && id !== undefined) this.#inWork.add(id)
    else if (id !== undefined) this.#asked.delete(id)
    else if (method === "notifications/cancelled") this.#noteCancelled(params)
  }

  #noteCancelled(params: unknown): void {
    if (typeof params !== "object" || params === null || !("requestId" in params)) return
    const { requestId } = params
    if (typeof requestId === "string" || typeof requestId === "number") {
      this.#inWork.delete(requestId)
    }
  }

  #noteSent({ id, method }: Message): void {
    if (id === undefined) return
    if (method === undefined) this.#inWork.delete(id)
    else if (this.#isEnding) this.#giveUp(id)
    else this.#asked.add(id)
  }

  #answer(id: MessageId | null, error: Problem): void {
    void this.#sendAll({ jsonrpc: "2.0", id, error })
  }

  async #sendAll(message: object): Promise<void> {
    await this.#write(message)
    this.#flow()
    // Another answer may still be on its way.
    if (this.#isEnding && this.#inWork.size === 0 && this.#unsent === 0) this.close()
  }

  async #write(message: object): Promise<void> {
    const line = `${JSON.stringify(message)}\n`
    this.#unsent += line.length
    try {
      await this.#streams.write(line)
    } catch {
      this.close()
    }
    this.#unsent -= line.length
  }

  /** Reads on, or not: a client that asks faster than it listens waits. */
  #flow(): void {
    if (this.#isClosed) return
    const isFull = this.#inWork.size >= AT_ONCE && this.#asked.size === 0
    if (this.#unsent > LIMITS.mcpUnsent || isFull) this.#streams.input.pause()
    else this.#streams.input.resume()
  }
}

const BLANK = Symbol("a line of nothing")

/** Undefined for text that is not JSON. The parser's error quotes the line, so it stays here. */
function parse(line: Buffer): { value: unknown } | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(line)
    return { value: text.trim() === "" ? BLANK : JSON.parse(text) }
  } catch {
    return undefined
  }
}

/** A message that is none of the protocol. */
export function invalid(message: string): Problem {
  return { code: INVALID_REQUEST, message }
}

/** The id that an answer to this has. */
export function idOf(value: object): MessageId | null {
  const id = "id" in value ? value.id : null
  return typeof id === "string" || typeof id === "number" ? id : null
}
