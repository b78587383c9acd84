import { VaultError } from "../../core/index.js"
import type { PersonAnswer, AskBy, Question } from "../../questions/question.js"
import type { Questions } from "../../questions/questions.js"
import { lettersTyped } from "../door/confirm-person.js"
import type { Door } from "../door/door.js"
import { type Terminal, say } from "../terminal/terminal.js"
import { childEnvironment } from "./program-environment.js"

/** Asks with a page, whose address goes to stderr and, where there is a display, to a browser. */
export async function questionsByPage(door: Door): Promise<Questions> {
  return questionsBy([pageFrom(door)])
}

/** How a session asks: through its client, if that can; else as {@link questionsInFront} does. */
export type SessionQuestions = (byClient: AskBy) => Promise<Questions>

/**
 * What makes the questions of each session of a server. One is open at a time, and who said no is asked
 * no more: in front of this process by all of them, since a client may come as often as it likes.
 */
export function questionsOfSessions(door: Door): () => SessionQuestions {
  let inFront: Promise<Questions> | undefined
  const ofAll: AskBy = async (...asked) =>
    (await (inFront ??= questionsInFront(door))).means(...asked)
  return () => {
    let loading: Promise<Questions> | undefined
    return (byClient) => (loading ??= questionsBy([byClient, ofAll]))
  }
}

/** Asks at the terminal that is ours, or with a page where there is none. */
export async function questionsInFront(door: Door): Promise<Questions> {
  return questionsBy([askAtTerminal(door.terminal), pageFrom(door)])
}

async function questionsBy(means: readonly AskBy[]): Promise<Questions> {
  const { Questions: Asking } = await import("../../questions/questions.js")
  return new Asking(means)
}

/** What shows the page is loaded when there is something to ask: most runs ask nothing. */
function pageFrom({ terminal, env }: Door): AskBy {
  const programs = childEnvironment(env, new Map(), false)
  const show = async (url: string, question: Question, until: number): Promise<true> => {
    const { hintAtQuestion, openPage } = await import("../../questions/desktop.js")
    const { lineFor, sentenceOf } = await import("../../questions/question-facts.js")
    const line = lineFor(question)
    const seconds = Math.max(0, Math.round((until - Date.now()) / 1000))
    say(terminal, `agent-vault: ${sentenceOf(question)} Answer within ${seconds} s:\n  ${url}`)
    if (line !== undefined) say(terminal, `  or in a terminal: ${line}`)
    await Promise.all([openPage(url, programs), hintAtQuestion(programs)])
    return true
  }
  return async (question, signal, until) => {
    const { askOnPage } = await import("../../questions/question-page.js")
    const tell = (url: string): Promise<true> => show(url, question, until)
    return askOnPage(tell)(question, signal, until)
  }
}

/** By letters for each yes that nobody can type in advance; or by a line that is not shown. */
function askAtTerminal(terminal: Terminal): AskBy {
  return async (question, signal) => {
    // Not the terminal behind a pipe: it is the client's, which reads its keys.
    if (!terminal.stdin.isTTY || !terminal.stderr.isTTY) return { without: "unsupported" }
    const { isInFront } = await import("./shell.js")
    // Who reads a terminal from the background is stopped.
    if (!isInFront()) return { without: "unsupported" }
    try {
      return await inTurn(terminal, () => answerTyped(terminal, question, signal))
    } catch (error) {
      if (!VaultError.is(error, "INTERRUPTED")) throw error
      // Ctrl-C is an answer, and no reason to ask elsewhere. A terminal that went away has said nothing.
      const isNo = !signal.aborted && terminal.stdin.readable
      return isNo ? { choice: "no" } : { without: "cancel" }
    }
  }
}

/** The last question at a terminal: the sessions of several clients may share it. */
const turns = new WeakMap<Terminal, Promise<unknown>>()

function inTurn<T>(terminal: Terminal, ask: () => Promise<T>): Promise<T> {
  const asking = (turns.get(terminal) ?? Promise.resolve()).then(ask)
  turns.set(
    terminal,
    asking.catch(() => {}),
  )
  return asking
}

async function answerTyped(
  terminal: Terminal,
  question: Question,
  signal: AbortSignal,
): Promise<PersonAnswer> {
  const { askHidden, lineEnded } = await import("../terminal/ask.js")
  await lineEnded(terminal, signal)
  const asked = await sentenceFor(question)
  if (question.kind === "value") {
    say(terminal, asked)
    const asking = { question: "its value, or the Return key alone", what: "the value", flag: "" }
    const value = await askHidden(terminal, { ...asking, signal })
    return value === "" ? { choice: "no" } : { value: Buffer.from(value) }
  }
  const { offeredBy } = await import("../../questions/question-facts.js")
  const offered = offeredBy(question).map(
    ([choice, holds]) => [choice, `${choice === "no-more" ? "no" : "yes"}, ${holds}`] as const,
  )
  return { choice: (await lettersTyped(terminal, asked, offered, signal)) ?? "no" }
}

async function sentenceFor(question: Question): Promise<string> {
  const { sentenceOf } = await import("../../questions/question-facts.js")
  return sentenceOf(question)
}
