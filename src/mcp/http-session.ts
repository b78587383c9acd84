import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import { TOOLS } from "./tools/tools.js"
import { withSafeError } from "./transports.js"
import type { Message } from "./wire.js"

/** What happens to a session. */
interface SessionEvents {
  readonly newId: () => string
  /** The client said hello, and is told this id. */
  readonly begun: (id: string) => void
  readonly ended: () => void
}

/** The headers that the protocol looks at. Others stay out. */
const HEADERS = [
  "accept",
  "content-type",
  "mcp-session-id",
  "mcp-protocol-version",
  "last-event-id",
] as const

/** One session over HTTP: the SDK's own transport. */
export class HttpSession {
  readonly #http: WebStandardStreamableHTTPServerTransport

  constructor({ newId, begun, ended }: SessionEvents) {
    this.#http = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: newId,
      onsessioninitialized: begun,
    })
    Object.assign(this.#http, { onclose: ended })
    const send = this.#http.send.bind(this.#http)
    const safely: typeof send = (message, options) => send(withSafeError(message), options)
    Object.assign(this.#http, { send: safely })
  }

  get transport(): Transport {
    return this.#http
  }

  /** Answers a request, whose message was read and found right. */
  answer(
    { method, headers }: Pick<HttpRequestHead, "method" | "headers">,
    message: unknown,
  ): Promise<Response> {
    const kept = HEADERS.flatMap((name) => {
      const value = headers[name]
      return typeof value === "string" ? [[name, value] as [string, string]] : []
    })
    // Nothing of the address is looked at.
    const request = new Request("http://localhost/", { method, headers: kept })
    return this.#http.handleRequest(request, { parsedBody: message })
  }

  /**
   * The client went without the answer to a message, and nobody can have it any more: what was to be
   * asked or sent for it is not. A program that it started goes on: it may be amid something.
   */
  takeBack({ id: requestId, method, params }: Message): void {
    // An answer of the client has an id as well: that of a question of ours.
    if (method !== "tools/call" || requestId === undefined) return
    const { name } = (params ?? {}) as { readonly name?: unknown }
    const isProgram = TOOLS.some((tool) => tool.runsPrograms && tool.name === name)
    if (isProgram) return
    const cancelled = { method: "notifications/cancelled", params: { requestId } }
    this.#http.onmessage?.({ jsonrpc: "2.0", ...cancelled })
  }

  close(): Promise<void> {
    return this.#http.close()
  }
}

/** A request, as far as a session looks at it. */
interface HttpRequestHead {
  readonly method: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}
