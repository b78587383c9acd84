import { close, existsSync, fsync, open } from "node:fs"
import { dirname, join, sep } from "node:path"
import { promisify } from "node:util"
import { removeAbandoned } from "../disk/abandoned.js"
import { listFolder, lookAt } from "../disk/at-path.js"
import { makeFolder, removeFolder, rename, replaceFile } from "../disk/files.js"
import { nameByMaker } from "../disk/maker.js"
import { commonFolder } from "../disk/place.js"
import { VaultError } from "../words/errors.js"
import { attempted, inaccessible, isErrno } from "../words/system-error.js"
import type { Git, ObjectFolders } from "./git.js"
import { data, fastImport } from "./fast-import.js"
import { blobId } from "./git-objects.js"
import { type Wanted, examineObjects } from "./object-health.js"

// Git reports no failure of some of its writes, and what a killed git wrote stays. So it writes new
// objects into a folder of their own, beside the repository's. What is proven there is written to
// the disk and moved over, by us, and only then may a ref name it.

/** `git prune` counts folders of this name as temporary, too. */
const QUARANTINE = "tmp_agent-vault-"
/** Each asks for a git that looks at the folder in the same instant. */
const MOST_TRIES = 20

/**
 * Does work in a quarantine for new objects, and hands back what it came to. `make` says which
 * objects must be kept, each after all that it names. Throws `GIT_FAILED` if Git has not all of
 * them, whole; `NO_ACCESS`.
 */
export async function keepingObjects<T>(
  git: Git,
  make: (objects: ObjectFolders) => Promise<{ result: T; wanted: readonly Wanted[] }>,
): Promise<T> {
  const store = objectStore(git)
  const quarantine = join(store, nameByMaker(QUARANTINE))
  makeFolder(quarantine)
  try {
    const { result, wanted } = await make({ quarantine, store })
    const ids = await proveObjects(git, { quarantine, store }, wanted)
    await moveObjects(quarantine, store, ids)
    return result
  } finally {
    // What stays of it is removed by a later command.
    attempted(() => removeFolder(quarantine))
  }
}

/** Gives Git contents, also those that it takes for there and holds damaged. */
export async function storeBlobs(git: Git, contents: readonly Uint8Array[]): Promise<void> {
  if (contents.length === 0) return
  await keepingObjects(git, async ({ quarantine }) => {
    const parts = contents.flatMap((bytes) => ["blob\n", ...data(bytes)])
    await fastImport(git, parts, { quarantine, store: quarantine })
    const wanted = contents.map((bytes) => {
      return { name: blobId(bytes, git.hash), length: bytes.length }
    })
    return { result: undefined, wanted }
  })
}

/** Gives Git the folders that an index names, of whose contents it may lack some. */
export function storeTrees(git: Git, index: Uint8Array): Promise<void> {
  return keepingObjects(git, async ({ quarantine, store }) => {
    const indexFile = join(quarantine, "index")
    replaceFile(indexFile, index)
    await git.run(["write-tree", "--missing-ok"], { indexFile, objects: { quarantine, store } })
    return { result: undefined, wanted: looseIds(quarantine).map((name) => ({ name, length: 0 })) }
  })
}

/** Removes the quarantines of processes that are gone. */
export function removeQuarantines(git: Git): void {
  removeAbandoned(objectStore(git), QUARANTINE)
}

function objectStore(git: Git): string {
  return join(commonFolder(git.checkout.gitFolder), "objects")
}

/** Looks that Git has all of them, whole; hands back their ids. */
async function proveObjects(
  git: Git,
  objects: ObjectFolders,
  wanted: readonly Wanted[],
): Promise<string[]> {
  const ids: string[] = []
  for await (const portion of examineObjects(git, wanted, { objects })) {
    for (const { name, id, state } of portion) {
      if (state !== "whole") throw notKept(`${name} is ${state}`)
      ids.push(id)
    }
  }
  return ids
}

/** The files of the objects go to the disk first, then get their names, then the folders go. */
async function moveObjects(
  quarantine: string,
  store: string,
  ids: readonly string[],
): Promise<void> {
  const loose = new Set(looseIds(quarantine))
  const kept = new Set(ids.filter((id) => loose.has(id)))
  const files = [...packFiles(quarantine), ...[...kept].map(looseFile)]
  await allToDisk(files.map((file) => join(quarantine, file)))
  const made = files.filter((file) => moveObject(quarantine, store, file))
  const touched = [...new Set(files.map((file) => join(store, dirname(file))))]
  await allToDisk(made.length > 0 ? [...touched, store] : touched)
}

/**
 * Gives an object its place; says whether a folder was made for it. Git, which removes folders that
 * are empty whenever it packs objects, may do so in between: then the folder is made once more.
 */
function moveObject(quarantine: string, store: string, file: string): boolean {
  const [model, folder] = [join(quarantine, dirname(file)), join(store, dirname(file))]
  let isMade = false
  for (let tries = 1; ; tries += 1) {
    isMade = makeAlike(model, folder) || isMade
    try {
      rename(join(quarantine, file), join(store, file))
      return isMade
    } catch (error) {
      const isGone = error instanceof VaultError && isErrno(error.cause, "ENOENT")
      if (!isGone || tries === MOST_TRIES) throw error
    }
  }
}

/** The index comes last: Git looks for a pack by it. */
function packFiles(quarantine: string): string[] {
  const names = listFolder(join(quarantine, "pack")).filter((name) => name.startsWith("pack-"))
  const [indexes, others] = [names.filter(isPackIndex), names.filter((name) => !isPackIndex(name))]
  return [...others, ...indexes].map((name) => join("pack", name))
}

function isPackIndex(name: string): boolean {
  return name.endsWith(".idx")
}

function looseIds(quarantine: string): string[] {
  const folders = listFolder(quarantine).filter((name) => /^[0-9a-f]{2}$/.test(name))
  return folders.flatMap((name) =>
    listFolder(join(quarantine, name)).map((rest) => `${name}${rest}`),
  )
}

function looseFile(id: string): string {
  return join(id.slice(0, 2), id.slice(2))
}

/** Makes a folder of the store with the mode that Git gave its own; says whether it was missing. */
function makeAlike(model: string, folder: string): boolean {
  if (existsSync(folder)) return false
  makeFolder(folder, (lookAt(model)?.mode ?? 0o777) & 0o7777)
  return true
}

/** Several at once: one journal of the file system serves them together. */
async function allToDisk(paths: readonly string[]): Promise<void> {
  await Promise.all(paths.map(toDisk))
}

async function toDisk(path: string): Promise<void> {
  try {
    // Not by node:fs/promises, which Node would load for this alone.
    const descriptor = await promisify(open)(path, "r")
    try {
      await promisify(fsync)(descriptor)
    } finally {
      await promisify(close)(descriptor)
    }
  } catch (error) {
    // Windows opens no folder, and some network disks sync none.
    if (isErrno(error, "EINVAL", "ENOTSUP", ...(sep !== "/" ? ["EPERM", "EISDIR"] : []))) {
      return
    }
    throw inaccessible("write", path, error)
  }
}

function notKept(what: string): VaultError {
  return new VaultError("GIT_FAILED", `git did not keep what it was given: object ${what}`, {
    hint: "nothing was changed: check the disk (git fsck), then repeat the command",
  })
}
