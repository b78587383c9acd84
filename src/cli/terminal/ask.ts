import { once } from "node:events"
import { closeSync, openSync, writeSync } from "node:fs"
import process from "node:process"
import { ReadStream } from "node:tty"
import { VaultError } from "../../core/index.js"
import { type LineOptions, interruption, readLine } from "./line.js"
import type { Terminal } from "./terminal.js"

/** Asks a question until it is answered with yes or no. Throws `NO_TERMINAL`, naming `flag`. */
export async function confirm(
  terminal: Terminal,
  question: string,
  flag: string,
): Promise<boolean> {
  if (!terminal.stdin.isTTY) throw noTerminal({ flag })
  for (let please = ""; ; please = "In full, please. ") {
    const answer = await ask(terminal, `${please}${question} [yes/no] `, { flag }, { echo: true })
    const word = answer.trim().toLowerCase()
    if (word === "yes" || word === "no") return word === "yes"
  }
}

/** Asks a question whose empty answer is `otherwise`. Throws `NO_TERMINAL`, naming `flag`. */
export async function confirmOr(
  terminal: Terminal,
  question: string,
  otherwise: "yes" | "no",
  flag: string,
): Promise<boolean> {
  for (let please = ""; ; please = "yes or no, please. ") {
    const answer = await askLine(terminal, `${please}${question}`, otherwise, flag)
    const word = answer.toLowerCase()
    if (["y", "yes", "n", "no"].includes(word)) return word.startsWith("y")
  }
}

/**
 * Asks for a line; the empty line is `otherwise`. Throws `NO_TERMINAL`, naming `flag`, and
 * `INTERRUPTED`, also by `signal`.
 */
export async function askLine(
  terminal: Terminal,
  question: string,
  otherwise: string,
  flag: string,
  signal?: AbortSignal,
): Promise<string> {
  if (!terminal.stdin.isTTY) throw noTerminal({ flag })
  const answer = await ask(
    terminal,
    `${question} [${otherwise}] `,
    { flag },
    { echo: true, signal },
  )
  return answer.trim() || otherwise
}

/**
 * Asks for something that must not be seen, on the terminal itself, so that it works while stdin
 * carries a value. Throws `NO_TERMINAL`, naming `flag`; `INTERRUPTED`, also by `signal`; `USAGE` for
 * several lines. `what` it is, a passphrase say, is told where nobody can be asked.
 */
export function askHidden(
  terminal: Terminal,
  { question, what, flag, signal }: HiddenQuestion,
): Promise<string> {
  return ask(terminal, `${question}: `, { what, flag }, { echo: false, signal })
}

/**
 * Does what asks several hidden questions, one after the other, and ends with the last: what is typed
 * between two of them is not shown either, and the next one takes it, Ctrl-C too.
 */
export async function keepHidden<T>(terminal: Terminal, work: () => Promise<T>): Promise<T> {
  const person = openPerson(terminal)
  if (person === undefined) return work()
  const { input, close } = person
  const wasRaw = input.isRaw
  input.setRawMode(true)
  try {
    return await work()
  } finally {
    input.setRawMode(wasRaw)
    close()
  }
}

/** A question whose answer must not be seen. */
interface HiddenQuestion {
  readonly question: string
  readonly what: string
  readonly flag: string
  readonly signal?: AbortSignal
}

/** The last line that was asked for at a terminal, which ends for whatever reason. */
const lines = new WeakMap<Terminal, Promise<unknown>>()

/**
 * Resolves when the line of an earlier question has ended, which may be over with the line half typed.
 * Throws `INTERRUPTED` by `signal`.
 */
export async function lineEnded(terminal: Terminal, signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await Promise.race([lines.get(terminal), once(signal, "abort")])
  if (signal.aborted) throw interruption()
}

const LEFT = "\nThis question is over. What is typed is not shown and goes nowhere: press Enter."

async function ask(
  terminal: Terminal,
  question: string,
  otherwise: Otherwise,
  { echo, signal }: Pick<LineOptions, "echo" | "signal">,
): Promise<string> {
  const person = openPerson(terminal)
  if (person === undefined) throw noTerminal(otherwise)
  const { input, write, close } = person
  // With bracketed paste the terminal marks what is pasted, so that its newlines do not answer.
  const marksPaste = terminal.env["TERM"] !== "dumb"
  const wasRaw = input.isRaw
  const putBack = (): void => {
    process.removeListener("exit", putBack)
    write(marksPaste ? "\u001b[?2004l\n" : "\n")
    input.setRawMode(wasRaw)
    input.pause()
    input.ref()
    close()
  }
  // First, so that nothing is shown of what is typed at once.
  input.setRawMode(true)
  write(marksPaste ? `\u001b[?2004h${question}` : question)
  return new Promise((resolve, reject) => {
    const onLeft = (): void => {
      write(LEFT)
      // Nobody waits for its end but the next question.
      input.unref()
      process.once("exit", putBack)
      reject(interruption())
    }
    const typed = readLine(input, { echo, write, signal, onLeft }).finally(putBack)
    lines.set(
      terminal,
      typed.catch(() => {}),
    )
    typed.then(resolve, reject)
  })
}

interface Person {
  readonly input: ReadStream
  readonly write: (text: string) => void
  readonly close: () => void
}

/** Where a person is: at stdin and stderr, or at the terminal behind a pipe or a file. */
function openPerson(terminal: Terminal): Person | undefined {
  const { stdin, stderr } = terminal
  if (stdin.isTTY && stderr.isTTY) {
    const write = (text: string): void => void stderr.write(text)
    return { input: stdin, write, close: () => {} }
  }
  try {
    const [reads, writes] = [openSync("/dev/tty", "r"), openSync("/dev/tty", "w")]
    const input = new ReadStream(reads)
    const close = (): void => {
      input.destroy()
      closeSync(writes)
    }
    return { input, write: (text) => void writeSync(writes, text), close }
  } catch {
    return undefined
  }
}

/** What somebody would be asked for, and how it is given without being asked. */
type Otherwise = Partial<Pick<HiddenQuestion, "what">> & Pick<HiddenQuestion, "flag">

function noTerminal({ what, flag }: Otherwise): VaultError {
  const asked = what === undefined ? "asked here" : `asked for ${what}`
  const message = `nobody can be ${asked}: there is no terminal`
  return new VaultError("NO_TERMINAL", message, { hint: flag })
}
