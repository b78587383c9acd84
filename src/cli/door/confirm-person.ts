import { randomInt } from "node:crypto"
import { type Confirmed, type ErrorCode, VaultError, harmless } from "../../core/index.js"
import { type Terminal, say } from "../terminal/terminal.js"
import type { Door } from "./door.js"

/** No vowels, so that no word comes of it. */
const LETTERS = "bcdfghjkmnpqrstvwxz"
const LENGTH = 4

/**
 * Does what may need a person's word. Where core refuses for want of it, and this is a terminal, the
 * person is asked, and the work done anew; `codes` are what a word of theirs lifts. A harness can have
 * a terminal as well: so it takes letters that nobody can type in advance, and neither `yes` nor
 * `--yes`.
 */
export async function withPerson<T>(
  { terminal }: Door,
  work: (person?: Confirmed) => T | Promise<T>,
  codes: readonly ErrorCode[] = ["UNCONFIRMED", "REVEAL_REFUSED"],
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!VaultError.is(error) || !codes.includes(error.code)) throw error
    // Not the terminal behind a pipe, which may be a harness's own, and busy with its screen.
    if (!terminal.stdin.isTTY || !terminal.stderr.isTTY) throw error
    if (!(await typedLetters(terminal, `${error.message}.`))) throw error
    return await work("confirmed")
  }
}

/**
 * Says something at the terminal, and resolves to whether a person types the letters that stand
 * below it. Throws `INTERRUPTED`.
 */
async function typedLetters(terminal: Terminal, what: string): Promise<boolean> {
  const { askLine } = await import("../terminal/ask.js")
  const letters = newLetters()
  say(terminal, what)
  const question = `If that is your wish, type ${letters}; the Return key alone changes nothing:`
  return (await askLine(terminal, question, "no", "")) === letters
}

/**
 * Says something at the terminal, with letters for each choice and its words. Resolves to the choice
 * whose letters a person types; undefined for anything else. Throws `INTERRUPTED`, also by
 * `signal`.
 */
export async function lettersTyped<T extends string>(
  terminal: Terminal,
  what: string,
  choices: readonly (readonly [choice: T, words: string])[],
  signal: AbortSignal,
): Promise<T | undefined> {
  const { askLine } = await import("../terminal/ask.js")
  const byLetters = new Map<string, T>()
  say(terminal, what)
  for (const [choice, words] of choices) {
    let letters = newLetters()
    while (byLetters.has(letters)) letters = newLetters()
    byLetters.set(letters, choice)
    say(terminal, `  ${letters}  ${harmless(words)}`)
  }
  const question = "Type the letters of your answer; the Return key alone is a no:"
  const typed = await askLine(terminal, question, "no", "", signal)
  const choice = byLetters.get(typed)
  // Not asked again: whoever may go on trying finds them.
  if (choice === undefined && typed !== "no") say(terminal, "These are none of them: a no.")
  return choice
}

function newLetters(): string {
  return Array.from({ length: LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join("")
}
