import { accessSync, constants, realpathSync, statSync } from "node:fs"
import { delimiter, isAbsolute, join, relative, sep } from "node:path"

// What is in a repository must not run by being there: it came by `git pull`.

/** The folders of a PATH that are the same wherever we are, and not within the folder `top`. */
export function foldersOutside(top: string, path: string | undefined): string[] {
  return (path ?? "").split(delimiter).filter((each) => isAbsolute(each) && !isWithin(top, each))
}

/** The first program of this name in folders; undefined where there is none. */
export function programIn(folders: readonly string[], name: string): string | undefined {
  if (/[/\\]/.test(name)) return undefined
  return folders.map((folder) => join(folder, name)).find(isProgram)
}

/** Whether a path is the folder `top` or leads into it; of what is not there, by its name. */
export function isWithin(top: string, path: string): boolean {
  const way = relative(realOf(top), realOf(path))
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way))
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
