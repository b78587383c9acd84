import { setTimeout as sleep } from "node:timers/promises"
import { VaultError } from "../../core/index.js"

export interface LineOptions {
  /** Whether what is typed is shown. */
  readonly echo: boolean
  readonly write: (text: string) => void
  /** Says that nobody waits for the line any more: one that has not begun ends, as if interrupted. */
  readonly signal?: AbortSignal | undefined
  /**
   * Called on `signal` for a line that has begun or that is not shown. It is then read to its end, and
   * nothing more of it is shown: the rest of a secret is no answer to anything else.
   */
  readonly onLeft?: (() => void) | undefined
}

const GONE = ["error", "end", "close"]

/** What a line is read from: a terminal in raw mode. */
type Keys = Pick<NodeJS.ReadStream, "on" | "once" | "removeListener" | "setEncoding" | "resume">

const [CONTROL_D, CONTROL_U] = ["\u0004", "\u0015"]
/** Ctrl-C, Ctrl-\ and Ctrl-Z: no prompt stops for a while, and the `fg` behind would be of the value. */
const ENDS = new Set(["\u0003", "\u001c", "\u001a"])
const ESCAPE = "\u001b"
const PASTE_BEGINS = `${ESCAPE}[200~`
const PASTE_ENDS = `${ESCAPE}[201~`
/** An arrow or a function key, the marks of a paste, or one character. */
const KEY = new RegExp(`${ESCAPE}(?:\\[[0-?]*[ -/]*[@-~]|O.|[^${ESCAPE}])?|[^]`, "gu")
const QUIET_MS = 50

/**
 * Reads one line as it is typed. Newlines belong to it when they are in a marked paste. Throws
 * `INTERRUPTED` on Ctrl-C and its like, on Ctrl-D at its start and when the terminal goes away;
 * `USAGE` if more came than one line, which a shell would otherwise take for commands.
 */
export function readLine(
  keys: Keys,
  { echo, write, signal, onLeft }: LineOptions,
): Promise<string> {
  keys.setEncoding("utf8")
  keys.resume()
  return new Promise((resolve, reject) => {
    let line = ""
    let [hasBegun, isPasting] = [false, false]
    let show = echo ? write : (): void => {}
    const finish = (act: () => void): void => {
      keys.removeListener("data", onData)
      for (const gone of GONE) keys.removeListener(gone, interrupt)
      signal?.removeEventListener("abort", leave)
      act()
    }
    const interrupt = (): void => finish(() => reject(interruption()))
    const leave = (): void => {
      if (onLeft === undefined || (echo && !hasBegun)) return interrupt()
      line = ""
      show = () => {}
      onLeft()
    }
    const onData = (data: string | Buffer): void => {
      hasBegun = true
      const typed = String(data).match(KEY) ?? []
      for (const [at, key] of typed.entries()) {
        if (key === PASTE_BEGINS || key === PASTE_ENDS) isPasting = key === PASTE_BEGINS
        else if (isPasting) line += pasted(key)
        else if (ENDS.has(key) || (key === CONTROL_D && line === "")) {
          return interrupt()
        } else if (key === "\r" || key === "\n") {
          const isAll = at === typed.length - 1
          return finish(() => (isAll ? resolve(line) : void refuse(keys).catch(reject)))
        } else line = edited(line, key, show)
      }
    }
    keys.on("data", onData)
    for (const gone of GONE) keys.once(gone, interrupt)
    signal?.addEventListener("abort", leave)
    if (signal?.aborted) interrupt()
  })
}

/** The line after a key. Keys that move or do anything else would be bytes that nobody sees. */
function edited(line: string, key: string, show: (text: string) => void): string {
  if (key === CONTROL_U) {
    show(line.replace(/[^]/gu, "\b \b"))
    return ""
  }
  if (key === "\u007f" || key === "\b") {
    if (line !== "") show("\b \b")
    return line.replace(/.$/su, "")
  }
  if (key !== "\t" && /^\p{Cc}/u.test(key)) return line
  show(key)
  return line + key
}

/** Terminals send a pasted newline as a return. */
function pasted(key: string): string {
  return key === "\r" ? "\n" : key
}

/** Takes what else was pasted away from the shell, and throws. */
async function refuse(keys: Keys): Promise<never> {
  let last = Date.now()
  keys.on("data", () => {
    last = Date.now()
  })
  while (Date.now() - last < QUIET_MS) await sleep(QUIET_MS)
  throw new VaultError("USAGE", "several lines came at once, and a prompt takes one", {
    hint: "nothing was changed; a value of several lines: --from-file FILE, or pipe it in",
  })
}

/** What a question throws that has no answer. */
export function interruption(): VaultError {
  return new VaultError("INTERRUPTED", "interrupted: nothing was changed")
}
