import {
  type AgentVault,
  type Audit,
  type Identity,
  type Outlet,
  type Place,
  VaultError,
  auditFile,
  auditTo,
  claimedId,
  noAudit,
  openVaultAs,
} from "../../core/index.js"
import type { Door } from "./door.js"
import { isSet, option, userPath } from "./who.js"

/**
 * Where the reads of a call are noted: as `--audit` or `--no-audit` says, else in the state folder.
 * `program` is the name of whom the values are for.
 */
export function auditOf(door: Door, place: Place, program?: string): Audit {
  const file = option(door, "audit")
  if (!isSet(door, "no-audit")) {
    const chosen = file === undefined ? auditFile(claimedId(place), door.env) : userPath(door, file)
    return auditTo(chosen, program)
  }
  if (file === undefined) return noAudit()
  throw new VaultError("USAGE", "--audit and --no-audit contradict each other", {
    hint: "give one of them",
  })
}

/** Opens a vault for an agent, whose program or model gets values; an owner's key is refused. */
export function openForAgent(
  door: Door,
  place: Place,
  key: Identity,
  outlet: Outlet,
  program?: string,
): Promise<AgentVault> {
  const audit = auditOf(door, place, program)
  return openVaultAs({ place, key, env: door.env, outlet, audit, agentsOnly: true })
}
