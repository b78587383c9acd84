import type {
  PersonAnswer,
  ChoiceQuestion,
  Chosen,
  Entered,
  AskBy,
  Choice,
  Question,
  Unanswered,
  ValueQuestion,
} from "./question.js"
import { offeredBy } from "./question-facts.js"

/** An unanswered question is a no, in ms. */
const PATIENCE_MS = 120_000

/**
 * After a question whose program gave up, the next one waits for this long, in ms, and for twice as long
 * each time: a program does not open page after page.
 */
const REST_MS = { first: 1000, most: 60_000 } as const

const NO_REST = { length: 0, since: 0 } as const

/** These did not reach a person, who may be reached by another way. */
const UNSEEN: ReadonlySet<Unanswered> = new Set(["unsupported", "failed"])

/**
 * Asks a person, by the first of several means that reaches them, one question at a time: a program
 * that asks for much does not cover them with it. Nothing is a no: no means, no answer within
 * `patience` (ms, the waiting for other questions included), an answer that was not offered. Who said
 * that they want no more questions about a secret is asked none.
 */
export class Questions {
  readonly #means: readonly AskBy[]
  readonly #patience: number
  #turn: Promise<unknown> = Promise.resolve()
  /** Ends the question that is before the person. */
  #shown: AbortSignal | undefined
  readonly #unwanted = new Set<string>()
  /** For how long the next question waits, and since when, in ms. */
  #rest: { readonly length: number; readonly since: number } = NO_REST

  constructor(means: readonly AskBy[], patience = PATIENCE_MS) {
    this.#means = means
    this.#patience = patience
  }

  /** Never rejects. `gone` ends the question when nobody waits for its answer any more. */
  readonly choose = async (question: ChoiceQuestion, gone?: AbortSignal): Promise<Chosen> => {
    const answer = await this.#ask(question, gone)
    if ("without" in answer) return answer
    const isOffered = "choice" in answer && isPossible(question, answer.choice)
    return isOffered ? answer : { without: "failed", words: "the answer was not one to choose" }
  }

  /** A means of others, whose questions take their turn with these. */
  readonly means: AskBy = (...asked) => this.#ask(...asked)

  /** Never rejects. */
  readonly enter = async (question: ValueQuestion, gone?: AbortSignal): Promise<Entered> => {
    const answer = await this.#ask(question, gone)
    if (!("choice" in answer)) return answer
    return { without: answer.choice === "no" ? "decline" : "failed" }
  }

  /** `latest`, in ms: when nobody waits for its answer any more. */
  async #ask(asked: Question, gone?: AbortSignal, latest = Infinity): Promise<PersonAnswer> {
    // An answer is to what was asked, whatever becomes of that meanwhile.
    const question = structuredClone(asked)
    const ending = new AbortController()
    const over = new Promise<PersonAnswer>((resolve) => {
      const tell = (): void => resolve({ without: ending.signal.reason as Unanswered })
      ending.signal.addEventListener("abort", tell, { once: true })
    })
    const end = (why: Unanswered): void => ending.abort(why)
    const until = Math.min(Date.now() + this.#patience, latest)
    const late = setTimeout(() => end("timeout"), this.#patience)
    const left = (): void => {
      const isLate = gone?.reason === "timeout"
      if (this.#shown === ending.signal && !isLate) this.#restLonger()
      end(isLate ? "timeout" : "cancel")
    }
    gone?.addEventListener("abort", left, { once: true })
    if (gone?.aborted === true) left()
    const before = this.#turn
    const asking = before.then(() => this.#inTurn(question, ending.signal, until))
    // The turn of one that is over goes on until nobody asks it any more: what the person just said
    // counts for the next.
    this.#turn = asking
    try {
      return await Promise.race([asking, over])
    } finally {
      clearTimeout(late)
      gone?.removeEventListener("abort", left)
    }
  }

  async #inTurn(question: Question, signal: AbortSignal, until: number): Promise<PersonAnswer> {
    const key = `${question.kind} ${question.secret}`
    const isUnwanted = (): boolean => this.#unwanted.has(key)
    if (!isUnwanted()) await this.#rested(signal)
    // Of a question that was withdrawn as they said so it is known only now.
    if (isUnwanted()) return { without: "unwanted" }
    this.#shown = signal
    const answer = await this.#byAnyMeans(question, signal, until)
    if (!("without" in answer)) this.#rest = NO_REST
    if (isLastWord(question, answer)) this.#unwanted.add(key)
    return answer
  }

  #restLonger(): void {
    const length = Math.min(Math.max(REST_MS.first, this.#rest.length * 2), REST_MS.most)
    this.#rest = { length, since: performance.now() }
  }

  async #rested(signal: AbortSignal): Promise<void> {
    const left = this.#rest.since + this.#rest.length - performance.now()
    if (left <= 0 || signal.aborted) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, left)
      signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true })
    })
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

function isPossible(question: ChoiceQuestion, choice: Choice): boolean {
  return choice === "no" || offeredBy(question).some(([offered]) => offered === choice)
}

/** Whether the person wants no more such questions. Of a value they need not say it twice. */
function isLastWord(question: Question, answer: PersonAnswer): boolean {
  if (!("choice" in answer)) return false
  return question.kind === "value"
    ? answer.choice === "no"
    : answer.choice === "no-more" && question.noMore !== undefined
}

/** A means that breaks is one that failed. */
async function outcomeOf(ask: () => Promise<PersonAnswer>): Promise<PersonAnswer> {
  try {
    return await ask()
  } catch {
    return { without: "failed" }
  }
}
