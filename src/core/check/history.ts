import { type CheckFinding, isTold, rolledBack, toFinding } from "./check-finding.js"
import type { VaultFiles } from "../disk/files.js"
import { compareReach, reachOf, reachText } from "../records/reach.js"
import { revokesIn, undoneBy } from "../records/revokes.js"
import { undoneFinding } from "./past-revokes.js"
import type { Git } from "../git/git.js"
import { plainFiles, readVaultFiles } from "../git/git-objects.js"
import { classify, groupRecordPath, secretRecordPath } from "../words/layout.js"
import type { SecretName } from "../words/names.js"
import { noMemory } from "../memory/memory.js"
import { acceptOwners } from "../records/owners.js"
import { type Anchor, checkAnchor } from "../memory/trust.js"
import {
  type Vault,
  allRecords,
  findAgentRecord,
  findGroup,
  findSecret,
  listGroups,
  listSecrets,
  verifyVault,
} from "../vault/vault.js"
import type { SecretRecord, VaultDocument } from "../records/record.js"
import { type Rotation, isSameRotation } from "../records/rotation.js"
import { type Lease, isSameLease } from "../records/lease.js"
import { type Source, isSameSource } from "../records/source.js"
import { type Use, isSameUse } from "../records/use.js"
import { type PolicyPlan, policyPlan } from "../policy/policy-wish.js"
import { signedRules } from "../vault/signed-rules.js"

/** Who opens a group here and did not there, or the other way round. */
interface AccessChange {
  readonly group: string
  readonly gained: readonly string[]
  readonly lost: readonly string[]
}

/** Where a secret may be sent here and might not be there, or the other way round. */
interface UseDifference {
  readonly secret: string
  readonly gained: readonly Use[]
  readonly lost: readonly Use[]
}

/** A member of a secret's record that was another one there, or none, or is none here. */
interface MemberDifference<Member> {
  readonly secret: string
  /** Whether the secret was not there at all. */
  readonly isNew: boolean
  readonly before?: Member
  readonly after?: Member
}

/** By which programs a secret was rotated there and is rotated here: owners run them on their machines. */
type RotationDifference = MemberDifference<Rotation>

/** Which store a value came from there and comes from here; absent: it is sealed in the vault. */
type SourceDifference = MemberDifference<Source>

/** How a value was leased there and is leased here; absent: what is sealed was what left, or is. */
type LeaseDifference = MemberDifference<Lease>

/** What {@link checkAgainst} found. */
export interface Comparison {
  readonly findings: readonly CheckFinding[]
  readonly access: readonly AccessChange[]
  readonly uses: readonly UseDifference[]
  readonly rotations: readonly RotationDifference[]
  readonly sources: readonly SourceDifference[]
  readonly leases: readonly LeaseDifference[]
  /** How the policy differs. */
  readonly policyChange?: PolicyPlan
}

/**
 * Compares a vault with the one of a trusted commit, as a pull request is compared with its base:
 * nothing may fall behind it, its owners must have let in every new one, and what changed in the
 * signed records is reported: who gained or lost access, where secrets may be sent, and what rotates
 * them.
 */
export function checkAgainst(base: Vault, vault: Vault): Comparison {
  const findings: CheckFinding[] = []
  if (vault.id !== base.id) {
    const other = rolledBack("vault.json", "it is another vault")
    return { findings: [other], access: [], uses: [], rotations: [], sources: [], leases: [] }
  }
  const attempt = <T>(subject: string, work: () => readonly T[]): readonly T[] => {
    try {
      return work()
    } catch (error) {
      const finding = toFinding(subject, error)
      if (!isTold(finding, findings)) findings.push(finding)
      return []
    }
  }
  attempt("vault.json", () => {
    const signers = base.owners.map(({ signer }) => signer)
    acceptOwners(vault.record, { serial: base.record.serial, signers })
    return []
  })
  for (const before of allRecords(base)) {
    const work = (): CheckFinding[] => compare(before, sameRecord(vault, before))
    for (const each of attempt(before.path, work)) findings.push(each)
  }
  // One by one: a record that is refused hides nothing that another one says.
  const secrets = namesOfBoth(base, vault).flatMap((name) =>
    attempt(secretRecordPath(name), () => [inBoth(base, vault, name)]),
  )
  const access = groupsOfBoth(base, vault).flatMap((group) =>
    attempt(groupRecordPath(group), () => accessChange(base, vault, group)),
  )
  const [policyChange] = attempt("vault.json", () => [
    policyPlan(signedRules(base), signedRules(vault)),
  ])
  return {
    findings,
    access,
    uses: secrets.flatMap(useDifference),
    rotations: memberDifferences(secrets, ({ rotation }) => rotation, isSameRotation),
    sources: memberDifferences(secrets, ({ source }) => source, isSameSource),
    leases: memberDifferences(secrets, ({ lease }) => lease, isSameLease),
    ...(policyChange && { policyChange }),
  }
}

/** The vault of a commit, verified against the anchor; ciphertexts are not read. */
export async function vaultAt(
  git: Git,
  commit: string,
  folder: string,
  anchor: Anchor | undefined,
): Promise<Vault> {
  const vault = verifyVault(await commitFiles(git, commit, folder), noMemory())
  if (anchor !== undefined) checkAnchor(anchor, vault.record.owners)
  return vault
}

async function commitFiles(git: Git, commit: string, folder: string): Promise<VaultFiles> {
  const files = [...(await plainFiles(git, commit, folder))].map(
    ([path, id]) => [path.slice(folder.length + 1), id] as const,
  )
  const paths = files.map(([path]) => path)
  const texts = new Map(files.filter(([path]) => !path.endsWith(".age")))
  const contents = await readVaultFiles(git, texts)
  return { read: (path) => contents.get(path), list: () => paths }
}

function compare(before: VaultDocument, after: VaultDocument | undefined): CheckFinding[] {
  if (after === undefined) {
    return [
      {
        severity: "attention",
        code: "REMOVED",
        subject: before.path,
        message: "is missing now",
      },
    ]
  }
  const order = compareReach(reachOf(after), reachOf(before))
  if (JSON.stringify(after) === JSON.stringify(before)) return []
  if (order > 0) return undoneRevokes(before, after)
  const how =
    order < 0
      ? `falls back from ${reachText(reachOf(before))} to ${reachText(reachOf(after))}`
      : "differs at the same serial"
  return [rolledBack(before.path, how)]
}

/** A record that came further, but on a branch that did not know what an owner revoked here. */
function undoneRevokes(before: VaultDocument, after: VaultDocument): CheckFinding[] {
  if (before.kind !== "group" || after.kind !== "group") return []
  const undone = undoneBy(after.members, revokesIn(before))
  return undone.map((revoke) => undoneFinding(before.path, revoke))
}

function groupsOfBoth(base: Vault, vault: Vault): readonly string[] {
  return [...new Set([...listGroups(base), ...listGroups(vault)])].sort()
}

function accessChange(base: Vault, vault: Vault, group: string): AccessChange[] {
  const [before, after] = [members(base, group), members(vault, group)]
  const gained = [...after].filter((member) => !before.has(member)).map(agentOf)
  const lost = [...before].filter((member) => !after.has(member)).map(agentOf)
  return gained.length + lost.length === 0 ? [] : [{ group, gained, lost }]
}

function namesOfBoth(base: Vault, vault: Vault): readonly SecretName[] {
  const both = [...listSecrets(base), ...listSecrets(vault)]
  return [...new Map(both.map((name) => [name.full, name])).values()]
}

/** The record of a secret there, and here. */
interface InBoth {
  readonly name: string
  readonly was: SecretRecord | undefined
  readonly is: SecretRecord | undefined
}

function inBoth(base: Vault, vault: Vault, name: SecretName): InBoth {
  return { name: name.full, was: findSecret(base, name), is: findSecret(vault, name) }
}

function useDifference({ name, was, is }: InBoth): UseDifference[] {
  const [before, after] = [was?.use ?? [], is?.use ?? []]
  const gained = after.filter((rule) => !before.some((other) => isSameUse(rule, other)))
  const lost = before.filter((rule) => !after.some((other) => isSameUse(rule, other)))
  return gained.length + lost.length === 0 ? [] : [{ secret: name, gained, lost }]
}

/** Of which secrets a member of the record is another one here. */
function memberDifferences<Member>(
  secrets: readonly InBoth[],
  memberOf: (record: SecretRecord) => Member | undefined,
  isSame: (one: Member | undefined, other: Member | undefined) => boolean,
): MemberDifference<Member>[] {
  return secrets.flatMap(({ name, was, is }) => {
    const [before, after] = [was && memberOf(was), is && memberOf(is)]
    // What was removed is told as that.
    if (isSame(before, after) || is === undefined) return []
    const isNew = was === undefined
    return [{ secret: name, isNew, ...(before && { before }), ...(after && { after }) }]
  })
}

function members(vault: Vault, group: string): ReadonlySet<string> {
  const { members: listed = [] } = findGroup(vault, group) ?? {}
  return new Set(listed.map(({ agent, recipient }) => `${agent} ${recipient}`))
}

function agentOf(member: string): string {
  return member.slice(0, member.indexOf(" "))
}

function sameRecord(vault: Vault, record: VaultDocument): VaultDocument | undefined {
  const file = classify(record.path)
  if (file.is === "agent") return findAgentRecord(vault, file.agent)
  if (file.is === "group") return findGroup(vault, file.group)
  if (file.is === "secret") return findSecret(vault, file.secret)
  return vault.record
}
