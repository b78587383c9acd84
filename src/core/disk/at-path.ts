import {
  type Stats,
  accessSync,
  constants,
  existsSync,
  lstatSync,
  readdirSync,
  realpathSync,
  statSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { accessing, inaccessible, isErrno } from "../words/system-error.js"
import { witness } from "./evidence.js"

/**
 * What is at a path, a link itself unless `links` says that it is followed; undefined where there is
 * nothing. Throws `NO_ACCESS`.
 */
export function lookAt(path: string, links: "keep" | "follow" = "keep"): Stats | undefined {
  witness(path, links === "follow" ? "target" : "self")
  try {
    const look = links === "follow" ? statSync : lstatSync
    return look(path, { throwIfNoEntry: false })
  } catch (error) {
    if (isErrno(error, "ENOTDIR")) return undefined
    throw inaccessible("read", path, error)
  }
}

/** The names in a folder; none where there is no folder. Throws `NO_ACCESS`. */
export function listFolder(folder: string): readonly string[] {
  witness(folder, "entries")
  // Asking first is far cheaper than an exception for each of thousands of folders.
  if (!existsSync(folder)) return []
  try {
    return readdirSync(folder)
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return []
    throw inaccessible("read", folder, error)
  }
}

/** A path without links in it. Throws `NO_ACCESS`. */
export function realPath(path: string): string {
  return accessing("find", path, () => realpathSync(path))
}

/** Whether a link stands on the way from a folder to a path below it. Throws `NO_ACCESS`. */
export function isBehindLink(folder: string, path: string): boolean {
  const steps = path.split("/").slice(0, -1)
  return steps.some((_, at) => {
    const above = join(folder, ...steps.slice(0, at + 1))
    return lookAt(above)?.isSymbolicLink() === true
  })
}

/** Whether this user may write to what is at a path, or make what is not there. */
export function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch (error) {
    return isErrno(error, "ENOENT") && mayWrite(dirname(path))
  }
}
