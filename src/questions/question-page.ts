import type { IncomingMessage, ServerResponse } from "node:http"
import { text } from "node:stream/consumers"
import {
  LoopbackServer,
  isSame,
  newRandom,
  sendNothing,
  sendPage,
} from "../page/loopback-server.js"
import type { PersonAnswer, AskBy, Question, Unanswered } from "./question.js"
import { CHOICE_WORDS, offeredBy } from "./question-facts.js"
import { answeredPage, questionPage } from "./question-form.js"

/** Bytes of a value that a page takes. */
const LARGEST_VALUE = 65_536
/** Bytes of an answer: its token, and a word; each byte of a value may be written as three. */
const LONGEST_ANSWER = { choice: 1024, value: 1024 + 3 * LARGEST_VALUE }

/**
 * Shows the address of a page to the person alone, and does not wait for their answer. `false` if it
 * cannot: then nobody is asked here. `signal` says that the address is of no use any more.
 */
type Tell = (url: string, question: Question, signal: AbortSignal) => Shown | Promise<Shown>

/** Whether the person has the address; or why they will not open it. */
type Shown = boolean | { readonly without: Unanswered; readonly words?: string | undefined }

/**
 * Asks on a page of this machine's loopback: a page for each question, at an address that nobody
 * guesses, which takes one answer and is gone.
 */
export function askOnPage(tell: Tell): AskBy {
  return async (question, signal, until) => {
    const page = new QuestionPage(question, until)
    const over = new AbortController()
    try {
      const url = await page.open()
      const answer = page.answer(signal)
      const telling = tell(url, question, AbortSignal.any([signal, over.signal]))
      // Whoever is told may answer before the telling ends.
      return await Promise.race([answer, whereTold(telling, answer)])
    } finally {
      page.close()
      over.abort()
    }
  }
}

async function whereTold(
  telling: Shown | Promise<Shown>,
  answer: Promise<PersonAnswer>,
): Promise<PersonAnswer> {
  const told = await telling
  if (told === true) return answer
  return told === false ? { without: "unsupported" } : told
}

/** An answer, and what the person is shown for it; or what is wrong with it. */
type Read = { readonly answer: PersonAnswer; readonly words: string } | { readonly problem: string }

class QuestionPage {
  readonly #question: Question
  readonly #path = `/${newRandom()}`
  readonly #token = newRandom()
  readonly #server = new LoopbackServer((request, response, path) =>
    this.#take(request, response, path),
  )
  readonly #answered: Promise<PersonAnswer>
  #answer: (answer: PersonAnswer) => void = () => {}
  #isAnswered = false
  readonly #until: number

  constructor(question: Question, until: number) {
    this.#question = question
    this.#until = until
    this.#answered = new Promise((resolve) => {
      this.#answer = resolve
    })
  }

  /** Returns its address. */
  async open(): Promise<string> {
    return `${await this.#server.open()}${this.#path}`
  }

  async answer(signal: AbortSignal): Promise<PersonAnswer> {
    const late = new Promise<PersonAnswer>((resolve) => {
      // What the person has said holds, though their page is still on its way.
      const end = (): void => {
        if (!this.#isAnswered) resolve({ without: "timeout" })
      }
      if (signal.aborted) end()
      else signal.addEventListener("abort", end, { once: true })
    })
    return Promise.race([this.#answered, late])
  }

  close(): void {
    this.#isAnswered = true
    this.#server.close()
  }

  async #take(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    if (!isSame(path, this.#path)) return sendNothing(response, 404)
    if (request.method === "GET") return this.#show(response, 200)
    if (request.method !== "POST") return sendNothing(response, 405)
    if (!this.#server.isOwnForm(request)) return sendNothing(response, 403)
    const length = Number(request.headers["content-length"] ?? Infinity)
    if (length > LONGEST_ANSWER[this.#question.kind]) {
      return this.#show(response, 413, "That is too long for a page.")
    }
    const form = new URLSearchParams(await text(request))
    if (!isSame(form.get("token") ?? "", this.#token) || this.#isAnswered) {
      return sendNothing(response, 403)
    }
    const read = readAnswer(this.#question, form)
    if (read === undefined) return sendNothing(response, 403)
    if ("problem" in read) return this.#show(response, 422, read.problem)
    this.#isAnswered = true
    // The person sees what they said; then the page is gone.
    response.once("close", () => this.#answer(read.answer))
    sendPage(response, 200, answeredPage(this.#question, read.words))
  }

  #show(response: ServerResponse, status: number, problem?: string): void {
    const seconds = Math.max(0, Math.round((this.#until - Date.now()) / 1000))
    sendPage(response, status, questionPage(this.#question, this.#token, seconds, problem))
  }
}

/** Undefined for what the form cannot send. */
function readAnswer(question: Question, form: URLSearchParams): Read | undefined {
  const answers = form.getAll("answer")
  const [answer] = answers
  if (answers.length !== 1) return undefined
  if (answer === "no") return { answer: { choice: "no" }, words: "You said no" }
  if (question.kind === "value") return answer === "value" ? readValue(form) : undefined
  const [offered] = offeredBy(question).find(([choice]) => choice === answer) ?? []
  if (offered === undefined) return undefined
  const words = CHOICE_WORDS[offered]
  return {
    answer: { choice: offered },
    words: `You said ${words.charAt(0).toLowerCase()}${words.slice(1)}`,
  }
}

function readValue(form: URLSearchParams): Read {
  const [line, lines] = [form.get("value") ?? "", form.get("lines") ?? ""]
  if (line === "" && lines === "") return { problem: "Nothing was entered." }
  if (line !== "" && lines !== "") {
    return { problem: "Both fields have a value. Enter it in one of them." }
  }
  // Forms send every line end as two characters.
  const value = Buffer.from(line === "" ? lines.replaceAll("\r\n", "\n") : line)
  return value.length > LARGEST_VALUE
    ? { problem: `The value has more than ${LARGEST_VALUE} bytes: too long for a page.` }
    : { answer: { value }, words: "You handed the value over" }
}
