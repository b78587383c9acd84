import type { Git } from "../git/git.js"
import { readVaultFiles } from "../git/git-objects.js"
import { editManifest, parseManifest, vaultNamedIn } from "../records/manifest.js"
import { MANIFEST, classify, groupRecordPath } from "../words/layout.js"
import { pathsOf } from "../words/unit.js"
import { mergeManifests } from "./merge-manifest.js"
import { mergedSides } from "./merged-commits.js"
import type { BlobTree, Sides } from "./units.js"

/** Files of a vault to be put in the place of those that git made. */
type Mended = ReadonlyMap<string, Uint8Array>

/**
 * What git merged by itself, line by line and file by file, and does not fit together: a manifest that
 * has a line twice, and a group that one side removed while the other one set a secret in it. `tree` is
 * what came of it. Empty where nothing is wrong, or nobody can tell what was merged.
 */
export async function mendedFiles(git: Git, folder: string, tree: BlobTree): Promise<Mended> {
  const lost = lostGroups(tree)
  const text = await contentOf(git, tree, MANIFEST)
  if (lost.length === 0 && (text === undefined || isValid(text))) return new Map()
  const sides = await mergedSides(git, folder)
  if (sides === undefined) return new Map()
  const mended = new Map<string, Uint8Array>()
  for (const group of lost) await bringBack(git, sides, group, mended)
  const manifest = await mergedText(git, sides)
  if (manifest === undefined) return mended
  const edits = lost.map((group) => ({ do: "add-group", group }) as const)
  return mended.set(MANIFEST, editManifest(manifest, vaultNamedIn(manifest), edits))
}

/** The groups that have secrets, and no record. */
function lostGroups(tree: BlobTree): readonly string[] {
  const groups = [...tree.keys()].flatMap((path) => {
    const file = classify(path)
    return file.is === "secret" ? [file.secret.group] : []
  })
  return [...new Set(groups)].filter((group) => !tree.has(groupRecordPath(group)))
}

async function bringBack(
  git: Git,
  { ours, theirs }: Sides,
  group: string,
  mended: Map<string, Uint8Array>,
): Promise<void> {
  const unit = groupRecordPath(group)
  const from = ours.has(unit) ? ours : theirs
  for (const path of pathsOf(unit)) {
    const bytes = await contentOf(git, from, path)
    if (bytes !== undefined) mended.set(path, bytes)
  }
}

async function mergedText(git: Git, sides: Sides): Promise<Uint8Array | undefined> {
  const [base, ours, theirs] = await Promise.all([
    contentOf(git, sides.base, MANIFEST),
    contentOf(git, sides.ours, MANIFEST),
    contentOf(git, sides.theirs, MANIFEST),
  ])
  if (ours === undefined || theirs === undefined) return undefined
  const texts = { base: base ?? new Uint8Array(), ours, theirs }
  return mergeManifests(git, vaultNamedIn(ours), texts)
}

async function contentOf(git: Git, tree: BlobTree, path: string): Promise<Uint8Array | undefined> {
  const blob = tree.get(path)
  return blob === undefined
    ? undefined
    : (await readVaultFiles(git, new Map([[path, blob]]))).get(path)
}

function isValid(manifest: Uint8Array): boolean {
  try {
    parseManifest(manifest, vaultNamedIn(manifest))
    return true
  } catch {
    return false
  }
}
