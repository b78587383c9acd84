import { randomUUID } from "node:crypto"
import type { AskBy, Choice, ChoiceQuestion, Question } from "../questions/question.js"
import { CHOICE_WORDS, lineFor, offeredBy, sentenceOf } from "../questions/question-facts.js"
import type { Reply } from "./calls/client.js"

/** What a person chooses from, as a client shows it: a form with one field. */
interface ChoiceForm {
  /** The field's name, and its title. */
  readonly field: readonly [name: string, title: string]
  /** Each choice, and what it is called. */
  readonly choices: Readonly<Partial<Record<Choice, string>>>
}

type NoChoice = Extract<Reply, { without: unknown }>

/** What a client is asked to put to its person. */
type Elicitation =
  | {
      readonly message: string
      readonly requestedSchema: {
        type: "object"
        properties: Record<
          string,
          { type: "string"; title: string; enum: string[]; enumNames: string[] }
        >
        required: string[]
      }
    }
  | { readonly mode: "url"; message: string; elicitationId: string; url: string }

/** The protocol's way to the person, for one call of a client. */
export interface ElicitBy {
  /** Whether the client shows forms, and whether it sends its person to pages. */
  readonly can: { readonly form: boolean; readonly url: boolean }
  /** Resolves to the content of an accepted one. Never rejects. */
  readonly elicit: (
    params: Elicitation,
    signal: AbortSignal,
  ) => Promise<{ readonly content: Readonly<Record<string, unknown>> | undefined } | NoChoice>
  /** Tells the client that its person has answered at a page. Never rejects. */
  readonly complete: (elicitationId: string) => Promise<void>
}

/** The person at a client: by a form of the client, or at a page of ours. */
export class PersonAtClient {
  readonly #by: ElicitBy

  constructor(by: ElicitBy) {
    this.#by = by
  }

  /** Whether the client sends its person to pages. */
  get opensPages(): boolean {
    return this.#by.can.url
  }

  /** Has them choose: in a form, or where the client has none, at a page. Never rejects. */
  async choose(
    question: ChoiceQuestion,
    form: ChoiceForm,
    signal: AbortSignal,
    until: number,
  ): Promise<Reply> {
    const reply = await this.#fill(sentenceOf(question), form, signal)
    const hasForm = !("without" in reply && reply.without === "unsupported")
    if (hasForm || !this.opensPages) return reply
    try {
      const answer = await this.atPage(question, signal, until)
      return "value" in answer ? { without: "failed" } : answer
    } catch {
      return { without: "failed" }
    }
  }

  async #fill(
    message: string,
    { field: [name, title], choices }: ChoiceForm,
    signal: AbortSignal,
  ): Promise<Reply> {
    if (!this.#by.can.form) return { without: "unsupported" }
    const [values, names] = [Object.keys(choices), Object.values(choices)]
    const field = { type: "string" as const, title, enum: values, enumNames: names }
    const requestedSchema = {
      type: "object" as const,
      properties: { [name]: field },
      required: [name],
    }
    const elicited = await this.#by.elicit({ message, requestedSchema }, signal)
    if ("without" in elicited) return elicited
    const chosen = elicited.content?.[name]
    if (typeof chosen === "string" && Object.hasOwn(choices, chosen)) {
      return { choice: chosen as Choice }
    }
    return { without: "failed", words: "it accepted, and made no choice" }
  }

  /** Asks them at a page of ours, which the client sends them to. */
  readonly atPage: AskBy = async (question, signal, until) => {
    const elicitationId = randomUUID()
    const send = async (url: string, _: Question, over: AbortSignal): Promise<true | NoChoice> => {
      const line = lineFor(question)
      const typed = line === undefined ? "" : ` In a terminal, this does too: ${line}`
      const message = `${sentenceOf(question)} A page of this machine takes the answer.${typed}`
      const sent = await this.#by.elicit({ mode: "url", message, elicitationId, url }, over)
      return "without" in sent ? sent : true
    }
    // Loaded when it is first needed: most sessions ask nothing.
    const { askOnPage } = await import("../questions/question-page.js")
    const answer = await askOnPage(send)(question, signal, until)
    if (!("without" in answer)) await this.#by.complete(elicitationId)
    return answer
  }
}

/**
 * The questions of others, asked through the client: yes or no in its form, if it has forms; else,
 * and a value always, at a page that it sends its person to. A form never takes a value: the client
 * would have it, and with it its log and its model.
 */
export function askThrough(present: () => PersonAtClient): AskBy {
  return async (question, signal, until) => {
    const person = present()
    if (question.kind === "choice") {
      // What it holds for stands beside each choice: the question shows one request.
      const said = offeredBy(question).map(([choice, holds]) => [
        choice,
        `${CHOICE_WORDS[choice]}: ${holds}`,
      ])
      const choices = Object.fromEntries([
        ...said,
        ["no", CHOICE_WORDS.no],
      ]) as ChoiceForm["choices"]
      return person.choose(question, { field: ["answer", question.what], choices }, signal, until)
    }
    if (!person.opensPages) return { without: "unsupported" }
    const answer = await person.atPage(question, signal, until)
    // Clients decline and cancel on their own where nobody sits at them; our page may find somebody.
    const isOfClient = "without" in answer && ["decline", "cancel"].includes(answer.without)
    return isOfClient ? { without: "unsupported" } : answer
  }
}
