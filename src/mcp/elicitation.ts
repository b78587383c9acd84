import type { AskBy, Choice } from "../questions/question.js"
import { CHOICE_WORDS, sentenceOf } from "../questions/question-facts.js"
import type { Reply } from "./calls/serving.js"

/** What a person chooses from, as a client shows it: a form with one field. */
export interface ChoiceForm {
  readonly message: string
  /** The field's name, and its title. */
  readonly field: readonly [name: string, title: string]
  /** Each choice, and what it is called. */
  readonly choices: Readonly<Partial<Record<Choice, string>>>
}

/** The questions of others, asked through the client. A value is never asked for through it. */
export function askThrough(fill: (form: ChoiceForm, signal: AbortSignal) => Promise<Reply>): AskBy {
  return async (question, signal) => {
    if (question.kind === "value") return { without: "unsupported" }
    const yes = Object.keys(question.yes) as (keyof typeof question.yes)[]
    const choices = Object.fromEntries(
      [...yes, "no" as const].map((choice) => [choice, CHOICE_WORDS[choice]]),
    )
    return fill(
      { message: sentenceOf(question), field: ["answer", question.what], choices },
      signal,
    )
  }
}
