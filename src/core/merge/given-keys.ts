import type { Git } from "../git/git.js"
import { readBlobs } from "../git/git-objects.js"
import type { Grant } from "../records/manifest.js"
import { type OwnersOfPast, ownersOfPast, signedPastRecord } from "../records/signed-past-record.js"
import { type Vault, findAgentRecord, findGroup } from "../vault/vault.js"
import { classify } from "../words/layout.js"
import type { VaultMerge } from "./merge-vault.js"
import { mergedSides } from "./merged-commits.js"
import type { BlobTree } from "./units.js"

/** The key that each agent has by a record that some owner signed. */
type GivenKeys = ReadonlyMap<string, string>

/**
 * Looks up which keys of agents the commits have that git is merging. Of a record that is in no
 * conflict the index has but what came of it: a side would seem not to know of the key that it gave,
 * or of the one that it went on with. Where git does not say which commits these are, that is all.
 */
export async function withGivenKeys(
  git: Git,
  folder: string,
  merge: VaultMerge,
): Promise<VaultMerge> {
  const commits = await mergedSides(git, folder)
  if (commits === undefined) return merge
  const owners = ownersOfPast(merge.ours.record, merge.theirs.record)
  const [base, theirs] = await Promise.all([
    givenIn(git, commits.base, owners),
    givenIn(git, commits.theirs, owners),
  ])
  return { ...merge, given: { base, theirs } }
}

async function givenIn(git: Git, tree: BlobTree, owners: OwnersOfPast): Promise<GivenKeys> {
  const records = [...tree].filter(
    ([path]) => classify(path).is === "agent" && path.endsWith(".json"),
  )
  const contents = await readBlobs(
    git,
    records.map(([, blob]) => blob),
  )
  return new Map(
    records.flatMap(([path], index): readonly [string, string][] => {
      const [file, signed] = [classify(path), signedPastRecord(owners, path, contents[index])]
      if (file.is !== "agent" || signed?.record?.kind !== "agent") return []
      return [[file.agent, signed.record.recipient]]
    }),
  )
}

/**
 * Whether an agent's record, as `vault` has it, has a key that is not a group's on a side which gave the
 * agent none: whoever can push can bring a group that follows a rekey without the agent's record that
 * does. So the key may be the one that was replaced. Its other groups, which have that key, are as they
 * were: a group may also come from a branch that did not know of a rekey.
 */
export function mayBeReplaced(
  vault: Vault,
  { base, ours, theirs, given }: Pick<VaultMerge, "base" | "ours" | "theirs" | "given">,
  { agent, group }: Pick<Grant, "agent" | "group">,
): boolean {
  const keyAt = (at: Vault | undefined): string | undefined =>
    at && findAgentRecord(at, agent)?.recipient
  const own = keyAt(vault)
  const before = given === undefined ? keyAt(base) : given.base.get(agent)
  const there = given === undefined ? keyAt(theirs) : given.theirs.get(agent)
  const sides = [
    { side: ours, after: keyAt(ours) },
    { side: theirs, after: there },
  ]
  return sides.some(({ side, after }) => {
    const member = findGroup(side, group)?.members.find((each) => each.agent === agent)
    // Nor does a side give a key that has no record of the agent: anybody can take that away, too.
    const gaveNone = [before, after].every((key) => (key ?? own) === own)
    return member !== undefined && member.recipient !== own && gaveNone
  })
}
