import { AsyncLocalStorage } from "node:async_hooks"
import type { Moment } from "./moment.js"
import {
  type Look,
  type Stamp,
  isFolderItself,
  isSameStamp,
  isSettled,
  isThere,
  stampOf,
} from "./stamp.js"

/** A path, and what was there. */
interface SeenPath {
  readonly path: string
  readonly look: Look
  readonly stamp: Stamp
}

const gathering = new AsyncLocalStorage<readonly Evidence[]>()
/** How many gather now, or work apart. */
let gatherers = 0
/** Gets whatever the process looks at. */
let ofAll: Evidence | undefined

/**
 * The files and folders that some work looked at, each as it was just before the first look. The
 * functions of this room that read for a decision add to it by themselves, so that nobody who adds
 * a file to a decision has to remember a list.
 */
export class Evidence {
  /** By look and path. */
  readonly #stamps = new Map<string, SeenPath>()
  /** Those that tell all: the others need not be looked at again. */
  #telling: readonly SeenPath[] | undefined
  #isSettled = true
  #isMixed = false

  /** Adds what is at `path`, there or not; what was added before stays as it was then. */
  add(path: string, look: Look): void {
    const key = `${look} ${path}`
    if (this.#stamps.has(key)) return
    const now = Date.now()
    const stamp = stampOf(path, look)
    this.#stamps.set(key, { path, look, stamp })
    this.#telling = undefined
    this.#isSettled &&= isSettled(stamp, now)
  }

  /** The paths that were looked at. */
  get paths(): readonly string[] {
    return [...this.#stamps.values()].map(({ path }) => path)
  }

  /** Whether all of it is now as it was; `now` is what others look at as well. */
  holds(now?: Moment): boolean {
    // All of it once: a folder may have been another one when the file in it was looked at.
    for (const { path, look, stamp } of this.#telling ?? this.#stamps.values()) {
      const present = now?.stampOf(path, look) ?? stampOf(path, look)
      if (!isSameStamp(present, stamp)) return false
    }
    this.#telling ??= tellingOf([...this.#stamps.values()])
    return true
  }

  /** Whether {@link Evidence.holds} will notice every change from now on. */
  isSettled(): boolean {
    return this.#isSettled
  }

  /** Whether it may decide again and again: it notices every change, and no more than its own. */
  mayBeKept(): boolean {
    return this.#isSettled && !this.#isMixed
  }

  /** Others gather beside it: what they look at may be in it as well. */
  mix(): void {
    this.#isMixed = true
  }
}

/**
 * Less what others tell as well: a folder, of which only counts that it is the same one, by the same
 * file at the same path in it; and what a path leads to, if the path itself is that. Not seen is a
 * link in a folder's place that leads to that very folder, with nothing in it changed.
 */
function tellingOf(all: readonly SeenPath[]): SeenPath[] {
  const above = new Set<string>()
  const themselves = new Map<string, Stamp>()
  for (const { path, look, stamp } of all) {
    if (look === "target" || !isThere(stamp)) continue
    if (look === "self") themselves.set(path, stamp)
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const folder = path.slice(0, end)
      if (above.has(folder)) break
      above.add(folder)
    }
  }
  return all.filter(({ path, look, stamp }) => {
    if (look !== "entries" && isFolderItself(stamp) && above.has(path)) return false
    const itself = look === "target" ? themselves.get(path) : undefined
    return itself === undefined || !isSameStamp(itself, stamp)
  })
}

/**
 * Does work, and adds to `evidence` what it looks at; work that goes on beside it adds nothing. Who
 * gathers around that gets it too.
 */
export function gather<T>(evidence: Evidence, work: () => T | Promise<T>): Promise<T> {
  return apart(() => gathering.run([...(gathering.getStore() ?? []), evidence], work))
}

/** Does work that may look at much: no evidence that is kept has it in it that is not its own. */
export async function apart<T>(work: () => T | Promise<T>): Promise<T> {
  gatherers += 1
  ofAll?.mix()
  try {
    return await work()
  } finally {
    gatherers -= 1
    // While it is on, Node follows every promise and every call back of the whole process.
    if (gatherers === 0) gathering.disable()
  }
}

/**
 * The same while nobody else gathers, and faster: nothing has to follow promises. What work that goes
 * on beside it looks at is added too, so that more changes than those that matter may be noticed.
 */
export async function gatherAll<T>(evidence: Evidence, work: () => T | Promise<T>): Promise<T> {
  if (ofAll !== undefined || gatherers > 0) return gather(evidence, work)
  ofAll = evidence
  try {
    return await work()
  } finally {
    ofAll = undefined
  }
}

/** Called before a look at `path` that something is decided upon. */
export function witness(path: string, look: Look = "self"): void {
  ofAll?.add(path, look)
  for (const evidence of gathering.getStore() ?? []) evidence.add(path, look)
}
