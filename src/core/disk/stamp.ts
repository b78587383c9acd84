import { type Stats, lstatSync, statSync } from "node:fs"

/** A file that is younger may change without its times telling. */
export const YOUNG_MS = 100
/** The same where times are whole seconds, or every other one: ext3, HFS+, FAT, some networks. */
const YOUNG_COARSE_MS = 2_100
const NOT_THERE = { throwIfNoEntry: false } as const

/** What a file or folder is at one time: another one once it is written, replaced, made or removed. */
export interface Stamp {
  readonly device: number
  readonly inode: number
  /** 0 where only the folder itself matters, and where nothing is there. */
  readonly size: number
  readonly modified: number
  readonly changed: number
}

/**
 * How a path is looked at. `self`: a file as a whole, of a folder only that it is the same one;
 * `entries`: of a folder also that nothing in it came, went or was renamed; `target`: as `self`,
 * but a link is followed.
 */
export type Look = "self" | "entries" | "target"

const NOTHING: Stamp = { device: 0, inode: 0, size: 0, modified: 0, changed: 0 }

/** Looks at a file or folder. */
export function stampOf(path: string, look: Look = "self"): Stamp {
  return stampFrom(look === "target" ? statOf(path) : linkStatOf(path), look)
}

/** The stamp of what was found at a path by a look. */
export function stampFrom(stat: Stats | undefined, look: Look): Stamp {
  if (stat === undefined) return NOTHING
  const { dev: device, ino: inode } = stat
  if (look !== "entries" && stat.isDirectory()) return { ...NOTHING, device, inode }
  return { device, inode, size: stat.size, modified: stat.mtimeMs, changed: stat.ctimeMs }
}

/** Whether anything was there. */
export function isThere({ inode, device }: Stamp): boolean {
  return inode !== 0 || device !== 0
}

/** Whether it is of a folder, of which only counts that it is the same one. */
export function isFolderItself(stamp: Stamp): boolean {
  return isThere(stamp) && stamp.changed === 0 && stamp.modified === 0
}

export function isSameStamp(one: Stamp, other: Stamp): boolean {
  return (
    one.changed === other.changed &&
    one.modified === other.modified &&
    one.size === other.size &&
    one.inode === other.inode &&
    one.device === other.device
  )
}

/**
 * Whether the same stamp will mean the same content. It does not while a file is so young that it
 * may change without its times telling (as Git's index knows racily clean entries). `at` is when it
 * was looked at, in milliseconds.
 */
export function isSettled({ changed }: Stamp, at: number): boolean {
  return changed <= at - (changed % 1000 === 0 ? YOUNG_COARSE_MS : YOUNG_MS)
}

/** A stamp as a text, to be kept in a file. */
export function stampText({ device, inode, size, modified, changed }: Stamp): string {
  return `${device}.${inode}.${size}.${modified}.${changed}`
}

/** What a path leads to. Undefined also if it cannot be looked at; the read that follows says why. */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, NOT_THERE)
  } catch {
    return undefined
  }
}

/** The same of what is at a path, a link itself. */
export function linkStatOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, NOT_THERE)
  } catch {
    return undefined
  }
}
