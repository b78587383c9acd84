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

/** A chunk's file as it was read: its name as the chunks have it, its size, its time. */
export interface ChunkState {
  readonly name: string
  readonly size: number
  readonly changedMs: number
}

/** A script: the chunks that it was made of, its text, and what V8 made of that. */
export interface Compiled {
  readonly chunks: readonly ChunkState[]
  readonly text: string
  readonly code: Buffer
}

/** Where a script's code and text lie in the file, one behind the other. */
interface Entry {
  readonly chunks: readonly ChunkState[]
  readonly start: number
  readonly code: number
  readonly text: number
}

/** By the names of the chunks that they begin with. */
type Entries = Readonly<Record<string, Entry>>

/** The file's first line. */
interface CacheIndex {
  /** Of the whole file. */
  readonly size: number
  readonly scripts: Entries
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
  readonly #entries: Entries

  private constructor(file: string, program: Stats) {
    this.#file = file
    this.#program = program
    const bytes = readTrusted(file, program)
    const entries = bytes && entriesIn(bytes)
    const isOfThese = entries !== undefined && areAsRead(dirname(file), entries)
    this.#bytes = isOfThese ? bytes : undefined
    this.#entries = isOfThese ? entries : {}
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

  /** Whether there is one that may be used, of the chunks as they are now. */
  get isThere(): boolean {
    return this.#bytes !== undefined
  }

  /** The script that begins with this chunk. */
  compiledFrom(first: string): Compiled | undefined {
    const entry = this.#entries[first]
    if (entry === undefined || this.#bytes === undefined) return undefined
    const { chunks, start, code, text } = entry
    const behind = start + code
    return {
      chunks,
      text: this.#bytes.toString("latin1", behind, behind + text),
      code: this.#bytes.subarray(start, behind),
    }
  }

  /** Writes all scripts, as a whole or not at all: without it, the next start is slower. */
  write(scripts: ReadonlyMap<string, Compiled>): void {
    // Ends as the cache does: what packs or copies the program knows both by that.
    const temporary = join(dirname(this.#file), `${pid}-${basename(this.#file)}`)
    try {
      const mode = this.#program.mode & READ_AND_WRITE
      const descriptor = openSync(temporary, "wx", mode)
      try {
        for (const piece of piecesOf(scripts)) writeSync(descriptor, piece)
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

/** Undefined if it is not one of ours, or not all of it. */
function entriesIn(bytes: Buffer): Entries | undefined {
  try {
    const line = bytes.toString("latin1", 0, bytes.indexOf("\n"))
    const { size, scripts } = JSON.parse(line) as CacheIndex
    return size === bytes.length ? scripts : undefined
  } catch {
    return undefined
  }
}

/** Whether each chunk is still what it was: a text that was changed since runs as it is. */
function areAsRead(folder: string, entries: Entries): boolean {
  return Object.values(entries).every(({ chunks }) =>
    chunks.every(({ name, size, changedMs }) => {
      const now = statSync(join(folder, name), { throwIfNoEntry: false })
      return now?.size === size && now.mtimeMs === changedMs
    }),
  )
}

/** The file: a line that is its index, and of each script the code and the text. */
function piecesOf(scripts: ReadonlyMap<string, Compiled>): Buffer[] {
  const bodies = [...scripts.values()].map(({ code, text }) => {
    return aligned(Buffer.concat([code, Buffer.from(text, "latin1")]))
  })
  const indexed = (from: number): Buffer => {
    let start = from
    const entries = [...scripts].map(([first, { chunks, code, text }], at) => {
      const entry: Entry = { chunks, start, code: code.length, text: text.length }
      start += bodies[at]?.length ?? 0
      return [first, entry]
    })
    const index: CacheIndex = { size: start, scripts: Object.fromEntries(entries) as Entries }
    return Buffer.from(JSON.stringify(index))
  }
  // The offsets have as many digits as they will.
  const room = aligned(Buffer.concat([indexed(10 ** 9), Buffer.alloc(1)])).length
  const line = indexed(room)
    .toString("latin1")
    .padEnd(room - 1)
  return [Buffer.from(`${line}\n`, "latin1"), ...bodies]
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
