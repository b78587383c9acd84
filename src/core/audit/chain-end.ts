import { readSync } from "node:fs"
import { VaultError } from "../words/errors.js"
import { decodeAuditLine, linkDigest } from "./audit-line.js"

/** Where a chain ends: what the next line has to follow. */
export interface ChainEnd {
  /** Of the last line; 0 if there is none. */
  readonly seq: number
  /** What the next line's `prev` is; undefined at the start of a file. */
  readonly prev: string | undefined
  /** Whether something stands behind it that is not ended: the next line has to begin anew. */
  readonly isWithinLine: boolean
}

/** Before the first line. */
export const CHAIN_START: ChainEnd = { seq: 0, prev: undefined, isWithinLine: false }

const NEWLINE = 0x0a
const FIRST_WINDOW = 8 * 1024
const GROWTH = 16
/** So much of something else may stand at the end of a file, before it counts as none of ours. */
const LARGEST_WINDOW = 64 * 1024 * 1024

/** The end of the chain in an open file of this size. Throws `AUDIT_UNWRITABLE` for another's file. */
export function readChainEnd(handle: number, size: number, shown: string): ChainEnd {
  for (let window = FIRST_WINDOW; ; window *= GROWTH) {
    const start = Math.max(0, size - window)
    const end = lastLink(readAt(handle, start, size - start), start === 0)
    if (end !== undefined) return end
    if (window > LARGEST_WINDOW) throw notOurs(shown)
  }
}

/**
 * The end of a chain, if its last line is among these bytes. What follows that line is none: a write
 * that broke off, or what was in the file before; the next line's `prev` is over both.
 */
function lastLink(bytes: Buffer, isWhole: boolean): ChainEnd | undefined {
  if (bytes.length === 0) return CHAIN_START
  const isWithinLine = bytes.at(-1) !== NEWLINE
  const length = isWithinLine ? bytes.length : bytes.length - 1
  for (let end = length; end >= 0;) {
    const start = end === 0 ? 0 : bytes.lastIndexOf(NEWLINE, end - 1) + 1
    if (start === 0 && !isWhole) return undefined
    const line = decodeAuditLine(bytes.subarray(start, end))
    if (line !== undefined) {
      return { seq: line.seq, prev: linkDigest(bytes.subarray(start, length)), isWithinLine }
    }
    end = start - 1
  }
  return { seq: 0, prev: linkDigest(bytes.subarray(0, length)), isWithinLine }
}

/** A file that grows shorter meanwhile was cut: what is left is its end. */
function readAt(handle: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let done = 0
  while (done < length) {
    const read = readSync(handle, bytes, done, length - done, from + done)
    if (read === 0) break
    done += read
  }
  return bytes.subarray(0, done)
}

function notOurs(file: string): VaultError {
  return new VaultError("AUDIT_UNWRITABLE", `${file} holds something else than an audit`, {
    hint: "name another file with --audit FILE, or move this one away",
  })
}
