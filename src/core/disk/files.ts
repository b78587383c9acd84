import { limitOf } from "../words/layout.js"
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from "node:fs"
import { dirname } from "node:path"
import { VaultError } from "../words/errors.js"
import { accessing, attempted, inaccessible, isErrno } from "../words/system-error.js"
import { TEMPORARY, removeAbandoned } from "./abandoned.js"
import { witness } from "./evidence.js"
import { lookAt } from "./at-path.js"
import { nameByMaker } from "./maker.js"

/** Where the files of a vault are read from: a folder, a commit, or a draft over either. */
export interface VaultFiles {
  /**
   * The bytes at `path`, relative to the vault; undefined when nothing is there. Throws
   * `FILE_UNSAFE` for what is larger than `limitOf(path)`.
   */
  read(path: string): Uint8Array | undefined
  /** Every file below the vault's root, sorted. */
  list(): readonly string[]
  /** What was read at `path` need not be kept: nobody asks for it again. */
  letGo?(path: string): void
}

/** The mode of a file for its user alone. */
const PRIVATE = 0o600

/** The path of a file below a folder. What `join` does takes longer than to look at the file. */
export function inFolder(folder: string, path: string): string {
  return `${folder}/${path}`
}

/**
 * The vault in a folder. From its root down every component is looked at without following
 * links; a file is opened without following one, must be regular and within its limit, and is
 * read once: `observe` gets the bytes (or undefined) on which every later decision rests.
 */
export class FolderFiles implements VaultFiles {
  readonly #root: string
  readonly #observe: ((path: string, bytes: Uint8Array | undefined) => void) | undefined
  readonly #folders = new Set<string>()
  readonly #texts = new Map<string, Uint8Array | undefined>()
  #listing: readonly string[] | undefined

  constructor(root: string, observe?: (path: string, bytes: Uint8Array | undefined) => void) {
    this.#root = root
    this.#observe = observe
  }

  read(path: string): Uint8Array | undefined {
    if (this.#texts.has(path)) return this.#texts.get(path)
    const bytes = this.#hasFolder(folderOf(path))
      ? readRegularFile(inFolder(this.#root, path), limitOf(path), path)
      : undefined
    this.#observe?.(path, bytes)
    // Records are small, and are asked for again and again; what is sealed may be large.
    if (!path.endsWith(".age")) this.#texts.set(path, bytes)
    return bytes
  }

  letGo(path: string): void {
    this.#texts.delete(path)
  }

  list(): readonly string[] {
    this.#listing ??= this.#hasFolder(".") ? this.#walk("", []).sort() : []
    return this.#listing
  }

  /** Adds the files below a folder to those that were found. */
  #walk(folder: string, found: string[]): string[] {
    const place = folder === "" ? this.#root : inFolder(this.#root, folder)
    witness(place, "entries")
    const read = () => readdirSync(place, { withFileTypes: true })
    for (const entry of accessing("read", place, read)) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) this.#walk(path, found)
      else if (!entry.name.startsWith(TEMPORARY)) found.push(path)
    }
    return found
  }

  /** Whether the folder exists; throws `FILE_UNSAFE` if it or one above it is not a real folder. */
  #hasFolder(folder: string): boolean {
    if (this.#folders.has(folder)) return true
    if (folder !== "." && !this.#hasFolder(folderOf(folder))) return false
    const stat = lookAt(folder === "." ? this.#root : inFolder(this.#root, folder))
    if (stat === undefined) return false
    if (!stat.isDirectory()) throw unsafe(folder, "it is not a folder")
    this.#folders.add(folder)
    return true
  }
}

function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "."
}

/**
 * Reads a regular file of at most `limit` bytes; undefined when it does not exist. A link is
 * refused unless `links` says that it may be followed (for a path that the user typed).
 * Throws `FILE_UNSAFE`, `NO_ACCESS` (no permission).
 */
export function readRegularFile(
  file: string,
  limit: number,
  shown = file,
  links: "refuse" | "follow" = "refuse",
): Uint8Array | undefined {
  witness(file, links === "refuse" ? "self" : "target")
  const noFollow = links === "refuse" ? constants.O_NOFOLLOW : 0
  let handle: number
  try {
    // O_NONBLOCK: opening a FIFO would wait for its writer for ever.
    handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | noFollow)
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined
    if (isErrno(error, "ELOOP", "EMLINK")) throw unsafe(shown, "it is a symbolic link")
    if (isErrno(error, "ENXIO")) throw unsafe(shown, "it is not a regular file")
    throw inaccessible("read", shown, error)
  }
  try {
    const stat = fstatSync(handle)
    if (!stat.isFile()) throw unsafe(shown, stat.isDirectory() ? "it is a folder" : "it is no file")
    if (stat.size > limit) throw unsafe(shown, `it is larger than ${limit} bytes`)
    return accessing("read", shown, () => readAll(handle, stat.size))
  } finally {
    closeSync(handle)
  }
}

/** Replaces a file as a whole: a reader sees the old bytes or the new ones. */
export function replaceFile(file: string, bytes: Uint8Array | string, mode = 0o644): void {
  if (mode === PRIVATE) attempted(() => removeAbandoned(dirname(file)))
  replaceFiles(new Map([[file, bytes]]), mode)
}

/**
 * Replaces many files, each as a whole. All are written before the first is renamed: a file that is
 * renamed over another goes to the disk at once on ext4, and each next one would wait for it.
 */
export function replaceFiles(files: ReadonlyMap<string, Uint8Array | string>, mode = 0o644): void {
  const written: { file: string; temporary: string }[] = []
  try {
    for (const [file, bytes] of files) {
      written.push({ file, temporary: writeTemporary(file, bytes, mode) })
    }
    for (const { file, temporary } of written) rename(temporary, file)
  } catch (error) {
    for (const { temporary } of written) discard(temporary)
    throw error
  }
}

/**
 * Writes a file that must not exist yet, and that survives a power cut. Returns false, and changes
 * nothing, if it does.
 */
export function createFile(file: string, bytes: Uint8Array | string, mode: number): boolean {
  // Nothing can be half there of nothing.
  if (bytes.length === 0) return createEmptyFile(file, mode)
  if (mode === PRIVATE) attempted(() => removeAbandoned(dirname(file)))
  // Nothing is written to be thrown away.
  if (existsSync(file)) return false
  const temporary = writeTemporary(file, bytes, mode, "lasting")
  try {
    // Unlike rename, link never replaces what is there.
    linkSync(temporary, file)
    return true
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false
    throw inaccessible("write", file, error)
  } finally {
    discard(temporary)
  }
}

function createEmptyFile(file: string, mode: number): boolean {
  makeFolderOf(file, mode)
  try {
    closeSync(openSync(file, "wx", mode))
    return true
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false
    throw inaccessible("write", file, error)
  }
}

/** Removes a temporary file. One that stays changes no outcome: a later command removes it. */
function discard(temporary: string): void {
  attempted(() => removeFile(temporary))
}

/** Removes a file; one that is gone already is fine. */
export function removeFile(file: string): void {
  try {
    unlinkSync(file)
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw inaccessible("remove", file, error)
  }
}

/** Removes a folder with all that is in it; one that is gone already is fine. */
export function removeFolder(folder: string): void {
  accessing("remove", folder, () => rmSync(folder, { recursive: true, force: true }))
}

/** Removes a folder if it is one, and nothing is in it. */
export function removeEmptyFolder(folder: string): void {
  try {
    rmdirSync(folder)
  } catch (error) {
    if (isErrno(error, "ENOTEMPTY", "EEXIST", "ENOENT", "ENOTDIR")) return
    throw inaccessible("remove", folder, error)
  }
}

/** Makes a folder and those above it. Throws `NO_ACCESS`. */
export function makeFolder(folder: string, mode = 0o777): void {
  if (existsSync(folder)) return
  // One by one: Node's own recursion never ends where a folder takes none, as in /proc.
  if (dirname(folder) !== folder) makeFolder(dirname(folder), mode)
  try {
    mkdirSync(folder, mode)
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw inaccessible("write", folder, error)
  }
}

/** Gives a file another name. Throws `NO_ACCESS`. */
export function rename(from: string, to: string): void {
  accessing("write", to, () => renameSync(from, to))
}

/** The folder of a private file is private. */
function makeFolderOf(file: string, mode: number): void {
  makeFolder(dirname(file), mode === PRIVATE ? 0o700 : 0o777)
}

function writeTemporary(
  file: string,
  bytes: Uint8Array | string,
  mode: number,
  // Keys and state must survive a power cut; the work tree can be had again from Git.
  life: "lasting" | "replaceable" = mode === PRIVATE ? "lasting" : "replaceable",
): string {
  const temporary = inFolder(dirname(file), nameByMaker(TEMPORARY))
  makeFolderOf(file, mode)
  let handle: number | undefined
  try {
    handle = openSync(temporary, "wx", mode)
    const content = typeof bytes === "string" ? Buffer.from(bytes) : bytes
    for (let done = 0; done < content.length;) done += writeSync(handle, content, done)
    if (life === "lasting") fsyncSync(handle)
    return temporary
  } catch (error) {
    if (handle !== undefined) discard(temporary)
    throw inaccessible("write", file, error)
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}

function readAll(handle: number, size: number): Uint8Array {
  const bytes = Buffer.alloc(size)
  let length = 0
  while (length < size) {
    const count = readSync(handle, bytes, length, size - length, null)
    if (count === 0) break
    length += count
  }
  return bytes.subarray(0, length)
}

function unsafe(path: string, why: string): VaultError {
  return new VaultError("FILE_UNSAFE", `${path} is refused: ${why}`, {
    hint: "put a plain file or folder in its place, or name another; see: agent-vault check",
  })
}

/** Leaves a file to its user alone. Throws `NO_ACCESS`. */
export function closeToOthers(file: string): void {
  accessing("write", file, () => chmodSync(file, PRIVATE))
}
