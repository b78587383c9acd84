import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
  type Stats,
} from "node:fs"
import { basename, dirname, join } from "node:path"
import { arch, geteuid, pid, version, versions } from "node:process"

declare const AGENT_VAULT_VERSION: string

/** Where a chunk's code lies in the file, and the size and time of the text that it was made of. */
type Entry = readonly [start: number, end: number, size: number, changedMs: number]

/** What is kept of one chunk. */
export interface Compiled {
  readonly code: Buffer
  readonly source: Stats
}

const WRITABLE_BY_OTHERS = 0o022
const READ_AND_WRITE = 0o666
/** V8 reads from such a boundary without copying. */
const ALIGNED = 8

/**
 * The code of a hot door as V8 compiled it: bytecode, which V8 does not verify. So it is trusted
 * just as the program's text beside it is, and used only if nobody can have written it who could
 * not have written that: see docs/decisions/0022. No value of a vault is in it.
 */
export class CodeCache {
  readonly #file: string
  readonly #program: Stats
  readonly #bytes: Buffer | undefined
  readonly #entries: Readonly<Record<string, Entry>>

  private constructor(file: string, program: Stats) {
    this.#file = file
    this.#program = program
    this.#bytes = readTrusted(file, program)
    this.#entries = this.#bytes === undefined ? {} : entriesIn(this.#bytes)
  }

  /**
   * The cache of `door`, beside `program`. Undefined if there is none and none may be written, and
   * where files have no owners or the runtime is not Node.
   */
  static of(door: string, program: string): CodeCache | undefined {
    if (geteuid === undefined || versions["bun"] !== undefined || versions["deno"] !== undefined) {
      return undefined
    }
    const name = `${door}-${AGENT_VAULT_VERSION}-${version}-${arch}.v8`
    const cache = new CodeCache(join(dirname(program), name), statSync(program))
    return cache.isThere || cache.#mayBeWritten() ? cache : undefined
  }

  /** Whether it holds anything that may be used. */
  get isThere(): boolean {
    return this.#bytes !== undefined
  }

  /** The code of a chunk, if it was made of this very text. */
  codeOf(chunk: string, source: Stats): Buffer | undefined {
    const entry = this.#entries[chunk]
    if (entry === undefined || this.#bytes === undefined) return undefined
    const [start, end, size, changedMs] = entry
    if (source.size !== size || source.mtimeMs !== changedMs) return undefined
    return this.#bytes.subarray(start, end)
  }

  /** Writes all chunks, as a whole or not at all: without it, the next start is slower. */
  write(chunks: ReadonlyMap<string, Compiled>): void {
    // Ends as the cache does: what packs or copies the program knows both by that.
    const temporary = join(dirname(this.#file), `${pid}-${basename(this.#file)}`)
    try {
      const mode = this.#program.mode & READ_AND_WRITE
      const descriptor = openSync(temporary, "wx", mode)
      try {
        for (const piece of piecesOf(chunks)) writeSync(descriptor, piece)
      } finally {
        closeSync(descriptor)
      }
      renameSync(temporary, this.#file)
    } catch {
      removeIfThere(temporary)
    }
  }

  /** By us, into a folder that nobody else writes to. */
  #mayBeWritten(): boolean {
    const folder = statSync(dirname(this.#file))
    const program = this.#program
    const isOurs = folder.uid === geteuid?.() && program.uid === folder.uid
    return isOurs && isNoMoreOpen(folder, program)
  }
}

/** Whether whoever may write `one` may write `other` too, if both have the same owner. */
function isNoMoreOpen(one: Stats, other: Stats): boolean {
  const more = one.mode & ~other.mode & WRITABLE_BY_OTHERS
  return more === 0 && (one.gid === other.gid || (one.mode & 0o020) === 0)
}

/** The bytes of the file, if it is as trustworthy as the program. One open, so that none swaps it. */
function readTrusted(file: string, program: Stats): Buffer | undefined {
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW)
    const stats = fstatSync(descriptor)
    const isAlone = stats.isFile() && stats.nlink === 1
    if (!isAlone || stats.uid !== program.uid || !isNoMoreOpen(stats, program)) return undefined
    const bytes = Buffer.allocUnsafeSlow(stats.size)
    return readSync(descriptor, bytes) === bytes.length ? bytes : undefined
  } catch {
    return undefined
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** The first line tells where each chunk is. Nothing, if it is not one of ours. */
function entriesIn(bytes: Buffer): Readonly<Record<string, Entry>> {
  try {
    const line = bytes.toString("latin1", 0, bytes.indexOf("\n"))
    return JSON.parse(line) as Record<string, Entry>
  } catch {
    return {}
  }
}

/** The file: a line that tells where each chunk is, counted from the file's start, and the chunks. */
function piecesOf(chunks: ReadonlyMap<string, Compiled>): Buffer[] {
  const padded = [...chunks.values()].map(({ code }) => aligned(code))
  const indexed = (first: number): Buffer => {
    let at = first
    const entries = [...chunks].map(([chunk, { code, source }], index) => {
      const entry: Entry = [at, at + code.length, source.size, source.mtimeMs]
      at += padded[index]?.length ?? 0
      return [chunk, entry]
    })
    return Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  }
  // The offsets have as many digits as they will.
  const room = aligned(Buffer.concat([indexed(10 ** 9), Buffer.alloc(1)])).length
  const line = indexed(room)
    .toString("latin1")
    .padEnd(room - 1)
  return [Buffer.from(`${line}\n`, "latin1"), ...padded]
}

function aligned(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((ALIGNED - (bytes.length % ALIGNED)) % ALIGNED)])
}

function removeIfThere(file: string): void {
  try {
    unlinkSync(file)
  } catch {
    // It was not made.
  }
}
