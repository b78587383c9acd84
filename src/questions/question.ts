/** What a person may say: yes to this one, yes for the session, no, or no to all that is like it. */
export type Choice = "once" | "session" | "no" | "no-more"

/** What a person is told before they answer. All of it may be text of a program or of a model. */
interface QuestionParts {
  /** Who asks, in a few words: `claude, as the agent ci`. */
  readonly who: string
  /** The question, one sentence: `May stripe/api-key be sent?` */
  readonly what: string
  /** The secret that it is about: `stripe/api-key`. */
  readonly secret: string
  /** The request that the secret would go with. */
  readonly request?: RequestAsked | undefined
  /** Why, in the words of whoever asks. */
  readonly why?: string | undefined
  /** What an answer leads to, where the question does not say it. */
  readonly leadsTo?: string | undefined
}

/** A request, as far as a person is asked about it. */
interface RequestAsked {
  readonly method: string
  /** With its port, if that is not 443. */
  readonly host: string
  /** As it was matched with the rule, and the query behind it. */
  readonly path: string
  /** `sha256:…` of the body, where the answer is for this body alone. */
  readonly body?: string | undefined
}

/** A question to be answered with yes or no. No is always possible, and so is nothing. */
export interface ChoiceQuestion extends QuestionParts {
  readonly kind: "choice"
  /** Each yes that is possible, and what it holds for: `for this request alone`. */
  readonly yes: Readonly<Partial<Record<"once" | "session", string>>>
  /**
   * What a no for the session holds for, where that is possible: whoever asks again and again gets no
   * more questions about the secret before the person.
   */
  readonly noMore?: string | undefined
}

/** A question for a value, which nobody but the asking process sees. */
export interface ValueQuestion extends QuestionParts {
  readonly kind: "value"
  /** What stores it too, typed at any terminal: `agent-vault set stripe/restricted`. */
  readonly line?: string | undefined
}

export type Question = ChoiceQuestion | ValueQuestion

/**
 * Why there is no answer: nobody can be asked here, nobody answered, or the person wants to be asked no
 * more. It means no.
 */
export type Unanswered = "unsupported" | "failed" | "decline" | "cancel" | "timeout" | "unwanted"

/** What came of a question. `words` are those of who could not ask, and of no value. */
export type PersonAnswer =
  | { readonly choice: Choice }
  | { readonly value: Uint8Array }
  | { readonly without: Unanswered; readonly words?: string | undefined }

/** What came of a question to be answered with yes or no. */
export type Chosen = Exclude<PersonAnswer, { readonly value: Uint8Array }>

/** What came of a question for a value; a person's no is a `decline`. */
export type Entered = Exclude<PersonAnswer, { readonly choice: Choice }>

/**
 * A way to reach a person. Resolves to `unsupported` where it cannot ask this question, and to
 * `failed` where it broke before they saw it: then the next is tried. It ends when `signal` says so,
 * which it does at `until` at the latest, in ms since 1970.
 */
export type AskBy = (
  question: Question,
  signal: AbortSignal,
  until: number,
) => Promise<PersonAnswer>
