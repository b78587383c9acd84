import { openGit } from "../git/git.js"
import { type Grant, editManifest, parseManifest } from "../records/manifest.js"
import { withVault } from "../vault/open.js"
import { type Vault, getGroup, listGroups } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { nearest, parseGroupName, parseNote } from "../words/names.js"
import { hasPassed, utc } from "../words/time.js"
import { type Shared, shareWish } from "./share-wish.js"
import { type Wish, type WishPlace, putWish, wishBranch, wishingCheckout } from "./wish-branch.js"
import { wishMessage } from "./wish-message.js"
import { type WishRequest, agentOf } from "./wish-request.js"

export interface AccessRequest extends WishRequest {
  readonly groups: readonly string[]
  /** UTC, `YYYY-MM-DDTHH:MM:SSZ`; without it the grant would have no end. */
  readonly until?: string | undefined
}

/** What became of a wish for access. */
export interface AccessAsked {
  readonly agent: string
  /** The groups that the agent opens already, as long as it asks for. */
  readonly granted: readonly string[]
  /** The groups that an owner has to grant. */
  readonly asked: readonly string[]
  /** Where the wish for these stands; absent if there are none. */
  readonly wish?: WishPlace
  /** Absent for what is on no branch of its own. */
  readonly shared?: Shared
}

/**
 * Writes grants as a wish into the manifest, on a branch of its own. It gives nobody access: an owner
 * merges the branch and applies it, or does not. Throws `USAGE`, `GROUP_NOT_FOUND`,
 * `AGENT_NOT_FOUND`, `NO_REPOSITORY`, `REPOSITORY_STATE`, `MANIFEST_INVALID`, `VAULT_DIRTY`,
 * `GIT_FAILED`, and the codes of exit 4 and 5 for a vault that no reader would accept.
 */
export async function requestAccess(request: AccessRequest): Promise<AccessAsked> {
  const { place, key, env, until } = request
  const groups = [...new Set(request.groups.map(parseGroupName))].sort()
  refuseSenseless(request, groups)
  const { vault, agent, granted } = await withVault(place, key.trust, env, (open) => ({
    vault: open.id,
    agent: agentOf(open, key),
    granted: groups.filter((group) => isGranted(open, group, request)),
  }))
  const asked = groups.filter((group) => !granted.includes(group))
  if (asked.length === 0) return { agent, granted, asked }
  const git = await openGit(wishingCheckout(place), env)
  const reason = parseNote(request.why)
  const terms = { ...(until && { until }), reason }
  const grants = asked.map((group): Grant => ({ agent, group, ...terms }))
  const wish = await putWish(git, place, accessWish(request, vault, agent, grants), request.onNote)
  if (wish.is === "pending") return { agent, granted, asked, wish }
  return { agent, granted, asked, wish, shared: await shareWish(git, wish, request.push) }
}

function refuseSenseless({ until, now }: AccessRequest, groups: readonly string[]): void {
  if (groups.length === 0) {
    throw new VaultError("USAGE", "no group is named", { hint: "name one: agent-vault list" })
  }
  if (!hasPassed(until, utc(now))) return
  throw new VaultError("USAGE", `the grant would end at ${until}, which is past`, {
    hint: "give a later end",
  })
}

/** Whether a key opens a group now, for as long as is asked. Throws `GROUP_NOT_FOUND`. */
function isGranted(vault: Vault, group: string, { key, until, now }: AccessRequest): boolean {
  const all = listGroups(vault)
  if (!all.includes(group)) throw noGroup(group, all)
  const { members } = getGroup(vault, group)
  const member = members.find(({ recipient }) => recipient === key.recipient)
  if (member === undefined || hasPassed(member.until, utc(now))) return false
  return member.until === undefined || (until !== undefined && until <= member.until)
}

/** Groups that an error names: who asks cannot look at all of a large vault. */
const NAMED = 20

function noGroup(group: string, all: readonly string[]): VaultError {
  const near = nearest(group, all)
  const some = all.slice(0, NAMED).join(", ")
  const more = all.length > NAMED ? ` and ${all.length - NAMED} more` : ""
  const there = all.length === 0 ? "the vault has no groups yet" : `there is ${some}${more}`
  return new VaultError("GROUP_NOT_FOUND", `there is no group ${group}`, {
    hint: near === undefined ? there : `did you mean ${near}? ${there}`,
  })
}

function accessWish(
  request: AccessRequest,
  vault: string,
  agent: string,
  grants: readonly Grant[],
): Wish {
  const groups = grants.map(({ group }) => group)
  const missingIn = (manifest: Uint8Array): readonly Grant[] => {
    const parsed = parseManifest(manifest, vault)
    refuseUnlisted(groups, Object.keys(parsed.groups))
    return grants.filter((wanted) => !parsed.grants.some((line) => isSame(line, wanted)))
  }
  return {
    branch: wishBranch("access", agent, groups),
    isIn: (manifest) => missingIn(manifest).length === 0,
    addTo: (manifest) =>
      editManifest(
        manifest,
        vault,
        missingIn(manifest).map((grant) => ({ do: "put-grant", grant })),
      ),
    message: wishMessage(`${agent} asks for ${groups.join(", ")}`, request),
  }
}

function isSame(one: Grant, other: Grant): boolean {
  return one.agent === other.agent && one.group === other.group && one.until === other.until
}

/** A group that was made here, and is in no commit yet. */
function refuseUnlisted(groups: readonly string[], listed: readonly string[]): void {
  const unlisted = groups.find((group) => !listed.includes(group))
  if (unlisted === undefined) return
  throw new VaultError("VAULT_DIRTY", `the manifest of the last commit has no group ${unlisted}`, {
    hint: "commit the vault's files first, or ask an owner yourself",
  })
}
