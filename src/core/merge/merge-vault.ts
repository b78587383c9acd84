import type { Git } from "../git/git.js"
import type { Environment } from "../disk/homes.js"
import type { Place } from "../disk/place.js"
import { type Memory, memoryOf, noMemory } from "../memory/memory.js"
import { type Anchor, checkAnchor, findAnchor } from "../memory/trust.js"
import { digestOf } from "../records/record.js"
import { VaultError } from "../words/errors.js"
import { VAULT_RECORD, classify } from "../words/layout.js"
import {
  type Vault,
  findAgentRecord,
  findGroup,
  findSecret,
  readVaultRecord,
  verifyVault,
} from "../vault/vault.js"
import { type GroupSides, outdatedGroups, winnerOf } from "./merge-group.js"
import { type MergedSecret, mergeSecret } from "./merge-secret.js"
import { Snapshot, contentsOf, readValues } from "./snapshot.js"
import { type BlobTree, type Side, type Sides, type UnitMerge, mergeUnits } from "./units.js"

/** Two versions of a vault, verified, and what came of merging them without a key. */
export interface VaultMerge {
  readonly sides: Sides
  /** Undefined where the two have no common past. */
  readonly base: Vault | undefined
  readonly ours: Vault
  readonly theirs: Vault
  readonly units: UnitMerge
  /** What git merged by itself, and has to be another; see mend.ts. */
  readonly mended?: ReadonlyMap<string, Uint8Array> | undefined
  /** How far secrets had come that one side removed, by unit; see removed-further.ts. */
  readonly floors?: ReadonlyMap<string, number> | undefined
  /** Which keys agents had where the index does not tell, by their names; see given-keys.ts. */
  readonly given?: Readonly<Record<"base" | "theirs", ReadonlyMap<string, string>>> | undefined
  /** A vault's files, of what was read from Git for this merge. */
  readonly snapshot: (tree: BlobTree) => Snapshot
}

/** What two sides say of one thing, where nothing but a person can tell which is meant. */
export interface VaultConflict {
  /** `GROUP/NAME` of a secret, or the name of an agent. */
  readonly name: string
  readonly is: "secret" | "agent"
  readonly ours: ConflictSide
  readonly theirs: ConflictSide
}

/** One side of it. */
interface ConflictSide {
  readonly is: "removed" | "there"
  /** Of a secret. */
  readonly version?: number
  /** Of a secret: when the value was set. */
  readonly changed?: string
  /** Of an agent. */
  readonly recipient?: string
}

/** Nobody has chosen anything. */
export const NO_CHOICES: Choices = { named: new Map() }

/** Which side is meant, by the name of a secret or an agent; `all` for every other conflict. */
export interface Choices {
  readonly named: ReadonlyMap<string, Side>
  readonly all?: Side | undefined
}

/** What this machine believes of a vault, by its id. */
interface Beliefs {
  readonly anchorOf: (vault: string) => Anchor | undefined
  readonly memoryOf: (vault: string) => Memory
}

/** What it believes of vaults at a place. */
export function beliefsAt(
  place: Place,
  keyFileTrust: string | undefined,
  env: Environment,
): Beliefs {
  return {
    anchorOf: (vault) => findAnchor(vault, keyFileTrust, env),
    memoryOf: (vault) => memoryOf(vault, place, env),
  }
}

/**
 * Verifies two versions of a vault and merges what needs no key. Throws the codes of exit 4 and 5 for
 * a version that no reader would accept, and `CONFLICT` if both changed the owners or the policy;
 * `wayBack` is how a person then gives up one of the two.
 */
export async function mergeVault(
  git: Git,
  sides: Sides,
  beliefs: Beliefs,
  wayBack: string,
): Promise<VaultMerge> {
  const contents = await contentsOf(git, sides)
  const snapshot = (tree: BlobTree): Snapshot => new Snapshot(tree, contents)
  const verified = (tree: BlobTree): Vault => {
    const files = snapshot(tree)
    // A signature that was verified before holds, whatever comes of the merge.
    const { verifiedRecords } = beliefs.memoryOf(readVaultRecord(files).vault)
    return verifyVault(files, { ...noMemory(), verifiedRecords })
  }
  const [ours, theirs] = [verified(sides.ours), verified(sides.theirs)]
  const base = sides.base.has(VAULT_RECORD) ? verified(sides.base) : undefined
  const units = mergeUnits(sides)
  const isTheirs = units.files.get(VAULT_RECORD) === sides.theirs.get(VAULT_RECORD)
  const governing = isTheirs ? theirs : ours
  for (const vault of [ours, theirs, ...(base === undefined ? [] : [base])]) {
    if (!areEarlierOwners(vault, governing)) {
      checkAnchor(beliefs.anchorOf(vault.id), vault.record.owners)
    }
  }
  if (ours.id !== theirs.id) throw otherVault(ours, theirs)
  if (units.contested.includes(VAULT_RECORD)) throw ownersDiffer(wayBack)
  for (const side of [ours, theirs]) refuseOfFormer(side, governing, units.contested)
  // The agents of one side may have other keys, or have ended, than the groups of the other say.
  const outdated = [ours, theirs].flatMap((groups) => [
    ...outdatedGroups(groups, ours),
    ...outdatedGroups(groups, theirs),
  ])
  await readValues(contents, git, sides, new Set(outdated))
  return { sides, base, ours, theirs, units, snapshot }
}

/**
 * Whether a version of the vault is from before an owner was removed: its owners are all known to the
 * vault.json that the merge goes on with. That one has to be the anchor's: a removed first owner was
 * brought by nobody whom readers trust now.
 */
function areEarlierOwners(vault: Vault, governing: Vault): boolean {
  if (vault === governing || vault.id !== governing.id) return false
  const known = new Set(governing.record.owners.map(({ signer }) => signer))
  return vault.owners.every(({ signer }) => known.has(signer))
}

/**
 * Refuses what a removed owner signed, where it would be signed anew by whoever merges. Readers refuse
 * the rest. Throws `SIGNATURE_INVALID`.
 */
function refuseOfFormer(side: Vault, governing: Vault, contested: readonly string[]): void {
  const present = new Set(governing.owners.map(({ signer }) => signer))
  if (side.owners.every(({ signer }) => present.has(signer))) return
  const { verifiers, verifiedBefore } = governing
  const judged = { ...side, verifiers, verifiedBefore, verified: new WeakMap() }
  for (const unit of contested) {
    const file = classify(unit)
    if (file.is === "agent") findAgentRecord(judged, file.agent)
    if (file.is === "group") findGroup(judged, file.group)
    if (file.is === "secret") findSecret(judged, file.secret)
  }
}

/** What a person has to choose before a merge can be settled. */
export function conflictsOf(merge: VaultMerge, choices: Choices): readonly VaultConflict[] {
  return merge.units.contested.flatMap((unit): readonly VaultConflict[] => {
    const file = classify(unit)
    if (file.is === "secret") {
      const { full } = file.secret
      if (mergedSecret(merge, unit, choices)?.is !== "choice") return []
      const side = (vault: Vault): ConflictSide => {
        const record = findSecret(vault, file.secret)
        if (record === undefined) return { is: "removed" }
        return { is: "there", version: record.version, changed: record.changed }
      }
      return [{ name: full, is: "secret", ours: side(merge.ours), theirs: side(merge.theirs) }]
    }
    if (file.is !== "agent" || agentChoice(merge, file.agent, choices) !== "choice") return []
    const side = (vault: Vault): ConflictSide => {
      const record = findAgentRecord(vault, file.agent)
      return record === undefined ? { is: "removed" } : { is: "there", recipient: record.recipient }
    }
    return [{ name: file.agent, is: "agent", ours: side(merge.ours), theirs: side(merge.theirs) }]
  })
}

/** The key that somebody chose, where both sides gave an agent a new one. */
export interface ChosenKey {
  readonly agent: string
  readonly recipient: string
}

/** The keys that were chosen of agents. */
export function chosenKeys(merge: VaultMerge, choices: Choices): readonly ChosenKey[] {
  return conflictsOf(merge, NO_CHOICES).flatMap(({ is, name, ...sides }) => {
    const side = is === "agent" ? choiceOf(choices, name) : undefined
    const recipient = side && sides[side].recipient
    return recipient === undefined ? [] : [{ agent: name, recipient }]
  })
}

/** What becomes of a contested secret. */
export function mergedSecret(
  { base, ours, theirs, floors }: VaultMerge,
  unit: string,
  choices: Choices,
): MergedSecret | undefined {
  const file = classify(unit)
  if (file.is !== "secret") return undefined
  const { secret } = file
  const sides = {
    base: base && findSecret(base, secret),
    ours: findSecret(ours, secret),
    theirs: findSecret(theirs, secret),
  }
  const groups = groupSides({ base, ours, theirs }, secret.group)
  const key = groups && digestOf(groups[winnerOf(groups)].recipient)
  return mergeSecret(sides, key, choiceOf(choices, secret.full), floors?.get(unit))
}

/**
 * Which side's key an agent goes on with; an end counts before any key. Only where both gave it a new
 * key it is for a person to choose: a merge may sign the key anew that the agent had.
 */
export function agentChoice(
  { base, ours, theirs }: VaultMerge,
  agent: string,
  choices: Choices,
): Side | "choice" {
  const [here, there] = [findAgentRecord(ours, agent), findAgentRecord(theirs, agent)]
  if (here === undefined || there === undefined) return here === undefined ? "theirs" : "ours"
  if (here.ended !== undefined) return "ours"
  if (there.ended !== undefined) return "theirs"
  const before = base && findAgentRecord(base, agent)?.recipient
  if (there.recipient === here.recipient || there.recipient === before) return "ours"
  if (here.recipient === before) return "theirs"
  return choiceOf(choices, agent) ?? "choice"
}

/** A group as both sides have it; undefined if one of them has none. */
export function groupSides(
  { base, ours, theirs }: Pick<VaultMerge, "base" | "ours" | "theirs">,
  group: string,
): GroupSides | undefined {
  const [here, there] = [findGroup(ours, group), findGroup(theirs, group)]
  if (here === undefined || there === undefined) return undefined
  return { base: base && findGroup(base, group), ours: here, theirs: there }
}

function choiceOf({ named, all }: Choices, name: string): Side | undefined {
  return named.get(name) ?? all
}

/** Two vaults cannot be merged. */
export function otherVault(ours: Pick<Vault, "id">, theirs: Pick<Vault, "id">): VaultError {
  return new VaultError(
    "FOREIGN_VAULT",
    `the other side holds the vault ${theirs.id}, this one holds ${ours.id}: they are not one vault`,
    { hint: "two vaults are never merged: keep one, and set the other's secrets anew in it" },
  )
}

function ownersDiffer(wayBack: string): VaultError {
  return new VaultError("CONFLICT", "both sides changed the owners of the vault, or its policy", {
    hint: `${wayBack}; then make one of the two changes again, on top of the other`,
  })
}
