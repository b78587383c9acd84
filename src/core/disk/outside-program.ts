import { accessSync, constants, realpathSync, statSync } from "node:fs"
import { delimiter, dirname, isAbsolute, join, relative, sep } from "node:path"
import { type Place, findCheckout } from "./place.js"

// What is in a repository must not run by being there: it came by `git pull`.

/** The folders of a PATH that are the same wherever we are, and not of the vault's repository. */
export function foldersOutside(place: Place, path: string | undefined): string[] {
  return (path ?? "").split(delimiter).filter((each) => isAbsolute(each) && !isInside(place, each))
}

/** The first program of this name in folders; undefined where there is none. */
export function programIn(folders: readonly string[], name: string): string | undefined {
  if (/[/\\]/.test(name)) return undefined
  return folders.map((folder) => join(folder, name)).find(isProgram)
}

/** The first program of this name on a PATH that lies in no work tree, whichever; undefined if none does. */
export function programInNoCheckout(path: string | undefined, name: string): string | undefined {
  const folders = (path ?? "").split(delimiter).filter((each) => isAbsolute(each))
  const files = folders.map((folder) => programIn([folder], name))
  return files.find((file) => file && [file, realOf(file)].every(isInNoCheckout))
}

function isInNoCheckout(file: string): boolean {
  return findCheckout(dirname(file)) === undefined
}

/** The top of the work tree around a vault; where there is none, the folder that the vault lies in. */
export function topAround({ root, checkout }: Place): string {
  return realOf(checkout?.top ?? dirname(root))
}

/**
 * Whether a path leads into the repository around a vault: into any work tree of that clone; without a
 * repository, into the folder that the vault lies in. Of what is not there, its name decides.
 */
export function isInside(place: Place, path: string): boolean {
  const real = realOf(path)
  const way = relative(topAround(place), real)
  const isBelow = way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way))
  return isBelow || isOfClone(place, real)
}

function isOfClone({ checkout }: Place, path: string): boolean {
  if (checkout === undefined) return false
  try {
    const folder = statSync(path).isDirectory() ? path : dirname(path)
    return findCheckout(folder)?.clone === checkout.clone
  } catch {
    // What is not there runs nothing.
    return false
  }
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

function realOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
