import { LIMITS } from "../words/limits.js"
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { hostname } from "node:os"
import { kill, pid } from "node:process"
import { setTimeout as sleep } from "node:timers/promises"
import { VaultError } from "../words/errors.js"
import { createFile, readRegularFile, removeFile } from "../disk/files.js"
import { isErrno } from "../words/system-error.js"
import { OPEN_MODE, lockFile } from "../disk/journal-file.js"

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
const NONCE = /^[0-9a-f]{16}$/

/** Does work under the lock of a work tree. Throws the codes of {@link takeLock}. */
export async function withLock<T>(gitFolder: string, work: (lock: Lock) => Promise<T>): Promise<T> {
  const lock = await takeLock(gitFolder)
  try {
    return await work(lock)
  } finally {
    lock.release()
  }
}

/**
 * Takes the lock of a work tree, waiting for a living holder for up to 30 seconds. The lock of a
 * holder that died on this machine is broken. Throws `LOCKED`.
 */
export async function takeLock(gitFolder: string): Promise<Lock> {
  const file = lockFile(gitFolder)
  const holder = newHolder()
  const deadline = Date.now() + PATIENCE_MS
  while (existsSync(file) || !createFile(file, JSON.stringify(holder), OPEN_MODE)) {
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

/**
 * Removes the lock of a dead holder. Of all who saw it dead, only the one who holds the claim on it
 * may: it looks again, for meanwhile it may be somebody else's. A dead claimant is replaced alike.
 */
function breakLock(file: string, dead: Holder): void {
  const claim = `${file}.${dead.nonce}`
  if (!createFile(claim, JSON.stringify(newHolder()), OPEN_MODE)) {
    const other = readHolder(claim)
    if (other !== undefined && isDead(other)) breakLock(claim, other)
    return
  }
  if (readHolder(file)?.nonce === dead.nonce) removeFile(file)
  removeFile(claim)
}

function newHolder(): Holder {
  return { pid, host: hostname(), started: startOf(pid), nonce: randomBytes(8).toString("hex") }
}

function readHolder(file: string): Holder | undefined {
  const bytes = readRegularFile(file, LIMITS.lock)
  if (bytes === undefined) return undefined
  try {
    const holder = JSON.parse(Buffer.from(bytes).toString("utf8")) as Holder
    return holder.pid > 0 && NONCE.test(holder.nonce) ? holder : undefined
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

/**
 * When a process started, in clock ticks since boot (Linux, proc(5) fields 3 and 22); undefined
 * for a zombie, which runs no more, and on other systems.
 */
function startOf(process: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${process}/stat`, "utf8")
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return state === "Z" ? undefined : fields[18]
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
