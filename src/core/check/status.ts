import { type CheckReport, checkVault } from "./check.js"
import type { Identity } from "../keys/identity.js"
import { actorOf } from "../policy/access.js"
import { type Vault, findAgent, getGroup, listAgents, listGroups } from "../vault/vault.js"

/** Where an identity stands in a vault. */
export interface Standing {
  /** Who the identity is, as the owners signed it; undefined for a stranger. */
  readonly actor?: { readonly role: "agent" | "owner"; readonly name: string }
  readonly opens: readonly { readonly group: string; readonly until?: string }[]
  readonly report: CheckReport
}

/** What an identity (if there is one) may open, and what in the vault needs attention. */
export async function describeStanding(
  vault: Vault,
  identity: Identity | undefined,
  now: Date,
): Promise<Standing> {
  const report = await checkVault(vault, now)
  if (identity === undefined) return { opens: [], report }
  const { recipient } = identity
  const owner = vault.owners.find((entry) => entry.recipient === recipient)
  const groups = listGroups(vault).map((group) => ({ group, record: getGroup(vault, group) }))
  const opened = groups.filter(({ record }) => actorOf(vault, record, recipient) !== undefined)
  const opens = opened.map(({ group, record }) => {
    const until = record.members.find((member) => member.recipient === recipient)?.until
    return { group, ...(until === undefined || owner !== undefined ? {} : { until }) }
  })
  const actor =
    owner === undefined ? agentOf(vault, recipient) : ({ role: "owner", name: owner.name } as const)
  return { ...(actor === undefined ? {} : { actor }), opens, report }
}

function agentOf(vault: Vault, recipient: string): Standing["actor"] {
  const name = listAgents(vault).find((agent) => findAgent(vault, agent)?.recipient === recipient)
  return name === undefined ? undefined : { role: "agent", name }
}
