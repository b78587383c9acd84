import { Draft } from "../change/draft.js"
import type { Git } from "../git/git.js"
import { MANIFEST, classify } from "../words/layout.js"
import { mergeManifests } from "./merge-manifest.js"
import type { VaultMerge } from "./merge-vault.js"
import type { Sides } from "./units.js"

/**
 * A merge in which both sides changed no record, so that nobody has to sign. Undefined if they did.
 * Throws `MANIFEST_INVALID`.
 */
export async function keylessDraft(git: Git, merge: VaultMerge): Promise<Draft | undefined> {
  const { contested } = merge.units
  if (contested.some((unit) => unit.endsWith(".json"))) return undefined
  const draft = draftOf(merge)
  if (contested.some((unit) => classify(unit).is === "manifest")) {
    draft.write(MANIFEST, await mergedManifest(git, merge))
  }
  return draft
}

/** What was merged without a key. */
export function draftOf({ units, snapshot, mended = new Map() }: VaultMerge): Draft {
  const draft = new Draft(snapshot(units.files))
  for (const [path, bytes] of mended) draft.write(path, bytes)
  return draft
}

/** The manifest that both sides changed, merged by what it means. Throws `MANIFEST_INVALID`. */
export function mergedManifest(
  git: Git,
  { sides, ours, snapshot }: VaultMerge,
): Promise<Uint8Array> {
  const read = (side: keyof Sides): Uint8Array =>
    snapshot(sides[side]).read(MANIFEST) ?? new Uint8Array()
  const texts = { base: read("base"), ours: read("ours"), theirs: read("theirs") }
  return mergeManifests(git, ours.id, texts)
}
