import type { ServerResponse } from "node:http"
import {
  LoopbackServer,
  PRIVATE,
  isSame,
  newRandom,
  sendNothing,
  sendPage,
} from "../../page/loopback-server.js"
import type { Page } from "../../page/page.js"

/** How often it is looked whether anything changed, in ms, as long as somebody looks at the page. */
const LOOK_EVERY_MS = 1000
/** A look takes at most this part of the time. */
const SHARE = 20

/** What is served. */
interface Served {
  /** Makes the page, as things are now. Never rejects. */
  readonly page: () => Promise<Page>
  /** Changes with whatever the page shows. */
  readonly stamp: () => string
}

/**
 * Serves a page that may only be read, to this machine's user. Its first address is good once, and
 * leads to another one, which no command line and no terminal ever had.
 */
export class GlanceServer {
  readonly #served: Served
  readonly #first = `/${newRandom()}`
  readonly #lasting = `/${newRandom()}/`
  readonly #listeners = new Set<ServerResponse>()
  readonly #server = new LoopbackServer((request, response, path) => {
    if (request.method !== "GET") return sendNothing(response, 405)
    return this.#answer(response, path)
  })
  #isOpened = false
  #stamp = ""
  #look: NodeJS.Timeout | undefined

  constructor(served: Served) {
    this.#served = served
  }

  /** Returns the address that is good once. */
  async open(): Promise<string> {
    return `${await this.#server.open()}${this.#first}`
  }

  close(): void {
    clearTimeout(this.#look)
    this.#server.close()
  }

  async #answer(response: ServerResponse, path: string): Promise<void> {
    if (isSame(path, this.#first)) {
      if (this.#isOpened) return sendNothing(response, 410)
      this.#isOpened = true
      return sendNothing(response, 303, this.#lasting)
    }
    if (isSame(path, this.#lasting)) {
      return sendPage(response, 200, await this.#served.page())
    }
    if (isSame(path, `${this.#lasting}changes`)) return this.#tellChanges(response)
    return sendNothing(response, 404)
  }

  /** Server-sent events: one whenever something changed. */
  #tellChanges(response: ServerResponse): void {
    response.writeHead(200, { "Content-Type": "text/event-stream", ...PRIVATE })
    response.write("retry: 1000\n\n")
    if (this.#listeners.size === 0) {
      this.#stamp = this.#served.stamp()
      this.#lookLater(LOOK_EVERY_MS)
    }
    this.#listeners.add(response)
    response.once("close", () => {
      this.#listeners.delete(response)
      if (this.#listeners.size === 0) clearTimeout(this.#look)
    })
  }

  #lookLater(afterMs: number): void {
    this.#look = setTimeout(() => {
      const begun = performance.now()
      const stamp = this.#served.stamp()
      if (stamp !== this.#stamp) {
        for (const listener of this.#listeners) listener.write("event: changed\ndata:\n\n")
      }
      this.#stamp = stamp
      this.#lookLater(Math.max(LOOK_EVERY_MS, SHARE * (performance.now() - begun)))
    }, afterMs)
  }
}
