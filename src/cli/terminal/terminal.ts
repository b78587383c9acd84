import { VaultError, harmless } from "../../core/index.js"

export { harmless, toJson } from "../../core/index.js"

/**
 * The rules of output, in one place: data goes to stdout and everything else to stderr, and what
 * comes from the repository is escaped before a terminal sees it.
 */
export interface Terminal {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly env: NodeJS.ProcessEnv
  /** What of the process can be told and done without making a stream, which takes 3 ms. */
  readonly early?: Early | undefined
}

/** See `early-streams.ts`. */
export interface Early {
  isTerminal(stream: StreamName): boolean
  /** Writes to stdout, and returns how many bytes of it the stream has to take. */
  write(bytes: Uint8Array): number
}

type StreamName = "stdin" | "stdout" | "stderr"

/** Whether a stream is a terminal's. */
export function isTerminal(terminal: Terminal, name: StreamName): boolean {
  return terminal.early?.isTerminal(name) ?? terminal[name].isTTY
}

/**
 * Writes data to stdout, and waits until it is taken. A reader that has gone is not an error:
 * resolves to whether there is one. Throws `NO_ACCESS`.
 */
export async function writeOut(terminal: Terminal, data: string | Uint8Array): Promise<boolean> {
  const bytes = typeof data === "string" ? Buffer.from(data) : data
  try {
    const left = terminal.early?.write(bytes) ?? bytes.length
    if (left > 0) await taken(terminal.stdout, bytes.subarray(bytes.length - left))
    return true
  } catch (error) {
    if (error instanceof Error && isClosedPipe(error)) return false
    throw notTaken(error)
  }
}

function taken(stdout: NodeJS.WriteStream, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stdout.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

/** Writes a line for the person to stderr. */
export function say(terminal: Terminal, line = ""): void {
  terminal.stderr.write(`${line}\n`)
}

/** Says a note that may come with each of many changes, once. */
export function noteOnce(terminal: Terminal): (note: string) => void {
  const said = new Set<string>()
  return (note) => {
    if (!said.has(note)) say(terminal, `note: ${harmless(note)}`)
    said.add(note)
  }
}

/** Bold, where a person looks and has not said NO_COLOR. */
export function bold(terminal: Terminal, text: string): string {
  const plain = !terminal.stderr.isTTY || Boolean(terminal.env["NO_COLOR"])
  return plain ? text : `\u001b[1m${text}\u001b[22m`
}

/** How wide help may be. */
export function widthOf(terminal: Terminal): number {
  return (terminal.stdout.isTTY && terminal.stdout.columns) || 100
}

function notTaken(cause: unknown): VaultError {
  const why = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : ""
  return new VaultError("NO_ACCESS", `the output could not be written${why}`, {
    hint: "check where stdout leads: the disk may be full, for example",
    cause,
  })
}

/** A reader that has gone. */
export function isClosedPipe(error: Error): boolean {
  return "code" in error && (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED")
}
