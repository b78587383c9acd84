import { lstatSync, readFileSync, readdirSync } from "node:fs"
import { join, relative, resolve, sep } from "node:path"
import { VaultError } from "../core/guard.js"

/** A file of the work tree. */
export interface PlainFile {
  /** From the top, with `/`. */
  readonly path: string
  readonly bytes: Buffer
}

const LARGEST = 512 * 1024 * 1024

/**
 * The files that a user names, and all in the folders among them; what Git keeps for itself is
 * left out, and a link is not followed. Throws `USAGE`.
 */
export function* filesAt(paths: readonly string[], cwd: string, top: string): Generator<PlainFile> {
  for (const path of paths) {
    const file = resolve(cwd, path)
    const stat = lstatSync(file, { throwIfNoEntry: false })
    if (stat === undefined) {
      throw new VaultError("USAGE", `there is no file ${path}`, {
        hint: "give files and folders that exist; what is staged is looked at without any",
      })
    }
    yield* walk(file, top)
  }
}

function* walk(file: string, top: string): Generator<PlainFile> {
  const stat = lstatSync(file)
  if (stat.isDirectory()) {
    for (const name of readdirSync(file).sort()) {
      if (name !== ".git") yield* walk(join(file, name), top)
    }
  } else if (stat.isFile() && stat.size <= LARGEST) {
    yield { path: relative(top, file).split(sep).join("/"), bytes: readFileSync(file) }
  }
}
