import { VaultError } from "../words/errors.js"
import { isErrno } from "../words/system-error.js"
import { type AuditLine, encodeAuditLine, linkDigest } from "./audit-line.js"
import { CHAIN_START, type ChainEnd, readChainEnd } from "./chain-end.js"
import {
  type OpenFile,
  closeIfDone,
  isStillThere,
  openFile,
  sync,
  syncAtOnce,
  writeWhole,
} from "./open-chain.js"

/** A line that has no place in a chain yet. */
export type Unchained = Omit<AuditLine, "seq" | "prev">

/** How long a line may wait in the memory of the system, in milliseconds. */
const SYNC_AFTER_MS = 100
/** So often a file may be replaced while a line is about to be appended. */
const ATTEMPTS = 100

/** Where this process saw the chain end, and in which file. */
interface Known extends ChainEnd {
  readonly device: number
  readonly inode: number
  readonly size: number
}

/** Lines that wait for the disk, and who waits for them. */
interface WaitingLines {
  readonly lines: readonly Unchained[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * One file of the audit. Each line is linked to the one before it, whoever wrote that: in turn, with
 * one write, so that lines of processes that note at once neither mix nor fork. A file that was moved
 * away or replaced is opened anew, and an empty one starts a chain. A pipe or a device, which nobody
 * can read back, gets a chain for each process. The file is let go between lines that are far apart,
 * so that a vault that nobody closes keeps no descriptor.
 */
export class ChainFile {
  readonly #file: string
  #open: OpenFile | undefined
  #known: Known | undefined
  #isSeenTo = false
  #timer: NodeJS.Timeout | undefined
  #waiting: WaitingLines[] = []
  #isFlushing = false
  /** Why lines may not be on the disk. The system says so once: a second sync would succeed. */
  #failure: Error | undefined

  constructor(file: string) {
    this.#file = file
  }

  /** Appends lines; they are synced soon. Throws `AUDIT_UNWRITABLE`. */
  append(lines: readonly Unchained[]): void {
    this.#attempt(() => {
      this.#throwFailure()
      this.#append(lines)
    })
  }

  /**
   * Appends lines, and resolves when they are on the disk. What comes while a sync is under way
   * shares the next one. Rejects with `AUDIT_UNWRITABLE`.
   */
  appendDurably(lines: readonly Unchained[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ lines, resolve, reject })
      if (!this.#isFlushing) void this.#flush()
    })
  }

  /** Syncs what was appended, and lets the file go; it is opened again if there is more. */
  close(): void {
    this.#attempt(() => {
      this.#letGo()
      this.#throwFailure()
    })
  }

  async #flush(): Promise<void> {
    this.#isFlushing = true
    // Those who note in the same breath go together.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        this.append(batch.flatMap(({ lines }) => lines))
        await this.#syncNow()
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#isFlushing = false
  }

  async #syncNow(): Promise<void> {
    const open = this.#open
    // Let go since, it was synced then.
    const error = open === undefined ? undefined : await sync(open)
    this.#attempt(() => {
      if (error !== undefined) {
        if (this.#open === open) this.#letGo()
        throw error
      }
      this.#throwFailure()
    })
  }

  #append(lines: readonly Unchained[]): void {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const open = (this.#open ??= openFile(this.#file))
      if (this.#appendTo(open, lines)) {
        open.written += 1
        this.#settleSoon()
        return
      }
      // Moved away since, or replaced.
      this.#letGo()
    }
    throw new Error(`${this.#file} is replaced again and again`)
  }

  /** Returns false if the file is no longer the one that lies there. */
  #appendTo(open: OpenFile, lines: readonly Unchained[]): boolean {
    if (open.turn === undefined) {
      if (!isStillThere(this.#file, open)) return false
      this.#write(open, this.#known ?? CHAIN_START, lines, 0)
      return true
    }
    try {
      return open.turn.take(() => {
        const stat = isStillThere(this.#file, open)
        if (stat === undefined) return false
        this.#write(open, this.#endOf(open, stat.size), lines, stat.size)
        return true
      })
    } catch (error) {
      // Its folder is gone: it is made again with the file.
      if (isErrno(error, "ENOENT")) return false
      throw error
    }
  }

  #endOf(open: OpenFile, size: number): ChainEnd {
    const known = this.#known
    const isOwn = known?.inode === open.inode && known.device === open.device && known.size === size
    return isOwn ? known : readChainEnd(open.handle, size, this.#file)
  }

  #write(open: OpenFile, end: ChainEnd, lines: readonly Unchained[], size: number): void {
    let { seq, prev } = end
    // A line that another write left half done stays alone in its line.
    let text = end.isWithinLine ? "\n" : ""
    for (const line of lines) {
      seq += 1
      // In front: V8 takes 6 µs more to encode what was copied first and then grew.
      const encoded = encodeAuditLine({ seq, prev, ...line })
      prev = linkDigest(encoded)
      text += `${encoded}\n`
    }
    this.#known = undefined
    const length = writeWhole(open.handle, text)
    const { device, inode } = open
    this.#known = { seq, prev, isWithinLine: false, device, inode, size: size + length }
  }

  /** Who reads once has closed it by the next turn: Node takes 0.3 ms for its first timer. */
  #settleSoon(): void {
    if (this.#isSeenTo) return
    this.#isSeenTo = true
    setImmediate(() => {
      this.#isSeenTo = false
      if (this.#open === undefined) return
      this.#timer ??= setTimeout(() => this.#settle(), SYNC_AFTER_MS).unref()
    })
  }

  /** Some time after a line: syncs, and lets the file go unless there was another line meanwhile. */
  #settle(): void {
    this.#timer = undefined
    const open = this.#open
    if (open === undefined) return
    const { written } = open
    const settled = (error: Error | undefined): void => {
      if (error !== undefined) this.#failure = error
      const isQuiet = open.written === written
      if (this.#open === open && (isQuiet || error !== undefined)) this.#letGo()
    }
    void sync(open).then(settled)
  }

  #letGo(): void {
    const open = this.#open
    if (open === undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#open = undefined
    try {
      syncAtOnce(open)
    } finally {
      open.isLetGo = true
      closeIfDone(open)
    }
  }

  #throwFailure(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }

  #attempt(work: () => void): void {
    try {
      work()
    } catch (cause) {
      if (VaultError.is(cause, "AUDIT_UNWRITABLE")) throw cause
      throw VaultError.is(cause, "LOCKED") ? kept(cause) : unwritable(this.#file, cause)
    }
  }
}

function kept(cause: VaultError): VaultError {
  const { message, hint = "" } = cause
  return new VaultError("AUDIT_UNWRITABLE", `${message}, so nothing can be noted`, { hint, cause })
}

function unwritable(file: string, cause: unknown): VaultError {
  const why = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : ""
  return new VaultError("AUDIT_UNWRITABLE", `the audit ${file} cannot be written${why}`, {
    hint: "no value is handed out unnoted: make the file and its folder writable, or name another file (--audit FILE; in the SDK: audit); where nothing can be written, say so: --no-audit, or audit: false",
    cause,
  })
}
