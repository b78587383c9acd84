import { isDeepStrictEqual } from "node:util"
import type { Git } from "../git/git.js"
import { type ThreeTexts, mergeText } from "../git/merge-text.js"
import type { ManifestEdit } from "../records/manifest-edits.js"
import { type Grant, type Manifest, editManifest, parseManifest } from "../records/manifest.js"

/** What a manifest says, apart from how it is written. */
interface ManifestMeaning {
  readonly groups: ReadonlyMap<string, { readonly description?: string }>
  /** By agent and group. */
  readonly grants: ReadonlyMap<string, Grant>
}

/**
 * Merges manifests by what they mean, so there is always a result. A grant that one side took away
 * is gone, whatever the other side made of it, and of two ends the earlier counts. The text is the
 * one that git would make, with all comments, if that means the same; else ours, edited.
 * Throws `MANIFEST_INVALID` if ours or theirs is.
 */
export async function mergeManifests(
  git: Git,
  vault: string,
  versions: ThreeTexts,
): Promise<Uint8Array> {
  const base = versions.base.length === 0 ? NOTHING : meaningOf(versions.base, vault)
  const ours = meaningOf(versions.ours, vault)
  const theirs = meaningOf(versions.theirs, vault)
  const merged = merge(base, ours, theirs)
  const text = await mergeText(git, versions)
  if (means(text, vault, merged)) return text
  return editManifest(versions.ours, vault, editsBetween(ours, merged))
}

const NOTHING: ManifestMeaning = { groups: new Map(), grants: new Map() }

function meaningOf(bytes: Uint8Array, vault: string): ManifestMeaning {
  const { groups, grants }: Manifest = parseManifest(bytes, vault)
  return {
    groups: new Map(Object.entries(groups)),
    grants: new Map(grants.map((grant) => [`${grant.agent} ${grant.group}`, grant])),
  }
}

function means(text: Uint8Array, vault: string, wanted: ManifestMeaning): boolean {
  try {
    return editsBetween(meaningOf(text, vault), wanted).length === 0
  } catch {
    // Lines of both sides need not make one manifest: `grants` may occur twice, say.
    return false
  }
}

function merge(
  base: ManifestMeaning,
  ours: ManifestMeaning,
  theirs: ManifestMeaning,
): ManifestMeaning {
  const grants = mergeMaps(base.grants, ours.grants, theirs.grants, strictest)
  const groups = new Map(
    mergeMaps(base.groups, ours.groups, theirs.groups, (one, other) => ({ ...other, ...one })),
  )
  // A group that one side dropped and the other granted stays: it is not for a merge to lose it.
  for (const { group } of grants.values()) {
    const said = groups.get(group) ?? ours.groups.get(group) ?? theirs.groups.get(group) ?? {}
    groups.set(group, said)
  }
  return { groups, grants }
}

function mergeMaps<V>(
  base: ReadonlyMap<string, V>,
  ours: ReadonlyMap<string, V>,
  theirs: ReadonlyMap<string, V>,
  both: (ours: V, theirs: V) => V,
): ReadonlyMap<string, V> {
  const keys = [...new Set([...ours.keys(), ...theirs.keys()])]
  return new Map(
    keys.flatMap((key) => {
      const [was, one, other] = [base.get(key), ours.get(key), theirs.get(key)]
      if (one === undefined || other === undefined) {
        // Only one side has it: that one added it, or the other one took it away.
        const left = one ?? other
        return was === undefined && left !== undefined ? [[key, left] as const] : []
      }
      if (isDeepStrictEqual(one, was)) return [[key, other] as const]
      return [
        [
          key,
          isDeepStrictEqual(other, was) || isDeepStrictEqual(one, other) ? one : both(one, other),
        ] as const,
      ]
    }),
  )
}

function strictest(ours: Grant, theirs: Grant): Grant {
  const ends = [ours.until, theirs.until].filter((end) => end !== undefined).sort()
  const reason = ours.reason ?? theirs.reason
  return {
    agent: ours.agent,
    group: ours.group,
    ...(ends[0] === undefined ? {} : { until: ends[0] }),
    ...(reason === undefined ? {} : { reason }),
  }
}

function editsBetween(from: ManifestMeaning, to: ManifestMeaning): ManifestEdit[] {
  const goneGrants = [...from.grants].filter(([key]) => !to.grants.has(key))
  const goneGroups = [...from.groups.keys()].filter((group) => !to.groups.has(group))
  const newGroups = [...to.groups].filter(
    ([group, said]) => !isDeepStrictEqual(from.groups.get(group), said),
  )
  const newGrants = [...to.grants].filter(
    ([key, grant]) => !isDeepStrictEqual(from.grants.get(key), grant),
  )
  return [
    ...goneGrants.map(([, { agent, group }]) => ({ do: "drop-grant", agent, group }) as const),
    ...goneGroups.map((group) => ({ do: "drop-group", group }) as const),
    ...newGroups.map(
      ([group, { description }]) => ({ do: "add-group", group, description }) as const,
    ),
    ...newGrants.map(([, grant]) => ({ do: "put-grant", grant }) as const),
  ]
}
