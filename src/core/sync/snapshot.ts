import type { VaultFiles } from "../disk/files.js"
import type { BlobId, Git } from "../git/git.js"
import { readBlobs } from "../git/git-objects.js"
import { vaultFilesAt } from "../check/history.js"
import { VaultError } from "../words/errors.js"
import { limitOf } from "../words/layout.js"
import { type BlobTree, type Sides, changedUnits, groupOf, unitOf } from "./units.js"

/** The contents of blobs that were read from Git. */
export type BlobContents = ReadonlyMap<BlobId, Uint8Array>

/** A vault as Git holds it. */
export class Snapshot implements VaultFiles {
  readonly tree: BlobTree
  readonly #contents: BlobContents

  constructor(tree: BlobTree, contents: BlobContents) {
    this.tree = tree
    this.#contents = contents
  }

  read(path: string): Uint8Array | undefined {
    const blob = this.tree.get(path)
    if (blob === undefined) return undefined
    const bytes = this.#contents.get(blob)
    if (bytes === undefined) throw new TypeError(`${path} was not read from Git`)
    if (bytes.length <= limitOf(path)) return bytes
    throw new VaultError("FILE_UNSAFE", `${path} is refused: it is larger than allowed`, {
      hint: "put a plain file or folder in its place; see: agent-vault check",
    })
  }

  list(): readonly string[] {
    return [...this.tree.keys()].sort()
  }
}

/** The files of a vault in a commit, or in any tree. Throws `FILE_UNSAFE`. */
export async function treeOf(git: Git, commit: string, folder: string): Promise<BlobTree> {
  const files = await vaultFilesAt(git, commit, folder)
  return new Map([...files].map(([path, { id }]) => [path, id]))
}

/** Reads what a merge of the sides may look into: everything but the values of untouched groups. */
export async function contentsOf(git: Git, sides: Sides): Promise<BlobContents> {
  const { base, ours, theirs } = sides
  const changed = [...changedUnits(base, ours), ...changedUnits(base, theirs)]
  const touched = new Set(changed.map(groupOf))
  const isNeeded = (path: string): boolean =>
    !path.startsWith("secrets/") || !path.endsWith(".age") || touched.has(groupOf(unitOf(path)))
  const blobs = [base, ours, theirs].flatMap((tree) =>
    [...tree].flatMap(([path, blob]) => (isNeeded(path) ? [blob] : [])),
  )
  const ids = [...new Set(blobs)]
  const contents = await readBlobs(git, ids)
  return new Map(ids.map((id, index) => [id, contents[index] ?? new Uint8Array()]))
}
