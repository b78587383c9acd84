import { lstatSync } from "node:fs"

/** A file that changed less than this ago may change again without its times telling. */
const YOUNG_MS = 100
const NOT_THERE = { throwIfNoEntry: false } as const

/** What some files and folders are at one time. */
export interface Stamp {
  /** Another one whenever a file is written, replaced, made or removed, and a folder replaced. */
  readonly text: string
  /**
   * Whether the same text will mean the same content. It does not while a file is so young that it
   * may change without its times telling (as Git's index knows racily clean entries).
   */
  readonly isSettled: boolean
}

/** Looks at files, and at folders that they lie in, without following links. */
export function stampOf(paths: readonly string[]): Stamp {
  const before = Date.now() - YOUNG_MS
  let text = ""
  let isSettled = true
  for (const path of paths) {
    const stat = lookAt(path)
    if (stat === undefined) {
      text += "-;"
    } else if (stat.isDirectory()) {
      // What else is in the folder may change: only that it is the same one matters.
      text += `${stat.dev}.${stat.ino};`
    } else {
      text += `${stat.dev}.${stat.ino}.${stat.size}.${stat.mtimeMs}.${stat.ctimeMs};`
      isSettled &&= stat.ctimeMs <= before
    }
  }
  return { text, isSettled }
}

/** Undefined too for what cannot be looked at: whoever reads it then learns why. */
function lookAt(path: string) {
  try {
    return lstatSync(path, NOT_THERE)
  } catch {
    return undefined
  }
}
