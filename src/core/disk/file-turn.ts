import { linkSync, readFileSync, unlinkSync, writeFileSync } from "node:fs"
import { VaultError } from "../words/errors.js"
import { attempted, isErrno } from "../words/system-error.js"
import { removeAbandoned } from "./abandoned.js"
import { inFolder, makeFolder, removeFile } from "./files.js"
import { fateOfMaker, nameByMaker } from "./maker.js"

/** How long whoever has the turn may keep it: a write takes some ten microseconds. */
const PATIENCE_MS = 5000
const PAUSE_MS = 1
const OWN = "by-"

let sleeping: Int32Array | undefined

/**
 * Who may write a file: one process at a time. Whoever wants to has a file in a folder beside it,
 * which says who that is; a second name for that file, `lock`, is the turn. So the lock never is there
 * without saying whose it is, and taking it makes no new file, which costs ext4 up to a millisecond
 * where it has just removed many. The lock of a process that is gone is taken away at once.
 */
export class FileTurn {
  readonly #folder: string
  readonly #lock: string
  readonly #name = nameByMaker(OWN)
  readonly #own: string

  /** Makes the folder for a file, if it is not there. Throws what the system says. */
  constructor(file: string) {
    this.#folder = `${file}.turn`
    this.#lock = inFolder(this.#folder, "lock")
    this.#own = inFolder(this.#folder, this.#name)
    this.#enter()
  }

  /** Does work in turn. Throws `LOCKED` if somebody keeps it, and what the system says. */
  take<T>(work: () => T): T {
    // The clock is asked only if there is something to wait for: Node loads it at its first use.
    let since: number | undefined
    for (let holder = this.#begin(); holder !== undefined; holder = this.#begin()) {
      since ??= performance.now()
      if (performance.now() - since > PATIENCE_MS) throw kept(this.#lock, holder)
      sleep()
    }
    try {
      return work()
    } finally {
      unlinkSync(this.#lock)
    }
  }

  /**
   * Does work in turn that takes its time, and waits in the event loop for `patience` ms. Rejects
   * with `LOCKED` if somebody keeps the turn, and with what the system says.
   */
  async takeLong<T>(work: () => Promise<T>, patience: number): Promise<T> {
    const since = performance.now()
    for (let holder = this.#begin(); holder !== undefined; holder = this.#begin()) {
      if (performance.now() - since > patience) throw kept(this.#lock, holder)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * (10 + 5 * Math.random())))
    }
    try {
      return await work()
    } finally {
      unlinkSync(this.#lock)
    }
  }

  /** Leaves nothing behind. What a process leaves that ends without it, the next one removes. */
  end(): void {
    attempted(() => removeFile(this.#own))
  }

  /** Takes the turn; or says who has it, having taken it away from whoever is gone. */
  #begin(): string | undefined {
    while (!this.#link(this.#lock)) {
      const holder = holderOf(this.#lock)
      if (holder === undefined) continue
      if (!isGone(holder)) return holder
      this.#takeAway(this.#lock, holder)
    }
    return undefined
  }

  #enter(): void {
    makeFolder(this.#folder, 0o700)
    attempted(() => removeAbandoned(this.#folder, OWN))
    try {
      writeFileSync(this.#own, this.#name, { mode: 0o600 })
    } catch (error) {
      // On a full disk it is there, and says nothing: it must not become a lock.
      this.end()
      throw error
    }
  }

  #link(lock: string): boolean {
    try {
      linkSync(this.#own, lock)
      return true
    } catch (error) {
      if (isErrno(error, "EEXIST")) return false
      if (!isErrno(error, "ENOENT")) throw error
    }
    // Somebody cleared up, or moved all of it away.
    this.#enter()
    return false
  }

  /**
   * Takes away the lock of a process that is gone. Of all who saw it so, only the one with the claim
   * on it may, who looks again: it may be somebody else's by now. A claim is a lock like any other.
   */
  #takeAway(lock: string, dead: string): void {
    // Whoever is gone held one thing alone, the lock or a claim: so names do not grow with the claims.
    const claim = dead === "" ? `${lock}.` : `${this.#lock}.${dead}`
    if (!this.#link(claim)) {
      const claimant = holderOf(claim)
      if (claimant !== undefined && isGone(claimant)) this.#takeAway(claim, claimant)
      else sleep()
      return
    }
    try {
      if (holderOf(lock) === dead) unlinkSync(lock)
    } finally {
      unlinkSync(claim)
    }
  }
}

/** Whoever takes a lock has written its file before: one without a word is what a power cut left. */
function isGone(holder: string): boolean {
  return holder === "" || fateOfMaker(holder) === "gone"
}

function holderOf(lock: string): string | undefined {
  try {
    return readFileSync(lock, "utf8")
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined
    throw error
  }
}

/** Work that is done before its function returns waits without the event loop. */
function sleep(): void {
  sleeping ??= new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  Atomics.wait(sleeping, 0, 0, PAUSE_MS * (0.5 + Math.random()))
}

function kept(lock: string, holder: string): VaultError {
  const [, pid] = /^by-(\d+)-/.exec(holder) ?? []
  const who = pid === undefined ? "another process" : `process ${pid}`
  return new VaultError("LOCKED", `${who} keeps ${lock}`, {
    hint: `wait for it or end it; if it is gone for good, remove ${lock}`,
  })
}
