import { dirname, join } from "node:path"
import { TEMPORARY } from "../disk/abandoned.js"
import { FolderFiles, inFolder, removeFile, replaceFiles } from "../disk/files.js"
import { listFolder } from "../disk/at-path.js"
import type { BlobId, Git } from "../git/git.js"
import { type SeenIndex, stage } from "../git/git-index.js"
import { blobId, readBlobs } from "../git/git-objects.js"

/** Files by path from the top; undefined, or absent, for one that is not there. */
export type BlobIds = ReadonlyMap<string, BlobId | undefined>
type Contents = ReadonlyMap<string, Uint8Array | undefined>

/** Whether a blob (undefined: no file) is what the change found or left, and so may be replaced. */
export type IsOurs = (path: string, blob: BlobId | undefined) => boolean

/** Which files a change is about: those at `paths`, in the folder of a vault, all from the top. */
interface Part {
  readonly folder: string
  readonly paths: readonly string[]
}

/** What is known already, and so need not be asked of Git: bytes of files, and the index. */
export interface KnownFiles {
  readonly contents?: Contents
  readonly seen?: SeenIndex
}

/** Brings work tree and index to `target`, where they are ours to replace. */
export async function bringForward(
  git: Git,
  { paths, folder }: Part,
  target: BlobIds,
  isOurs: IsOurs,
  { contents = new Map(), seen }: KnownFiles = {},
): Promise<void> {
  const isBehind = (path: string, blob: BlobId | undefined): boolean =>
    blob !== target.get(path) && isOurs(path, blob)

  const present = new FolderFiles(git.checkout.top)
  const behind = paths.filter((path) => isBehind(path, blobIn(present, path, git)))
  await writeFiles(git, behind, target, contents)
  for (const below of new Set(paths.map(dirname))) removeTemporaries(join(git.checkout.top, below))

  const choose = (staged: BlobIds): BlobIds => {
    const stale = paths.filter((path) => isBehind(path, staged.get(path)))
    return new Map(stale.map((path) => [path, target.get(path)]))
  }
  await stage(git, folder, choose, seen)
}

/** The blob of a file of the work tree; undefined when there is none. */
export function blobIn(files: FolderFiles, path: string, { hash }: Git): BlobId | undefined {
  const bytes = files.read(path)
  files.letGo(path)
  return bytes && blobId(bytes, hash)
}

async function writeFiles(
  git: Git,
  paths: readonly string[],
  target: BlobIds,
  contents: Contents,
): Promise<void> {
  const wanted = paths.flatMap((path) => {
    const blob = contents.has(path) ? undefined : target.get(path)
    return blob === undefined ? [] : [[path, blob] as const]
  })
  const blobs = await readBlobs(
    git,
    wanted.map(([, blob]) => blob),
  )
  const fromGit = new Map(wanted.map(([path], index) => [path, blobs[index]]))
  const files = new Map<string, Uint8Array>()
  const gone: string[] = []
  for (const path of paths) {
    const bytes = contents.get(path) ?? fromGit.get(path)
    const file = inFolder(git.checkout.top, path)
    if (bytes === undefined) gone.push(file)
    else files.set(file, bytes)
  }
  replaceFiles(files)
  for (const file of gone) removeFile(file)
}

/** What a process that was killed while writing left behind. */
function removeTemporaries(folder: string): void {
  for (const name of listFolder(folder)) {
    if (name.startsWith(TEMPORARY)) removeFile(join(folder, name))
  }
}
