import type { Git } from "../git/git.js"
import { compareReach, reachOf } from "../records/reach.js"
import type { VaultDocument } from "../records/record.js"
import { type CommitRange, changesBelow } from "../undone/blobs.js"
import { type Vault, findAgentRecord, findSecret } from "../vault/vault.js"
import { classify } from "../words/layout.js"
import type { VaultMerge } from "./merge-vault.js"

/**
 * Takes our side where the other one only has what was here before, and was replaced since. Whoever
 * can push can bring an old record, which owners did sign, in a commit that looks like news; so does
 * a squash. Merged by fields, a policy that was taken back would be signed again. `range` is our
 * history, `folder` the vault's. For groups see `takenOut()`.
 */
export async function withoutReplays(
  git: Git,
  folder: string,
  merge: VaultMerge,
  range: CommitRange,
): Promise<VaultMerge> {
  const { units, sides } = merge
  const behind = units.contested.filter((unit) => isBehind(merge, unit))
  if (behind.length === 0) return merge
  const changes = await changesBelow(git, range, folder)
  const isReplayed = (unit: string): boolean =>
    behind.includes(unit) &&
    (changes.get(`${folder}/${unit}`) ?? []).some(({ after }) => after === sides.theirs.get(unit))
  const contested = units.contested.filter((unit) => !isReplayed(unit))
  return { ...merge, units: { ...units, contested } }
}

/** Whether a secret or an agent has come further on our side. */
function isBehind({ ours, theirs }: VaultMerge, unit: string): boolean {
  const [here, there] = [recordOf(ours, unit), recordOf(theirs, unit)]
  if (here === undefined || there === undefined) return false
  return compareReach(reachOf(here), reachOf(there)) > 0
}

function recordOf(vault: Vault, unit: string): VaultDocument | undefined {
  const file = classify(unit)
  if (file.is === "agent") return findAgentRecord(vault, file.agent)
  return file.is === "secret" ? findSecret(vault, file.secret) : undefined
}
