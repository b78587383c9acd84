import { openSync, readSync } from "node:fs"
import { createInterface } from "node:readline/promises"
import { ReadStream } from "node:tty"
import { VaultError } from "../core/index.js"

/**
 * All rules of the terminal, in one place: data goes to stdout and everything else to stderr,
 * questions are asked only where a person can answer, and what comes from the repository is
 * escaped before a terminal sees it.
 */
export interface Terminal {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly env: NodeJS.ProcessEnv
}

const VALUE_LIMIT = 16 * 1024 * 1024
const CONTROL_C = "\u0003"
const CONTROL_D = "\u0004"
const PROGRESS_AFTER_MS = 1000

/** Writes data to stdout, and waits until it is taken. A reader that has gone is no error. */
export function writeOut(terminal: Terminal, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    terminal.stdout.write(data, (error) => {
      if (!error || isClosedPipe(error)) resolve()
      else reject(error)
    })
  })
}

/** Writes a line for the person to stderr. */
export function say(terminal: Terminal, line = ""): void {
  terminal.stderr.write(`${line}\n`)
}

/**
 * Makes text from the repository harmless: control characters, and those that reorder or hide
 * text, are shown as escapes.
 */
export function harmless(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

/** Bold, where a person looks and has not said NO_COLOR. */
export function bold(terminal: Terminal, text: string): string {
  const plain = !terminal.stderr.isTTY || Boolean(terminal.env["NO_COLOR"])
  return plain ? text : `\u001b[1m${text}\u001b[22m`
}

/** How wide help may be. */
export function widthOf(terminal: Terminal): number {
  return terminal.stdout.isTTY ? terminal.stdout.columns : 100
}

/** Asks a question that only `yes` answers with yes. Throws `NO_TERMINAL`, naming `flag`. */
export async function confirm(
  terminal: Terminal,
  question: string,
  flag: string,
): Promise<boolean> {
  if (!terminal.stdin.isTTY) throw noTerminal("nobody can be asked here", flag)
  const lines = createInterface({ input: terminal.stdin, output: terminal.stderr })
  const interrupted = new Promise<never>((_resolve, reject) => {
    lines.once("SIGINT", () => reject(interruption()))
    lines.once("close", () => reject(interruption()))
  })
  interrupted.catch(() => {})
  try {
    const answer = await Promise.race([lines.question(`${question} [yes/no] `), interrupted])
    return answer.trim().toLowerCase() === "yes"
  } finally {
    lines.close()
  }
}

/**
 * Asks for something that must not be seen, on the terminal itself, so that it works while stdin
 * carries a value. Throws `NO_TERMINAL`, naming `flag`.
 */
export async function askHidden(
  terminal: Terminal,
  question: string,
  flag: string,
): Promise<string> {
  const { input, close } = terminal.stdin.isTTY
    ? { input: terminal.stdin, close: () => {} }
    : openTerminal(flag)
  terminal.stderr.write(`${question}: `)
  input.setRawMode(true)
  try {
    return await readHiddenLine(input)
  } finally {
    input.setRawMode(false)
    input.pause()
    close()
    terminal.stderr.write("\n")
  }
}

/** Everything on stdin, up to the limit of a value. Throws `VALUE_TOO_LARGE`. */
export async function readAll(terminal: Terminal): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of terminal.stdin as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > VALUE_LIMIT) {
      throw new VaultError("VALUE_TOO_LARGE", "there is more on stdin than a secret holds", {
        hint: "a secret holds at most 16777216 bytes (16 MiB)",
      })
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The first line from a file descriptor that the caller opened. Throws `USAGE`. */
export function readDescriptor(text: string): string {
  const buffer = Buffer.alloc(4096)
  try {
    if (!/^\d{1,5}$/.test(text)) throw new Error("it is no number")
    let length = 0
    for (let count = 1; count > 0 && length < buffer.length; length += count) {
      count = readSync(Number(text), buffer, length, buffer.length - length, null)
    }
    const [line = ""] = buffer.toString("utf8", 0, length).split(/\r?\n/)
    return line
  } catch (cause) {
    throw new VaultError("USAGE", "nothing can be read from the descriptor of --passphrase-fd", {
      hint: "for example: agent-vault … --passphrase-fd 3 3< <(pass show vault)",
      cause,
    })
  }
}

/** Shows how far something long has come, after its first second, to a person only. */
export function progress(terminal: Terminal): (done: number, total: number, what: string) => void {
  const start = Date.now()
  let shownAt = start + PROGRESS_AFTER_MS
  return (done, total, what) => {
    const now = Date.now()
    const isLast = done === total
    if (!terminal.stderr.isTTY || now < start + PROGRESS_AFTER_MS || (!isLast && now < shownAt)) {
      return
    }
    shownAt = now + 200
    const left = Math.ceil((((now - start) / done) * (total - done)) / 1000)
    terminal.stderr.write(
      `\r\u001b[K${isLast ? "" : `${what}: ${done} of ${total}, ${left} s left`}`,
    )
  }
}

/** The error of a question where nobody can be asked. */
export function noTerminal(what: string, flag: string): VaultError {
  return new VaultError("NO_TERMINAL", `${what}: there is no terminal`, { hint: flag })
}

function openTerminal(flag: string): { input: ReadStream; close: () => void } {
  try {
    const descriptor = openSync("/dev/tty", "r+")
    const input = new ReadStream(descriptor)
    return { input, close: () => input.destroy() }
  } catch (cause) {
    const error = noTerminal("a passphrase is needed", flag)
    throw new VaultError(error.code, error.message, { hint: flag, cause })
  }
}

function readHiddenLine(input: ReadStream | NodeJS.ReadStream): Promise<string> {
  input.setEncoding("utf8")
  input.resume()
  return new Promise((resolve, reject) => {
    let line = ""
    const finish = (act: () => void): void => {
      input.removeListener("data", onData)
      act()
    }
    const onData = (data: string | Buffer): void => {
      for (const character of String(data)) {
        if (character === CONTROL_C) return finish(() => reject(interruption()))
        if (character === "\r" || character === "\n" || character === CONTROL_D) {
          return finish(() => resolve(line))
        }
        if (character === "\u007f" || character === "\b") line = line.replace(/.$/su, "")
        else line += character
      }
    }
    input.on("data", onData)
    input.once("error", reject)
  })
}

function interruption(): VaultError {
  return new VaultError("INTERRUPTED", "interrupted: nothing was changed")
}

function isClosedPipe(error: Error): boolean {
  return "code" in error && (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED")
}
