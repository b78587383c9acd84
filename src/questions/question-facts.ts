import { harmless } from "../core/index.js"
import type { Choice, ChoiceQuestion, Question } from "./question.js"

/** What each choice is called. */
export const CHOICE_WORDS: Readonly<Record<Choice, string>> = {
  once: "Yes, once",
  session: "Yes, for this session",
  no: "No",
  "no-more": "No, for this session",
}

/** Each choice that a question offers besides no, and what it holds for. */
export function offeredBy({
  yes,
  noMore,
}: ChoiceQuestion): (readonly [Exclude<Choice, "no">, string])[] {
  const all = [
    ["once", yes.once],
    ["session", yes.session],
    ["no-more", noMore],
  ] as const
  return all.flatMap(([choice, holds]) => (holds === undefined ? [] : [[choice, holds] as const]))
}

/** What a person is told besides the question itself, by name, in the order that it is read. */
export function factsOf(question: Question): readonly (readonly [name: string, fact: string])[] {
  const { who, secret, request, why } = question
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["Who asks", who],
    ["Secret", secret],
    ["Method", request?.method],
    ["Host", request?.host],
    ["Path", request?.path],
    ["Body", request?.body],
    ["Why, as they say", why],
  ]
  return facts.flatMap(([name, fact]) => (fact === undefined ? [] : [[name, fact] as const]))
}

/** The question in one line that is harmless, for a terminal or a client. */
export function sentenceOf(question: Question): string {
  const { what, who, request, why, leadsTo } = question
  const body = request?.body === undefined ? "" : `, body ${request.body}`
  const where =
    request === undefined
      ? ""
      : ` The request: ${request.method} ${request.host}${request.path}${body}.`
  const reason = why === undefined ? "" : ` Why, as they say: ${why}`
  const consequence = leadsTo === undefined ? "" : ` ${leadsTo}`
  return harmless(`${what} ${who} asks.${where}${consequence}${reason}`)
}

/** What answers it without a page: to be typed at any terminal; undefined if nothing does. */
export function lineFor(question: Question): string | undefined {
  return question.kind === "value" && question.line !== undefined
    ? harmless(question.line)
    : undefined
}
