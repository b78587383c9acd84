import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  openSync,
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

/** Where the reads of a vault are noted if nobody says where. */
export function auditFile(vault: string, env: Environment): string {
  return join(stateHome(env), vault, "audit.jsonl")
}

/** Notes reads as lines of JSON in a file, which is made for its user alone if it is not there. */
export function auditTo(file: string, command?: string): Audit {
  return new Audit(file, command)
}

/** Notes nothing: only where whoever starts the program says so. */
export function noAudit(): Audit {
  return new Audit(undefined, undefined)
}

/**
 * Where reads are noted, before their values are handed out. A line is appended at once, with one
 * write, so that lines of processes that read at once do not mix; it is synced to the disk soon, and
 * by `close()` at the latest. Nobody reads a value without one of these: make it with
 * {@link auditTo} or {@link noAudit}.
 */
export class Audit {
  readonly #file: string | undefined
  readonly #command: string | undefined
  #handle: number | undefined
  /** Of the file that is open: another one may be put in its place. */
  #inode: number | undefined
  #syncing: NodeJS.Timeout | undefined
  /** Counts writes; {@link Audit.#synced} of them are on the disk. */
  #written = 0
  #synced = 0

  /** Made by {@link auditTo} and {@link noAudit}. */
  constructor(file: string | undefined, command: string | undefined) {
    this.#file = file
    this.#command = command
  }

  /** Appends a line for each read. Throws `NO_ACCESS` if one cannot be written. */
  note(events: readonly ReadEvent[]): void {
    const file = this.#file
    if (file === undefined || events.length === 0) return
    const lines = events.map((event) => `${toJson(this.#lineOf(event))}\n`).join("")
    this.#attempt(file, () => {
      writeWhole(this.#open(file), lines)
      this.#written += 1
      this.#syncing ??= setTimeout(() => this.#sync(), SYNC_AFTER_MS).unref()
    })
  }

  /** Syncs what was noted, and lets the file go; it is opened again if there is more to note. */
  close(): void {
    const handle = this.#handle
    if (handle === undefined || this.#file === undefined) return
    clearTimeout(this.#syncing)
    this.#syncing = undefined
    this.#handle = undefined
    this.#attempt(this.#file, () => {
      try {
        if (this.#synced < this.#written) fdatasyncSync(handle)
        this.#synced = this.#written
      } catch (error) {
        if (!cannotSync(error)) throw error
      } finally {
        closeSync(handle)
      }
    })
  }

  #lineOf({ at, actor, door, vault, secret, version }: ReadEvent): AuditLine {
    const command = this.#command === undefined ? {} : { command: this.#command }
    return { at, role: actor.role, actor: actor.name, door, vault, secret, version, ...command }
  }

  /** The open file, if it is still the one that lies there: it may have been moved away since. */
  #open(file: string): number {
    const isThere = this.#handle !== undefined && statSync(file, NOT_THERE)?.ino === this.#inode
    if (this.#handle !== undefined && isThere) return this.#handle
    this.close()
    makeFolder(dirname(file), 0o700)
    const handle = openSync(file, APPEND, 0o600)
    this.#handle = handle
    this.#inode = fstatSync(handle).ino
    return handle
  }

  #sync(): void {
    this.#syncing = undefined
    if (this.#handle === undefined) return
    const written = this.#written
    // If it fails, `close()` tries again and says so.
    fdatasync(this.#handle, (error) => {
      if (error === null) this.#synced = Math.max(this.#synced, written)
    })
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
function writeWhole(handle: number, text: string): void {
  const bytes = Buffer.from(text)
  const length = writeSync(handle, bytes)
  if (length < bytes.length) throw new Error(`only ${length} of ${bytes.length} bytes were taken`)
}

/** Pipes and devices have nothing to sync. */
function cannotSync(error: unknown): boolean {
  return isErrno(error, "EINVAL", "ENOTSUP", "EROFS")
}
