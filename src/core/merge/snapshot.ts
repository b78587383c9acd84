import { unitOf } from "../words/unit.js"
import type { VaultFiles } from "../disk/files.js"
import type { BlobId, Git } from "../git/git.js"
import { plainFiles, readVaultFiles } from "../git/git-objects.js"
import { type BlobTree, type Sides, changedUnits, groupOf } from "./units.js"

/** The contents of blobs that were read from Git. */
type BlobContents = ReadonlyMap<BlobId, Uint8Array>

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
 * Reads what a merge of the sides may look into: everything but the values of groups that neither
 * changed; for those see {@link readValues}. Throws `FILE_UNSAFE`.
 */
export async function contentsOf(git: Git, sides: Sides): Promise<Map<BlobId, Uint8Array>> {
  const { base, ours, theirs } = sides
  const changed = [...changedUnits(base, ours), ...changedUnits(base, theirs)]
  const touched = new Set(changed.map(groupOf))
  const contents = new Map<BlobId, Uint8Array>()
  const isNeeded = (path: string): boolean => !isValue(path) || touched.has(groupOf(unitOf(path)))
  await readInto(contents, git, sides, isNeeded)
  return contents
}

/** Reads the values of further groups into `contents`. Throws `FILE_UNSAFE`. */
export async function readValues(
  contents: Map<BlobId, Uint8Array>,
  git: Git,
  sides: Sides,
  groups: ReadonlySet<string>,
): Promise<void> {
  await readInto(contents, git, sides, (path) => groups.has(groupOf(unitOf(path)) ?? ""))
}

function isValue(path: string): boolean {
  return path.startsWith("secrets/") && path.endsWith(".age")
}

async function readInto(
  contents: Map<BlobId, Uint8Array>,
  git: Git,
  { base, ours, theirs }: Sides,
  isNeeded: (path: string) => boolean,
): Promise<void> {
  for (const tree of [base, ours, theirs]) {
    const missing = new Map([...tree].filter(([path, id]) => isNeeded(path) && !contents.has(id)))
    const read = await readVaultFiles(git, missing)
    for (const [path, id] of missing) contents.set(id, read.get(path) ?? new Uint8Array())
  }
}
