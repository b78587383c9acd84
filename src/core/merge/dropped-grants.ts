import type { VaultFiles } from "../disk/files.js"
import { parseManifest } from "../records/manifest.js"
import type { Member } from "../records/record.js"
import { type Vault, findAgentRecord, findGroup, listGroups } from "../vault/vault.js"
import { MANIFEST } from "../words/layout.js"
import { hasPassed, utc } from "../words/time.js"
import type { VaultMerge } from "./merge-vault.js"

/** A grant that an owner made on one side, and that a merge took out for what the other side did. */
export interface DroppedGrant {
  readonly agent: string
  readonly group: string
  /** What the other side did: revoke it, or remove the agent for good. */
  readonly why: "revoked" | "removed"
}

/**
 * The grants that a merge took out though an owner made them anew since both sides parted. What one
 * side merely left as it was is none: there the other side's revoke arrived. `merged` is what came of
 * the merge.
 */
export function droppedGrants(
  merge: VaultMerge,
  merged: VaultFiles,
  now: Date,
): readonly DroppedGrant[] {
  const text = merged.read(MANIFEST)
  if (text === undefined) return []
  const { grants } = parseManifest(text, merge.ours.id)
  const kept = new Set(grants.map(({ agent, group }) => `${agent} ${group}`))
  const made = [merge.ours, merge.theirs].flatMap((side) => madeOn(side, merge.base, now))
  const dropped = made.filter(({ agent, group }) => !kept.has(`${agent} ${group}`))
  const byName = new Map(
    dropped.map(({ agent, group }) => [
      `${agent} ${group}`,
      { agent, group, why: isRemoved(merge, agent) ? "removed" : "revoked" } as const,
    ]),
  )
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, grant]) => grant)
}

/** What a side's owner signed since the base. A line that nobody signed is no grant yet. */
function madeOn(
  side: Vault,
  base: Vault | undefined,
  now: Date,
): readonly Pick<DroppedGrant, "agent" | "group">[] {
  return listGroups(side).flatMap((group) => {
    const record = findGroup(side, group)
    const before = base && findGroup(base, group)
    if (record === undefined) return []
    const isMade = (member: Member): boolean => {
      const was = before?.members.find(({ agent }) => agent === member.agent)
      // Since a rekey the owner sealed another key to the agent.
      return was === undefined || was.until !== member.until || record.epoch > (before?.epoch ?? 0)
    }
    return record.members
      .filter((member) => isMade(member) && !hasPassed(member.until, utc(now)))
      .map(({ agent }) => ({ agent, group }))
  })
}

function isRemoved({ ours, theirs }: VaultMerge, agent: string): boolean {
  return [ours, theirs].some((side) => findAgentRecord(side, agent)?.ended !== undefined)
}
