import type { Git } from "../git/git.js"
import { readVaultFiles } from "../git/git-objects.js"
import { editManifest, parseManifest, vaultNamedIn } from "../records/manifest.js"
import { MANIFEST, classify, groupRecordPath } from "../words/layout.js"
import { pathsOf } from "../words/unit.js"
import { mergeManifests } from "./merge-manifest.js"
import { mergedSides } from "./merged-commits.js"
import { treeOf } from "./snapshot.js"
import type { BlobTree, Sides } from "./units.js"

/** Files of a vault to be put in the place of those that git made. */
type Mended = ReadonlyMap<string, Uint8Array>

/**
 * What git merged by itself, line by line and file by file, and does not fit together: a manifest that
 * has a line twice, and a group that one side removed while the other one set a secret in it. `tree` is
 * what came of it. Empty where nothing is wrong, or nobody can tell what was there before.
 */
export async function mendedFiles(git: Git, folder: string, tree: BlobTree): Promise<Mended> {
  const lost = lostGroups(tree)
  const text = await contentOf(git, tree, MANIFEST)
  const isFine = text === undefined || isValid(text)
  if (lost.length === 0 && isFine) return new Map()
  const sides = await mergedSides(git, folder)
  const mended = new Map<string, Uint8Array>()
  for (const group of lost) await bringBack(git, folder, sides, group, mended)
  const back = lost.filter((group) => mended.has(groupRecordPath(group)))
  if (back.length === 0 && isFine) return mended
  const manifest = sides !== undefined ? await mergedText(git, sides) : isFine ? text : undefined
  if (manifest === undefined) return mended
  const edits = back.map((group) => ({ do: "add-group", group }) as const)
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

/** From one of what was merged; after a rebase, which leaves no two sides, as HEAD had it last. */
async function bringBack(
  git: Git,
  folder: string,
  sides: Sides | undefined,
  group: string,
  mended: Map<string, Uint8Array>,
): Promise<void> {
  const unit = groupRecordPath(group)
  const last = [sides?.ours, sides?.theirs].find((tree) => tree?.has(unit))
  const from = last ?? (await beforeRemoval(git, folder, unit))
  for (const path of pathsOf(unit)) {
    const bytes = await contentOf(git, from, path)
    if (bytes !== undefined) mended.set(path, bytes)
  }
}

/** The vault before the last commit of HEAD that changed a file; empty where its parent is not here. */
async function beforeRemoval(git: Git, folder: string, path: string): Promise<BlobTree> {
  const walk = ["rev-list", "--parents", "--max-count=1", "HEAD", "--", `${folder}/${path}`]
  const [, parent] = (await git.run(walk)).toString("utf8").trim().split(" ")
  return parent === undefined ? new Map() : treeOf(git, parent, folder)
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
