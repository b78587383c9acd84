import type { Git } from "../git/git.js"
import { readBlobs } from "../git/git-objects.js"
import { everyVerifier } from "../records/owners.js"
import { type GroupRecord, decodeRecord } from "../records/record.js"
import { type Revoke, revokeAgain, revokesIn, undoneBy, undoneText } from "../records/revokes.js"
import { type Vault, findGroup, listGroups } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { groupRecordPath } from "../words/layout.js"
import type { Progress } from "../words/progress.js"
import { laterOf } from "../words/time.js"
import type { CheckFinding } from "./check-finding.js"

/** Commits that `to` contains and `from` does not; all that `to` contains where there is no `from`. */
export interface Past {
  readonly from?: string | undefined
  readonly to: string
}

/**
 * The revokes in commits that the vault they lead to undoes. Two branches each have a genuine record
 * of a group, and the one that came further need not know what an owner revoked on the other: a merge
 * that takes it lets the agent in again. One walk, and one reading of each record of a group in it.
 */
export async function findUndoneRevokes(
  git: Git,
  folder: string,
  past: Past,
  vault: Vault,
  onProgress?: Progress,
): Promise<readonly CheckFinding[]> {
  const revokes = await pastRevokes(git, folder, past, vault, onProgress)
  return listGroups(vault).flatMap((group) => {
    const path = groupRecordPath(group)
    const undone = undoneBy(acceptedGroup(vault, group)?.members ?? [], revokes.get(path) ?? [])
    return undone.slice(-1).map((revoke) => undoneFinding(path, revoke))
  })
}

/** That a record undoes a revoke: as if it were set back. */
export function undoneFinding(subject: string, revoke: Revoke): CheckFinding {
  const hint = `look who brought it; then revoke anew: ${revokeAgain(subject, revoke)}`
  return { severity: "refused", code: "ROLLED_BACK", subject, message: undoneText(revoke), hint }
}

/** A record that is refused lets nobody in; whoever looks at all records tells why. */
function acceptedGroup(vault: Vault, group: string): GroupRecord | undefined {
  try {
    return findGroup(vault, group)
  } catch (error) {
    if (error instanceof VaultError) return undefined
    throw error
  }
}

/** What owners revoked in the records of the commits, by the path of the group. */
async function pastRevokes(
  git: Git,
  folder: string,
  past: Past,
  vault: Vault,
  onProgress: Progress | undefined,
): Promise<ReadonlyMap<string, readonly Revoke[]>> {
  const revokes = new Map<string, Revoke[]>()
  const removed = removedOwners(vault)
  const contents = await readBlobs(git, await groupBlobs(git, folder, past))
  for (const [index, bytes] of contents.entries()) {
    onProgress?.(index + 1, contents.length, "verifying group records")
    const record = bytes && genuine(vault, bytes)
    if (record === undefined) continue
    const known = revokes.get(record.path) ?? []
    const last = removed.get(record.signature.signer)
    for (const { agent, at } of revokesIn(record)) {
      known.push({ agent, at: last !== undefined && last < at ? last : at })
    }
    revokes.set(record.path, known)
  }
  return revokes
}

/**
 * When owners were removed, by signer. They still have their key, so what they sign tells of nothing
 * that was later: no grant could follow it.
 */
function removedOwners(vault: Vault): ReadonlyMap<string, string> {
  const removed = new Map<string, string>()
  for (const group of listGroups(vault)) {
    for (const { owner, at } of acceptedGroup(vault, group)?.revokedOwners ?? []) {
      removed.set(owner, laterOf(at, removed.get(owner)))
    }
  }
  return removed
}

async function groupBlobs(git: Git, folder: string, { from, to }: Past): Promise<string[]> {
  const range = from === undefined ? [to] : [to, `^${from}`]
  const where = `${folder}/groups`
  const walk = ["rev-list", "--objects", "--full-history", ...range, "--", where]
  const listing = (await git.run(walk)).toString("utf8")
  return [...listing.matchAll(/^([0-9a-f]{40,64}) .+\.json$/gm)].map(([, id = ""]) => id)
}

/** A record that somebody signed who was an owner at any time; whoever can push can commit others, and they revoke nothing. */
function genuine(vault: Vault, bytes: Uint8Array): GroupRecord | undefined {
  try {
    const { path } = JSON.parse(Buffer.from(bytes).toString("utf8")) as Partial<GroupRecord>
    if (typeof path !== "string") return undefined
    return decodeRecord("group", path, bytes, vault.id, everyVerifier(vault.record))
  } catch (error) {
    if (error instanceof VaultError || error instanceof SyntaxError) return undefined
    throw error
  }
}
