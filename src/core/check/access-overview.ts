import { type Manifest, parseManifest } from "../records/manifest.js"
import type { PolicyRule } from "../policy/policy-rules.js"
import type { VaultRecord } from "../records/record.js"
import {
  type AgentListing,
  type SecretListing,
  describeAgents,
  describeSecrets,
  secretsByGroup,
} from "../vault/listing.js"
import { type GroupPlan, makePlan } from "../vault/plan.js"
import { readSealedState } from "../vault/sealed-state.js"
import { signedRules } from "../vault/signed-rules.js"
import { type Vault, getGroup, listGroups } from "../vault/vault.js"
import { MANIFEST } from "../words/layout.js"
import { VaultError } from "../words/errors.js"
import { hasPassed, utc } from "../words/time.js"

/** Who may open and use what, in a whole vault. Times are UTC, `YYYY-MM-DDTHH:MM:SSZ`. */
export interface AccessOverview {
  readonly vault: string
  /** When this was so. */
  readonly at: string
  readonly keys: VaultRecord["keys"]
  /** Those who have not ended: they open everything. */
  readonly owners: readonly string[]
  /** By name, removed ones left out. */
  readonly agents: readonly Pick<AgentListing, "agent" | "escrow" | "since">[]
  readonly groups: readonly OverviewGroup[]
  readonly grants: readonly OverviewGrant[]
  readonly secrets: readonly SecretListing[]
  /** The rules that each value has to pass as well; absent where there is no policy. */
  readonly policy?: readonly PolicyRule[]
  /** What `apply` would change; absent where the manifest cannot be read. */
  readonly pending?: readonly GroupPlan[]
  /** Why it cannot be read. */
  readonly manifestProblem?: string
}

interface OverviewGroup {
  readonly group: string
  /** Of the manifest, which nobody signs. */
  readonly description?: string
  /** Counts its rekeys. */
  readonly epoch: number
  readonly secrets: number
}

/** That an agent opens a group with its present key, or did until its grant ended. */
export interface OverviewGrant {
  readonly agent: string
  readonly group: string
  readonly since: string
  readonly until?: string
  /** Whether its time is over: readers refuse it, and an owner's next change takes the key away. */
  readonly isEnded: boolean
  /** Of the manifest, which nobody signs. */
  readonly reason?: string
}

/**
 * Looks at all of a vault that is about access. Needs no key. Throws the codes of exit 5 where a
 * record is refused: what cannot be verified is not shown as if it were so.
 */
export function describeOverview(vault: Vault, now: Date): AccessOverview {
  const { manifest, problem } = manifestOf(vault)
  const agents = describeAgents(vault)
  const at = utc(now)
  const policy = signedRules(vault)
  return {
    vault: vault.id,
    at,
    keys: vault.record.keys,
    owners: vault.owners.map(({ name }) => name),
    agents: agents.map(({ agent, escrow, since }) => ({ agent, escrow, since })),
    groups: groupsIn(vault, manifest),
    grants: agents.flatMap((agent) => grantsOf(agent, manifest, at)),
    secrets: describeSecrets(vault),
    ...(policy === undefined ? {} : { policy }),
    ...(manifest === undefined
      ? {}
      : { pending: makePlan(manifest, readSealedState(vault, "counted"), now).groups }),
    ...(problem === undefined ? {} : { manifestProblem: problem }),
  }
}

/** It is a wish: where it cannot be read, the sealed state is what it is. */
function manifestOf(vault: Vault): {
  readonly manifest?: Manifest
  readonly problem?: string
} {
  const bytes = vault.files.read(MANIFEST)
  if (bytes === undefined) return { problem: `${MANIFEST} is missing` }
  try {
    return { manifest: parseManifest(bytes, vault.id) }
  } catch (error) {
    if (!VaultError.is(error, "MANIFEST_INVALID")) throw error
    return { problem: error.message }
  }
}

function groupsIn(vault: Vault, manifest: Manifest | undefined): OverviewGroup[] {
  const secrets = secretsByGroup(vault)
  const descriptions = new Map(Object.entries(manifest?.groups ?? {}))
  return listGroups(vault).map((group) => {
    const description = descriptions.get(group)?.description
    return {
      group,
      ...(description === undefined ? {} : { description }),
      epoch: getGroup(vault, group).epoch,
      secrets: secrets.get(group)?.length ?? 0,
    }
  })
}

function grantsOf(
  { agent, groups }: AgentListing,
  manifest: Manifest | undefined,
  now: string,
): OverviewGrant[] {
  return groups.map(({ group, since, until }) => {
    const wish = manifest?.grants.find((each) => each.agent === agent && each.group === group)
    return {
      agent,
      group,
      since,
      ...(until === undefined ? {} : { until }),
      isEnded: hasPassed(until, now),
      ...(wish?.reason === undefined ? {} : { reason: wish.reason }),
    }
  })
}
