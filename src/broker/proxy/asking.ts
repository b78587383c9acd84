import { createHash } from "node:crypto"
import { VaultError } from "../../core/index.js"
import { authorityOf, type Target } from "../target/target.js"

/** An unanswered question is a no, in ms. */
const PATIENCE_MS = 120_000

/** What a person is asked, and what an answer is bound to. */
export interface Question {
  /** `stripe/api-key` */
  readonly secret: string
  readonly method: string
  readonly target: Target
  /** Canonical, as it was matched with the rule; text of a program. */
  readonly path: string
  /** `sha256:…` of the body, where each request is asked about. */
  readonly bodyDigest?: string | undefined
}

/** Asks a person. Resolves to their answer; only `true` is a yes. */
export type Ask = (question: Question, signal: AbortSignal) => Promise<boolean>

/** Asks nobody: the answer is no. */
export const askNobody: Ask = () => Promise.resolve(false)

/** Asks what was not asked before in this run, one question after the other. */
export class Agreements {
  readonly #ask: Ask
  readonly #onAnswer: (question: Question, isYes: boolean) => void
  /** The answers that count for the whole run; also those that are awaited. */
  readonly #ofSession = new Map<string, Promise<boolean>>()
  /** The question that is asked now. A program that asks for much does not cover a person with it. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(ask: Ask, onAnswer: (question: Question, isYes: boolean) => void) {
    this.#ask = ask
    this.#onAnswer = onAnswer
  }

  /** Rejects with `ASK_REFUSED` unless a person says yes, or said it to the same question. */
  async require(
    asked: Omit<Question, "bodyDigest">,
    ask: "session" | "each",
    body: Uint8Array | undefined,
  ): Promise<void> {
    const question = ask === "each" && body ? { ...asked, bodyDigest: digestOf(body) } : asked
    const key = JSON.stringify(question)
    const before = ask === "session" ? this.#ofSession.get(key) : undefined
    const answer = before ?? this.#answer(question)
    if (ask === "session") this.#ofSession.set(key, answer)
    if (await answer) return
    // A no counts once: the person may be asked again.
    if (this.#ofSession.get(key) === answer) this.#ofSession.delete(key)
    const { secret, method, target } = question
    throw new VaultError(
      "ASK_REFUSED",
      `nobody agreed to ${method} ${authorityOf(target)} with ${secret}`,
      { hint: "a person says yes when they are asked; then send the request again" },
    )
  }

  async #answer(question: Question): Promise<boolean> {
    const isYes = await this.#answerTo(question)
    this.#onAnswer(question, isYes)
    return isYes
  }

  /** An asking that fails is a no, and one that takes too long. */
  async #answerTo(question: Question): Promise<boolean> {
    const signal = AbortSignal.timeout(PATIENCE_MS)
    const late = new Promise<boolean>((resolve) => {
      signal.addEventListener("abort", () => resolve(false))
    })
    const before = this.#turn
    const asked = before.then(() => !signal.aborted && this.#ask(question, signal))
    const answered: Promise<unknown> = Promise.race([asked, late])
    this.#turn = answered.catch(() => {})
    try {
      return (await answered) === true
    } catch {
      return false
    }
  }
}

function digestOf(body: Uint8Array): string {
  return `sha256:${createHash("sha256").update(body).digest("hex")}`
}
