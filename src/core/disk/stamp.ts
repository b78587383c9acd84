import { lstatSync, statSync } from "node:fs"

/** A file that is younger may change without its times telling. */
const YOUNG_MS = 100
const NOT_THERE = { throwIfNoEntry: false } as const

/** What a file or folder is at one time. */
export interface Stamp {
  /** Another one whenever a file is written, replaced, made or removed, and a folder replaced. */
  readonly text: string
  /**
   * Whether the same text will mean the same content. It does not while a file is so young that it
   * may change without its times telling (as Git's index knows racily clean entries).
   */
  readonly isSettled: boolean
}

/**
 * How a path is looked at. `self`: a file as a whole, of a folder only that it is the same one;
 * `entries`: of a folder also that nothing in it came, went or was renamed; `target`: as `self`,
 * but a link is followed.
 */
export type Look = "self" | "entries" | "target"

/** Looks at a file or folder. */
export function stampOf(path: string, look: Look = "self"): Stamp {
  const stat = statOf(path, look)
  if (stat === undefined) return { text: "-", isSettled: true }
  if (look !== "entries" && stat.isDirectory()) {
    return { text: `${stat.dev}.${stat.ino}`, isSettled: true }
  }
  return {
    text: `${stat.dev}.${stat.ino}.${stat.size}.${stat.mtimeMs}.${stat.ctimeMs}`,
    isSettled: stat.ctimeMs <= Date.now() - YOUNG_MS,
  }
}

/** Undefined too for what cannot be looked at: whoever reads it then learns why. */
function statOf(path: string, look: Look) {
  try {
    return look === "target" ? statSync(path, NOT_THERE) : lstatSync(path, NOT_THERE)
  } catch {
    return undefined
  }
}
