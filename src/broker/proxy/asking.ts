import { hash } from "node:crypto"
import { VaultError, type Target, hostPortOf } from "../../core/index.js"
import type { Choice, ChoiceQuestion } from "../../questions/question.js"
import type { Questions } from "../../questions/questions.js"

/** Asks a person, who may say no by saying nothing. */
export type Ask = Questions["choose"]

/** Asks nobody: the answer is no. */
export const askNobody: Ask = () => Promise.resolve({ without: "unsupported" })

/** A request that a person is asked about, and who sends it. */
export interface AskedSending {
  /** `stripe/api-key` */
  readonly secret: string
  readonly method: string
  readonly target: Target
  /** Canonical, as it was matched with the rule; text of a program. */
  readonly path: string
}

/** How a rule asks, and what the answer is bound to besides. */
export interface AskedHow {
  readonly ask: "session" | "each"
  readonly body: Uint8Array | undefined
  /** As it was sent, with its mark; text of a program. A yes for the session is to any. */
  readonly query?: string | undefined
  /** Aborted when the program waits no longer. */
  readonly gone?: AbortSignal
  /** Hears what the person said, once for each time that they were asked. */
  readonly onAnswer?: (answer: Choice | "unanswered") => void
}

/**
 * What they said; `unwanted`: that they want no more such questions, which they said before. `declined`
 * is what a client said, some of which ask nobody.
 */
type Said = Choice | "unanswered" | "declined" | "unwanted"

/** Characters of a path and its query that a person is shown. */
const MOST_SHOWN = 1000

/** A question that may count for the whole run, or what was said to it. */
interface SessionQuestion {
  readonly answer: Promise<Said>
  /** Ends it when nobody waits for its answer any more. */
  readonly over: AbortController
  waiting: number
}

/** Asks what a person did not agree to for this whole run. */
export class Agreements {
  readonly #ask: Ask
  readonly #who: string
  readonly #ofSession = new Map<string, SessionQuestion>()

  /** `who` is whose requests these are: `claude, as the agent ci`. */
  constructor(ask: Ask, who: string) {
    this.#ask = ask
    this.#who = who
  }

  /** Rejects with `ASK_REFUSED` unless a person says yes, or said it for the session. */
  async require(asked: AskedSending, how: AskedHow): Promise<void> {
    const answer =
      how.ask === "each" ? await this.#put(asked, how, how.gone) : await this.#inSession(asked, how)
    // Nothing is sent for a program that gave up: it may have tried again meanwhile.
    const isThere = how.gone?.aborted !== true
    if (isThere && (answer === "once" || answer === "session")) return
    throw refusalBy(answer, asked)
  }

  /** A yes for the session counts for all who ask the same, a yes for once for one of them. */
  async #inSession(asked: AskedSending, how: AskedHow): Promise<Said> {
    const key = JSON.stringify(asked)
    for (;;) {
      const before = this.#ofSession.get(key)
      if (before === undefined) break
      const said = await this.#await(key, before, how.gone)
      if (said !== "once") return said
    }
    const over = new AbortController()
    const question = { answer: this.#put(asked, how, over.signal), over, waiting: 0 }
    this.#ofSession.set(key, question)
    const said = await this.#await(key, question, how.gone)
    // What is no yes for the session counts once: the person may be asked again.
    if (said !== "session") this.#forget(key, question)
    return said
  }

  /** The answer. When the last program that waits for it is gone, the question is withdrawn. */
  async #await(key: string, question: SessionQuestion, gone?: AbortSignal): Promise<Said> {
    question.waiting += 1
    const leave = (): void => {
      question.waiting -= 1
      if (question.waiting > 0) return
      // Who asks the same from now on asks anew.
      this.#forget(key, question)
      question.over.abort()
    }
    if (gone?.aborted === true) leave()
    else gone?.addEventListener("abort", leave, { once: true })
    try {
      return await question.answer
    } finally {
      gone?.removeEventListener("abort", leave)
    }
  }

  #forget(key: string, question: SessionQuestion): void {
    if (this.#ofSession.get(key) === question) this.#ofSession.delete(key)
  }

  async #put(asked: AskedSending, how: AskedHow, gone?: AbortSignal): Promise<Said> {
    const said = await this.#ask(questionOf(asked, how, this.#who), gone).catch(() => undefined)
    if (said === undefined || "without" in said) {
      if (said?.without === "unwanted") return "unwanted"
      how.onAnswer?.("unanswered")
      return said?.without === "decline" ? "declined" : "unanswered"
    }
    how.onAnswer?.(said.choice)
    return said.choice
  }
}

/** A program that is told of a no is not told to try again. */
function refusalBy(answer: Said, { secret, method, target }: AskedSending): VaultError {
  const request = `${method} ${hostPortOf(target)} with ${secret}`
  if (answer === "no" || answer === "declined") {
    const hint = "go on without it, and do not ask again"
    const who = answer === "no" ? "a person" : "the MCP client"
    return new VaultError("ASK_REFUSED", `${who} said no to ${request}`, { hint })
  }
  if (answer === "no-more" || answer === "unwanted") {
    const hint = `go on without ${secret}: nobody is asked about it again in this session`
    return new VaultError("ASK_REFUSED", `a person said no to ${request}, for this session`, {
      hint,
    })
  }
  return new VaultError("ASK_REFUSED", `nobody agreed to ${request}`, {
    hint: "a person says yes when they are asked; then send the request again",
  })
}

/** `each` means each time, so nobody can say yes for more than one. */
function questionOf(
  asked: AskedSending,
  { ask, body, query = "" }: AskedHow,
  who: string,
): ChoiceQuestion {
  const { secret, method, target, path } = asked
  const isEach = ask === "each"
  return {
    kind: "choice",
    who,
    what: `May ${secret} be sent?`,
    secret,
    request: {
      method,
      host: hostPortOf(target),
      path: asShown(`${path}${query}`),
      body: isEach && body !== undefined ? `sha256:${hash("sha256", body)}` : undefined,
    },
    yes: {
      once: "for this request alone",
      ...(isEach
        ? {}
        : { session: "for this method, host and path, with any query, until the run ends" }),
    },
    noMore: `no more questions about ${secret}`,
  }
}

/** Its end would stand where the answers are, and its beginning out of sight. */
function asShown(address: string): string {
  const left = address.length - MOST_SHOWN
  if (left <= 0) return address
  return `${address.slice(0, MOST_SHOWN)} … and ${left} more characters, which are not shown`
}
