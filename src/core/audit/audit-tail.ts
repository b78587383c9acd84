import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs"
import { Lines } from "../disk/lines.js"
import { accessing, inaccessible, isErrno } from "../words/system-error.js"
import { AUDIT_LINE_LIMIT, type AuditLine, decodeAuditLine } from "./audit-line.js"

const CHUNK = 256 * 1024

/** Reads a file of the audit as it grows, also where another was put in its place. */
export class AuditTail {
  readonly #file: string
  #inode: number | undefined
  #offset = 0
  #lines = new Lines(AUDIT_LINE_LIMIT)

  constructor(file: string) {
    this.#file = file
  }

  /** The lines that were ended since the last call. Throws `NO_ACCESS`. */
  more(): AuditLine[] {
    return [...this.each()]
  }

  /** The same, one by one: all of a large file would not fit. Throws `NO_ACCESS`. */
  *each(): Generator<AuditLine> {
    let handle: number
    try {
      handle = openSync(this.#file, constants.O_RDONLY | constants.O_NONBLOCK)
    } catch (error) {
      if (isErrno(error, "ENOENT")) return
      throw inaccessible("read", this.#file, error)
    }
    try {
      this.#look(handle)
      yield* this.#read(handle)
    } finally {
      closeSync(handle)
    }
  }

  #look(handle: number): void {
    const { ino, size } = fstatSync(handle)
    if (ino === this.#inode && size >= this.#offset) return
    this.#inode = ino
    this.#offset = 0
    this.#lines = new Lines(AUDIT_LINE_LIMIT)
  }

  *#read(handle: number): Generator<AuditLine> {
    const chunk = Buffer.alloc(CHUNK)
    for (;;) {
      const read = () => readSync(handle, chunk, 0, CHUNK, this.#offset)
      const length = accessing("read", this.#file, read)
      if (length === 0) return
      this.#offset += length
      for (const bytes of this.#lines.push(chunk.subarray(0, length))) {
        const line = bytes === undefined ? undefined : decodeAuditLine(bytes)
        if (line !== undefined) yield line
      }
    }
  }
}
