import type { Stats } from "node:fs"
import { type Look, type Stamp, linkStatOf, stampFrom, statOf } from "./stamp.js"

/**
 * One point in time, at which several decisions are made: each path is looked at once for all of
 * them. It lasts until whoever made it ends it, before anything is waited for; from then on each look
 * is a new one.
 */
export class Moment {
  readonly #links = new Map<string, Stats | undefined>()
  #isOver = false

  /** What is at a path. */
  stampOf(path: string, look: Look): Stamp {
    const stat = this.#linkStatOf(path)
    // Only of a link it makes a difference whether it is followed.
    const isFollowed = look === "target" && stat?.isSymbolicLink() === true
    return stampFrom(isFollowed ? statOf(path) : stat, look)
  }

  /** Something may have changed since. */
  end(): void {
    this.#isOver = true
    this.#links.clear()
  }

  #linkStatOf(path: string): Stats | undefined {
    const before = this.#links.get(path)
    if (before !== undefined || this.#links.has(path)) return before
    const stat = linkStatOf(path)
    if (!this.#isOver) this.#links.set(path, stat)
    return stat
  }
}
