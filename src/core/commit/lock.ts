import { LIMITS } from "../words/limits.js"
import { randomBytes } from "node:crypto"
import { basename, dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { attempted } from "../words/system-error.js"
import { VaultError } from "../words/errors.js"
import { type MaybeUnfinished, withUnfinished } from "../words/unfinished.js"
import { listFolder } from "../disk/at-path.js"
import { createFile, readRegularFile, removeFile } from "../disk/files.js"
import { OPEN_MODE, lockFile, refuseLinkedFolder } from "../disk/journal-file.js"
import { type Maker, isGone, thisProcess } from "../disk/maker.js"
import { type Turn, isAnyoneWaiting, queueUp } from "./queue.js"

/** The right to change a vault in one work tree. */
export interface Lock {
  /** Throws `LOCKED` if somebody broke the lock, taking its holder for dead. */
  confirm(): void
  release(): void
}

interface Holder extends Maker {
  readonly nonce: string
}

/** How long a lock may stay where it is, and the queue before it as it is. */
const PATIENCE_MS = 30_000
const PAUSE_MS = 25
/** So often a lock may be seen free, untaken by whoever is first, before others take it. */
const OVERDUE = 20
const NONCE = /^[0-9a-f]{16}$/
/** Locks of this process that it gave back, though the system did not remove them. */
const givenBack = new Set<string>()

/**
 * Does work under the lock of a work tree. What the work came to is the outcome: a lock that cannot
 * be removed is told with it. Throws the codes of {@link takeLock}.
 */
export async function withLock<T extends MaybeUnfinished>(
  gitFolder: string,
  work: (lock: Lock) => Promise<T>,
): Promise<T> {
  const lock = await takeLock(gitFolder)
  let left: VaultError | undefined
  let result: T
  try {
    result = await work(lock)
  } finally {
    left = attempted(() => lock.release())
  }
  return left === undefined ? result : withUnfinished(result, notRemoved(left))
}

/**
 * Takes the lock of a work tree. Who comes first is served first; the lock of a holder that died on
 * this machine is broken at once. Gives up when for 30 seconds neither the lock nor the queue has
 * moved. Throws `LOCKED`, `NO_ACCESS`, `FILE_UNSAFE`.
 */
export async function takeLock(gitFolder: string): Promise<Lock> {
  refuseLinkedFolder(gitFolder)
  const file = lockFile(gitFolder)
  const holder = newHolder()
  const take = (): boolean => createFile(file, JSON.stringify(holder), OPEN_MODE)
  if (isAnyoneWaiting(gitFolder) || !take()) {
    const turn = queueUp(gitFolder)
    try {
      await waitFor(file, turn, take)
    } finally {
      turn.end()
    }
  }
  return lockOf(file, holder)
}

async function waitFor(file: string, turn: Turn, take: () => boolean): Promise<void> {
  let [seen, since, free] = ["", performance.now(), 0]
  for (;;) {
    const other = readHolder(file)
    if (other !== undefined && isDead(other)) breakLock(file, other)
    free = other === undefined ? free + 1 : 0
    const ahead = turn.ahead()
    // Whoever is first may be stopped, and then would hold up all others.
    if ((ahead === 0 || free > OVERDUE) && take()) return
    const now = `${other?.nonce ?? ""} ${ahead}`
    if (now !== seen) [seen, since] = [now, performance.now()]
    if (performance.now() - since > PATIENCE_MS) throw locked(file, other)
    await sleep(PAUSE_MS * (0.5 + Math.random()))
  }
}

function lockOf(file: string, { nonce }: Holder): Lock {
  const isOurs = (): boolean => readHolder(file)?.nonce === nonce
  return {
    confirm: () => {
      if (!isOurs()) throw locked(file, readHolder(file))
    },
    release: () => {
      givenBack.add(nonce)
      if (isOurs()) removeFile(file)
      givenBack.delete(nonce)
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

/** Removes the claims on locks that are gone, of processes that are gone as well. */
export function removeDeadClaims(gitFolder: string): void {
  const lock = lockFile(gitFolder)
  for (const name of listFolder(dirname(lock))) {
    if (!name.startsWith(`${basename(lock)}.`)) continue
    const claim = join(dirname(lock), name)
    const holder = readHolder(claim)
    if (holder !== undefined && isDead(holder)) removeFile(claim)
  }
}

function newHolder(): Holder {
  return { ...thisProcess(), nonce: randomBytes(8).toString("hex") }
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
  return givenBack.has(holder.nonce) || isGone(holder)
}

function notRemoved(cause: VaultError): VaultError {
  return new VaultError(cause.code, cause.message, {
    hint: "nothing to do: the next command removes it, once this process has ended",
    cause,
  })
}

function locked(file: string, holder: Holder | undefined): VaultError {
  const who = holder === undefined ? "another process" : `process ${holder.pid} on ${holder.host}`
  return new VaultError("LOCKED", `${who} is changing this vault`, {
    hint: `wait for it to end; if it is gone for good, remove ${file}`,
  })
}
