import type {
  PersonAnswer,
  ChoiceQuestion,
  Chosen,
  Entered,
  AskBy,
  Question,
  Unanswered,
  ValueQuestion,
} from "./question.js"

/** An unanswered question is a no, in ms. */
const PATIENCE_MS = 120_000

/** These did not reach a person, who may be reached by another way. */
const UNSEEN: ReadonlySet<Unanswered> = new Set(["unsupported", "failed"])

/**
 * Asks a person, by the first of several means that reaches them, one question at a time: a program
 * that asks for much does not cover them with it. Nothing is a no: no means, no answer within
 * `patience` (ms, the waiting for other questions included), an answer that was not offered.
 */
export class Questions {
  readonly #means: readonly AskBy[]
  readonly #patience: number
  #turn: Promise<unknown> = Promise.resolve()

  constructor(means: readonly AskBy[], patience = PATIENCE_MS) {
    this.#means = means
    this.#patience = patience
  }

  /** Never rejects. `gone` ends the question when nobody waits for its answer any more. */
  readonly choose = async (question: ChoiceQuestion, gone?: AbortSignal): Promise<Chosen> => {
    const answer = await this.#ask(question, gone)
    if ("without" in answer) return answer
    const isOffered =
      "choice" in answer && (answer.choice === "no" || question.yes[answer.choice] !== undefined)
    return isOffered ? answer : { without: "failed", words: "the answer was not one to choose" }
  }

  /** Never rejects. */
  readonly enter = async (question: ValueQuestion, gone?: AbortSignal): Promise<Entered> => {
    const answer = await this.#ask(question, gone)
    if (!("choice" in answer)) return answer
    return { without: answer.choice === "no" ? "decline" : "failed" }
  }

  async #ask(asked: Question, gone?: AbortSignal): Promise<PersonAnswer> {
    // An answer is to what was asked, whatever becomes of that meanwhile.
    const question = structuredClone(asked)
    const ending = new AbortController()
    const over = new Promise<PersonAnswer>((resolve) => {
      const tell = (): void => resolve({ without: ending.signal.reason as Unanswered })
      ending.signal.addEventListener("abort", tell, { once: true })
    })
    const end = (why: Unanswered): void => ending.abort(why)
    const until = Date.now() + this.#patience
    const late = setTimeout(() => end("timeout"), this.#patience)
    const left = (): void => end("cancel")
    gone?.addEventListener("abort", left, { once: true })
    if (gone?.aborted === true) left()
    const before = this.#turn
    const asking = before.then(() => this.#byAnyMeans(question, ending.signal, until))
    const answered = Promise.race([asking, over])
    this.#turn = answered
    try {
      return await answered
    } finally {
      clearTimeout(late)
      gone?.removeEventListener("abort", left)
    }
  }

  async #byAnyMeans(question: Question, signal: AbortSignal, until: number): Promise<PersonAnswer> {
    let answer: PersonAnswer = { without: "unsupported" }
    for (const means of this.#means) {
      if (signal.aborted) break
      answer = await outcomeOf(() => means(question, signal, until))
      if (!("without" in answer && UNSEEN.has(answer.without))) break
    }
    return answer
  }
}

/** A means that breaks is one that failed. */
async function outcomeOf(ask: () => Promise<PersonAnswer>): Promise<PersonAnswer> {
  try {
    return await ask()
  } catch {
    return { without: "failed" }
  }
}
