import type { IncomingMessage } from "node:http"
import { Readable } from "node:stream"
import type { Passage } from "../gate/passage.js"
import { gatherBody } from "../placing/request-body.js"
import type { RequestHead } from "../placing/request-head.js"

const NO_BYTES = Buffer.alloc(0)

/** A body that may leave, as far as the gate is concerned, and the head that frames it. */
interface Gated {
  readonly head: RequestHead
  readonly body: Readable
}

/** A request's body: as a whole if somebody had to see all of it, as it comes, or none. */
export type BodyAsSent = Uint8Array | Readable | undefined

/**
 * The body of a request, on its way out through the gate. It passes as it comes, unless somebody has
 * to see all of it; then it is read once, for all who do.
 */
export class OutgoingBody {
  readonly #request: IncomingMessage
  readonly #head: RequestHead
  readonly #hasBody: boolean
  readonly #passage: Passage
  readonly #beforeReading: () => void
  #gated: Promise<Gated> | undefined
  #arrived: Promise<Buffer> | undefined
  #whole: Promise<Buffer> | undefined

  /** `beforeReading`: the program may wait for a word before it sends its body. */
  constructor(
    { request, head, hasBody }: { request: IncomingMessage; head: RequestHead; hasBody: boolean },
    passage: Passage,
    beforeReading: () => void,
  ) {
    this.#request = request
    this.#head = head
    this.#hasBody = hasBody
    this.#passage = passage
    this.#beforeReading = beforeReading
  }

  /**
   * All bytes that may leave; none without a body. Throws `GATE_REFUSED`, and `PLACEHOLDER_REFUSED`
   * as `gatherBody` does.
   */
  whole(): Promise<Buffer> {
    this.#whole ??= this.#hasBody ? this.#gather() : Promise.resolve(NO_BYTES)
    return this.#whole
  }

  /**
   * All bytes that the program sent, which it signed; what leaves may differ, under `redact`. Throws
   * `PLACEHOLDER_REFUSED` as `gatherBody` does.
   */
  asItCame(): Promise<Buffer> {
    this.#arrived ??= this.#hasBody ? this.#read() : Promise.resolve(NO_BYTES)
    return this.#arrived
  }

  /** Whether the gate may let another body leave than the program sent. */
  get mayChange(): boolean {
    return this.#hasBody && this.#passage.mode === "redact"
  }

  /** The bytes, if somebody had to see all of them. */
  get wholeIfSeen(): Promise<Buffer> | undefined {
    return this.#hasBody && this.#arrived !== undefined ? this.whole() : undefined
  }

  /** What is to be sent, and the head that frames it. Throws `GATE_REFUSED`. */
  async leave(): Promise<{ readonly head: RequestHead; readonly body: BodyAsSent }> {
    if (!this.#hasBody) return { head: this.#head, body: undefined }
    const whole = await this.wholeIfSeen
    const { head, body } = await this.#throughGate()
    return { head, body: whole ?? body }
  }

  /** Whether the program was told to send its body, and so waits for no word from the other side. */
  get isAwaited(): boolean {
    return this.#gated !== undefined && (this.#whole !== undefined || this.#passage.mode !== "off")
  }

  #read(): Promise<Buffer> {
    this.#beforeReading()
    return gatherBody(this.#head, this.#arriving())
  }

  async #gather(): Promise<Buffer> {
    const arrived = await this.asItCame()
    this.#gated = this.#passage.body(this.#head, Readable.from([arrived], { objectMode: false }))
    const { head, body } = await this.#gated
    const whole = await gatherBody(head, body)
    // One without a length is framed for what might be found: nothing was.
    if (whole.equals(arrived)) this.#gated = Promise.resolve({ head: this.#head, body })
    return whole
  }

  #throughGate(): Promise<Gated> {
    if (this.#gated !== undefined) return this.#gated
    if (this.#passage.mode !== "off") this.#beforeReading()
    this.#gated = this.#passage.body(this.#head, this.#arriving())
    return this.#gated
  }

  /** Whoever reads no further leaves the rest to be read off: the next request is behind it. */
  #arriving(): AsyncIterable<Buffer> {
    return this.#request.iterator({ destroyOnReturn: false })
  }
}
