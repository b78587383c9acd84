import type { AskBy, Choice, ChoiceQuestion, Unanswered } from "../../questions/question.js"

/** What came of a question: a choice, or why there is none, in the client's words if it has any. */
export type Reply =
  | { readonly choice: Choice }
  | {
      readonly without: Unanswered
      readonly words?: string | undefined
    }

/** The program on the other side, and the person at it. */
export interface Client {
  /** As it calls itself. */
  readonly name: string | undefined
  /** Asks the person whether a value may be shown. Never rejects. */
  ask(question: ChoiceQuestion): Promise<Reply>
  /** Asks the person the questions of others. */
  readonly askBy: AskBy
}
