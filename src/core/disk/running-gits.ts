import { readFileSync, readlinkSync } from "node:fs"
import { hostname } from "node:os"
import { join, resolve, sep } from "node:path"
import { listFolder, lookAt, realPath } from "./at-path.js"
import { type Maker, startOf } from "./maker.js"
import { commonFolder, findCheckout } from "./place.js"

/**
 * The gits of a user, on this host, that may be at work in a repository, and so may hold a lock there;
 * `common` is its Git folder, without links in it. One too many is told rather than one too few. Undefined where the
 * system does not tell (all but Linux: proc(5)).
 */
export function gitsAtWork(common: string, user: number): readonly Maker[] | undefined {
  if (startOf("self") === undefined) return undefined
  return listFolder("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name) || !isGit(name) || lookAt(join("/proc", name))?.uid !== user) return []
    const started = startOf(name)
    if (started === undefined || !mayBeAtWork(name, common)) return []
    return [{ pid: Number(name), host: hostname(), started }]
  })
}

/** What serves a repository for days, and locks nothing there. */
export const WATCHES = "fsmonitor--daemon"

function isGit(process: string): boolean {
  const name = told(process, "comm")?.trimEnd() ?? ""
  return /^git(?:-|$)/.test(name) && told(process, "cmdline")?.includes(WATCHES) !== true
}

function mayBeAtWork(process: string, common: string): boolean {
  try {
    const folder = readlinkSync(`/proc/${process}/cwd`)
    if (isWithin(folder, common)) return true
    const named = namedFolders(process).map((name) => resolve(folder, name))
    return named.some((each) => lookAt(each) === undefined || isWithin(each, common))
  } catch {
    // It may stand anywhere, if it still runs.
    return startOf(process) !== undefined
  }
}

/** The Git folders that a git was told of. */
function namedFolders(process: string): string[] {
  const words = `${told(process, "cmdline") ?? ""}\0${told(process, "environ") ?? ""}`
  const named = words.matchAll(/(?:^|\0)(?:--git-dir[=\0]|GIT_DIR=|GIT_COMMON_DIR=)([^\0]+)/g)
  return [...named].map(([, name = ""]) => name)
}

/** Whether a folder is in a Git folder, or in a work tree of it. */
function isWithin(folder: string, common: string): boolean {
  const place = realPath(folder)
  if (`${place}${sep}`.startsWith(`${common}${sep}`)) return true
  if (realPath(commonFolder(place)) === common) return true
  const checkout = findCheckout(place)
  return checkout !== undefined && realPath(commonFolder(checkout.gitFolder)) === common
}

/** What the system tells of a process; undefined for one that ended, or keeps it to itself. */
function told(process: string, what: "comm" | "cmdline" | "environ"): string | undefined {
  try {
    return readFileSync(`/proc/${process}/${what}`, "utf8")
  } catch {
    return undefined
  }
}
