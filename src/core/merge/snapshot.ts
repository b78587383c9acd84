import type { VaultFiles } from "../disk/files.js"
import type { BlobId, Git } from "../git/git.js"
import { plainFiles, readVaultFiles } from "../git/git-objects.js"
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
    return bytes
  }

  list(): readonly string[] {
    return [...this.tree.keys()].sort()
  }
}

/** The files of a vault in a commit, or in any tree. Throws `FILE_UNSAFE`. */
export async function treeOf(git: Git, commit: string, folder: string): Promise<BlobTree> {
  const files = await plainFiles(git, commit, folder)
  return new Map([...files].map(([path, id]) => [path.slice(folder.length + 1), id]))
}

/**
 * Reads what a merge of the sides may look into: everything but the values of untouched groups.
 * Throws `FILE_UNSAFE`.
 */
export async function contentsOf(git: Git, { base, ours, theirs }: Sides): Promise<BlobContents> {
  const changed = [...changedUnits(base, ours), ...changedUnits(base, theirs)]
  const touched = new Set(changed.map(groupOf))
  const isNeeded = (path: string): boolean =>
    !path.startsWith("secrets/") || !path.endsWith(".age") || touched.has(groupOf(unitOf(path)))
  const contents = new Map<BlobId, Uint8Array>()
  for (const tree of [base, ours, theirs]) {
    const missing = new Map([...tree].filter(([path, id]) => isNeeded(path) && !contents.has(id)))
    const read = await readVaultFiles(git, missing)
    for (const [path, id] of missing) contents.set(id, read.get(path) ?? new Uint8Array())
  }
  return contents
}
