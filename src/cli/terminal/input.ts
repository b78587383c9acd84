import { isUtf8 } from "node:buffer"
import { readSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { LIMITS, VaultError, inaccessible, mebibytes } from "../../core/index.js"
import type { Terminal } from "./terminal.js"

const NEWLINE = 10
const RETURN = 13
const PAUSE_MS = 10

/** Everything on stdin, up to the limit of a value. Throws `VALUE_TOO_LARGE`, `NO_ACCESS`. */
export async function readAll(terminal: Terminal): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of terminal.stdin as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > LIMITS.value) throw tooLarge("there is more on stdin than a secret holds")
      chunks.push(chunk)
    }
  } catch (error) {
    throw VaultError.is(error) ? error : inaccessible("read", "stdin", error)
  }
  return Buffer.concat(chunks)
}

/**
 * Text ends with a newline that `echo`, an editor or the Return key put there, `\n` or `\r\n`: that
 * one is not part of the value. Of bytes that are not text each one counts; no text has a zero.
 */
export function withoutNewline(bytes: Buffer): {
  readonly value: Buffer
  readonly isTrimmed?: boolean
} {
  const end = bytes.length - 1
  if (bytes[end] !== NEWLINE || bytes.includes(0) || !isUtf8(bytes)) return { value: bytes }
  return { value: bytes.subarray(0, bytes[end - 1] === RETURN ? end - 1 : end), isTrimmed: true }
}

/** The refusal of more than a secret holds. */
export function tooLarge(message: string): VaultError {
  return new VaultError("VALUE_TOO_LARGE", message, {
    hint: `a secret holds at most ${LIMITS.value} bytes (${mebibytes(LIMITS.value)})`,
  })
}

/**
 * The first line from a file descriptor that the caller opened, and not a byte more: on stdin a
 * value may follow. Throws `USAGE`.
 */
export async function readDescriptor(text: string): Promise<string> {
  const line: number[] = []
  try {
    if (!/^\d{1,5}$/.test(text)) throw new Error("it is not a number")
    for (;;) {
      const byte = await readByte(Number(text))
      if (byte === undefined || byte === NEWLINE) break
      line.push(byte)
      if (line.length > LIMITS.typedLine) throw new Error("its first line is too long")
    }
  } catch (cause) {
    throw new VaultError("USAGE", "nothing can be read from the descriptor of --passphrase-fd", {
      hint: "for example: agent-vault … --passphrase-fd 3 3< <(pass show vault)",
      cause,
    })
  }
  return Buffer.from(line).toString("utf8").replace(/\r$/, "")
}

async function readByte(descriptor: number): Promise<number | undefined> {
  const byte = Buffer.alloc(1)
  for (;;) {
    try {
      return readSync(descriptor, byte) === 0 ? undefined : byte[0]
    } catch (error) {
      // A pipe that does not block, and whose writer takes its time.
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error
      await sleep(PAUSE_MS)
    }
  }
}
