import { lstatSync, readFileSync, readdirSync, readlinkSync, realpathSync, statSync } from "node:fs"
import { join, relative, resolve, sep } from "node:path"
import { LIMITS, VaultError, accessing } from "../../core/guard.js"

/** A file of the work tree. */
interface PlainFile {
  /** From the top, with `/`. */
  readonly path: string
  readonly bytes: Buffer
}

/**
 * The files that a user names, and all in the folders among them; what Git keeps for itself is
 * left out, and a link in a folder is read, as Git would, not followed. Throws `USAGE`.
 */
export function* filesAt(paths: readonly string[], cwd: string, top: string): Generator<PlainFile> {
  for (const path of paths) {
    const file = resolve(cwd, path)
    const link = lstatSync(file, { throwIfNoEntry: false })
    if (link === undefined) throw refusal(`there is no file ${path}`)
    if (link.isSymbolicLink()) yield linkAt(file, top)
    const stat = statSync(file, { throwIfNoEntry: false })
    if (stat?.isDirectory() === true) yield* walk(realpathSync(file), top)
    // A pipe too: what a shell makes of `<(command)`.
    else if (stat?.isFile() === true || stat?.isFIFO() === true) yield fileAt(file, stat.size, top)
    else if (!link.isSymbolicLink()) throw refusal(`${path} is not a file`)
  }
}

/** Refuses folders, of what a user names for a look at single files. Throws `USAGE`. */
export function refuseFolders(paths: readonly string[], cwd: string): void {
  const folder = paths.find((path) => {
    const stat = statSync(resolve(cwd, path), { throwIfNoEntry: false })
    return stat?.isDirectory() === true
  })
  if (folder === undefined) return
  throw new VaultError("USAGE", `${folder} is a folder, and --explain takes files`, {
    hint: `agent-vault guard --explain ${join(folder, "FILE")}`,
  })
}

function* walk(folder: string, top: string): Generator<PlainFile> {
  for (const name of readdirSync(folder).sort()) {
    if (name === ".git") continue
    const file = join(folder, name)
    const stat = lstatSync(file)
    if (stat.isDirectory()) yield* walk(file, top)
    else if (stat.isSymbolicLink()) yield linkAt(file, top)
    else if (stat.isFile()) yield fileAt(file, stat.size, top)
  }
}

function fileAt(file: string, size: number, top: string): PlainFile {
  if (size > LIMITS.guardFile) throw refusal(`${file} is larger than ${LIMITS.guardFile} bytes`)
  return { path: pathFrom(top, file), bytes: accessing("read", file, () => readFileSync(file)) }
}

function linkAt(file: string, top: string): PlainFile {
  return { path: pathFrom(top, file), bytes: Buffer.from(readlinkSync(file)) }
}

function pathFrom(top: string, file: string): string {
  return relative(top, file).split(sep).join("/")
}

function refusal(why: string): VaultError {
  return new VaultError("USAGE", why, {
    hint: "give files and folders that exist; what is staged is looked at without any",
  })
}
