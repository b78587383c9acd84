import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  openSync,
  readSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { isErrno } from "../words/system-error.js"
import { makeFolder } from "../disk/files.js"
import { type Environment, stateHome } from "../disk/homes.js"
import { VaultError } from "../words/errors.js"
import { toJson } from "../words/harmless.js"
import type { ReadEvent } from "./read-event.js"

/** A line of the audit: a read, and for which program it was. */
export interface AuditLine extends Omit<ReadEvent, "actor"> {
  readonly role: "agent" | "owner"
  readonly actor: string
  /** The name of the program that got the value, without its arguments. */
  readonly command?: string
}

/** Without waiting for somebody who reads from it, if it is a pipe. */
const APPEND = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_NONBLOCK
const NOT_THERE = { throwIfNoEntry: false } as const
/** How long a line may wait in the memory of the system, in milliseconds. */
const SYNC_AFTER_MS = 100
const NEWLINE = 0x0a

/** A file that is open for appending, and which one it is: another may be put in its place. */
interface OpenFile {
  readonly handle: number
  readonly device: number
  readonly inode: number
  /** Where it ended after the last write of this process; NaN before the first. */
  end: number
}

/** The audit of a vault's reads when the caller names no other. */
export function auditFile(vault: string, env: Environment): string {
  return join(stateHome(env), vault, "audit.jsonl")
}

/** Notes reads as lines of JSON in a file, which is made for its user alone if it is not there. */
export function auditTo(file: string, command?: string): Audit {
  return new Audit(file, command)
}

/** Notes nothing. Whoever starts the program has to ask for it. */
export function noAudit(): Audit {
  return new Audit(undefined, undefined)
}

/**
 * Where reads are noted, before their values are handed out. A line is appended at once, with one
 * write, so that lines of processes that read at once do not mix; it is synced to the disk soon, and
 * by `close()` at the latest. The file is let go between reads that are far apart, so that a vault
 * that nobody closes keeps no descriptor. Nobody reads a value without one of these: make it with
 * {@link auditTo} or {@link noAudit}.
 */
export class Audit {
  readonly #file: string | undefined
  readonly #command: string | undefined
  #open: OpenFile | undefined
  #syncing: NodeJS.Timeout | undefined
  /** Counts writes; {@link Audit.#synced} of them are on the disk. */
  #written = 0
  #synced = 0
  /** Why lines may not be on the disk. The system says so once: a second sync would succeed. */
  #failure: Error | undefined

  /** Made by {@link auditTo} and {@link noAudit}. */
  constructor(file: string | undefined, command: string | undefined) {
    this.#file = file
    this.#command = command
  }

  /**
   * Appends a line for each read. Throws `NO_ACCESS` if one cannot be written, or if an earlier one
   * could not be synced.
   */
  note(events: readonly ReadEvent[]): void {
    const file = this.#file
    if (file === undefined || events.length === 0) return
    const lines = events.map((event) => `${toJson(this.#lineOf(event))}\n`).join("")
    this.#attempt(file, () => {
      this.#throwFailure()
      this.#append(file, lines)
      this.#written += 1
      this.#syncing ??= setTimeout(() => this.#sync(), SYNC_AFTER_MS).unref()
    })
  }

  /** Syncs what was noted, and lets the file go; it is opened again if there is more to note. */
  close(): void {
    if (this.#file === undefined) return
    this.#attempt(this.#file, () => {
      this.#letGo()
      this.#throwFailure()
    })
  }

  #letGo(): void {
    const open = this.#open
    if (open === undefined) return
    clearTimeout(this.#syncing)
    this.#syncing = undefined
    this.#open = undefined
    try {
      if (this.#synced < this.#written) fdatasyncSync(open.handle)
      this.#synced = this.#written
    } catch (error) {
      if (!cannotSync(error)) throw error
    } finally {
      closeSync(open.handle)
    }
  }

  #lineOf({ at, actor, door, vault, secret, version }: ReadEvent): AuditLine {
    const command = this.#command === undefined ? {} : { command: this.#command }
    return { at, role: actor.role, actor: actor.name, door, vault, secret, version, ...command }
  }

  /** A line that another write left half done stays alone in its line. */
  #append(file: string, lines: string): void {
    const stat = statSync(file, NOT_THERE)
    const open = this.#openFile(file, stat)
    const size = stat?.isFile() === true ? stat.size : 0
    const isWithin = size > 0 && size !== open.end && isWithinLine(file, size)
    const bytes = Buffer.from(isWithin ? `\n${lines}` : lines)
    open.end = NaN
    writeWhole(open.handle, bytes)
    open.end = size + bytes.length
  }

  /** The open file, if it is still the one that lies there: it may have been moved away since. */
  #openFile(file: string, stat: Stats | undefined): OpenFile {
    const before = this.#open
    if (before !== undefined && stat?.ino === before.inode && stat.dev === before.device) {
      return before
    }
    this.#letGo()
    makeFolder(dirname(file), 0o700)
    const handle = openSync(file, APPEND, 0o600)
    const { dev: device, ino: inode } = fstatSync(handle)
    this.#open = { handle, device, inode, end: NaN }
    return this.#open
  }

  #sync(): void {
    this.#syncing = undefined
    const open = this.#open
    if (open === undefined) return
    const written = this.#written
    fdatasync(open.handle, (error) => {
      if (error === null || cannotSync(error)) this.#synced = Math.max(this.#synced, written)
      else this.#failure = error
      // It may have been let go meanwhile, and its number may be another file's by now.
      if (this.#open !== open || written < this.#written) return
      this.#open = undefined
      closeSync(open.handle)
    })
  }

  #throwFailure(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }

  #attempt(file: string, work: () => void): void {
    try {
      work()
    } catch (cause) {
      const why = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : ""
      throw new VaultError("NO_ACCESS", `the read cannot be noted in ${file}${why}`, {
        hint: "no value is handed out unnoted: make the file writable, or name another (--audit FILE; in the SDK: audit); where nothing can be written, say so: --no-audit, or audit: false",
        cause,
      })
    }
  }
}

/** A disk that is nearly full, or a pipe, may take only a part of a line. */
function writeWhole(handle: number, bytes: Buffer): void {
  const length = writeSync(handle, bytes)
  if (length < bytes.length) throw new Error(`only ${length} of ${bytes.length} bytes were taken`)
}

/** Whether a file of this size ends within a line, as far as this user may read it. */
function isWithinLine(file: string, size: number): boolean {
  const last = Buffer.of(NEWLINE)
  let handle: number | undefined
  try {
    handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    readSync(handle, last, 0, 1, size - 1)
  } catch (error) {
    // Whoever may only append learns nothing of what is there.
    if (!isErrno(error, "EACCES", "EPERM")) throw error
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
  return last[0] !== NEWLINE
}

/** Pipes and devices have nothing to sync. */
function cannotSync(error: unknown): boolean {
  return isErrno(error, "EINVAL", "ENOTSUP", "EROFS")
}
