import { lstatSync } from "node:fs"

/** A file that changed less than this ago may change again without its times telling. */
const YOUNG_MS = 100
const NOT_THERE = { throwIfNoEntry: false } as const

/**
 * Tells the present content of some files from any other: it changes whenever one of them is
 * written, replaced, made or removed. Undefined while one of them is so young that its times may
 * not tell (as Git's index knows racily clean entries).
 */
export function stampOf(files: readonly string[]): string | undefined {
  const before = Date.now() - YOUNG_MS
  let stamp = ""
  for (const file of files) {
    const stat = lstatSync(file, NOT_THERE)
    if (stat === undefined) {
      stamp += "-;"
      continue
    }
    if (stat.ctimeMs > before) return undefined
    stamp += `${stat.dev}.${stat.ino}.${stat.size}.${stat.mtimeMs}.${stat.ctimeMs};`
  }
  return stamp
}
