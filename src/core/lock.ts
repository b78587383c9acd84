import { randomBytes } from "node:crypto"
import { linkSync, readFileSync, renameSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { kill, pid } from "node:process"
import { setTimeout as sleep } from "node:timers/promises"
import { VaultError } from "./errors.js"
import { createFile, isErrno, readRegularFile, removeFile } from "./files.js"
import { changeFolder } from "./journal-file.js"

/** The right to change a vault in one work tree. */
export interface Lock {
  /** Throws `LOCKED` if somebody broke the lock, taking its holder for dead. */
  confirm(): void
  release(): void
}

interface Holder {
  readonly pid: number
  readonly host: string
  /** When the process started, as the system counts it: a pid alone may be another's by now. */
  readonly started: string | undefined
  readonly nonce: string
}

const PATIENCE_MS = 30_000
const PAUSE_MS = 25

/**
 * Takes the lock of a work tree, waiting for a living holder for up to 30 seconds. The lock of a
 * holder that died on this machine is broken. Throws `LOCKED`.
 */
export async function takeLock(gitFolder: string): Promise<Lock> {
  const file = join(changeFolder(gitFolder), "lock")
  const holder = {
    pid,
    host: hostname(),
    started: startOf(pid),
    nonce: randomBytes(8).toString("hex"),
  }
  const deadline = Date.now() + PATIENCE_MS
  while (!createFile(file, JSON.stringify(holder), 0o600)) {
    const other = readHolder(file)
    if (other !== undefined && isDead(other)) breakLock(file, other)
    else if (Date.now() > deadline) throw locked(file, other)
    else await sleep(PAUSE_MS * (0.5 + Math.random()))
  }
  const isOurs = (): boolean => readHolder(file)?.nonce === holder.nonce
  return {
    confirm: () => {
      if (!isOurs()) throw locked(file, readHolder(file))
    },
    release: () => {
      if (isOurs()) removeFile(file)
    },
  }
}

/** Renaming takes the file from everyone else who may be breaking it; a wrong one is put back. */
function breakLock(file: string, dead: Holder): void {
  const aside = `${file}.${randomBytes(8).toString("hex")}`
  try {
    renameSync(file, aside)
  } catch (error) {
    if (isErrno(error, "ENOENT")) return
    throw error
  }
  if (readHolder(aside)?.nonce !== dead.nonce) {
    try {
      linkSync(aside, file)
    } catch (error) {
      // Somebody has the lock already; the one put aside sees that when it confirms.
      if (!isErrno(error, "EEXIST")) throw error
    }
  }
  removeFile(aside)
}

function readHolder(file: string): Holder | undefined {
  const bytes = readRegularFile(file, 4096)
  if (bytes === undefined) return undefined
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8")) as Holder
  } catch {
    return undefined
  }
}

function isDead(holder: Holder): boolean {
  if (holder.host !== hostname()) return false
  try {
    kill(holder.pid, 0)
  } catch (error) {
    return isErrno(error, "ESRCH")
  }
  return holder.started !== startOf(holder.pid)
}

/** The process's start in clock ticks since boot (Linux, proc(5) field 22); undefined elsewhere. */
function startOf(process: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${process}/stat`, "utf8")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
  } catch {
    return undefined
  }
}

function locked(file: string, holder: Holder | undefined): VaultError {
  const who = holder === undefined ? "another process" : `process ${holder.pid} on ${holder.host}`
  return new VaultError("LOCKED", `${who} is changing this vault`, {
    hint: `wait for it to end; if it is gone for good, remove ${file}`,
  })
}
