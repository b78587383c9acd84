import {
  type AgentVault,
  type Audit,
  type Identity,
  type Outlet,
  type Place,
  type Vault,
  VaultError,
  attributionOf,
  auditFolder,
  auditTo,
  claimedId,
  noAudit,
  openVaultAs,
  withVault,
} from "../../core/index.js"
import type { Door } from "./door.js"
import { noteOnce } from "../terminal/terminal.js"
import { identityOf, isSet, option, placeOf, userPath } from "./who.js"

/**
 * Where the reads of a call are noted: as `--audit` or `--no-audit` says, else in the state folder.
 * `program` is the name of whom the values are for.
 */
export function auditOf(door: Door, place: Place, program?: string): Audit {
  const file = option(door, "audit")
  if (!isSet(door, "no-audit")) {
    const chosen =
      file === undefined
        ? { folder: auditFolder(claimedId(place), door.env) }
        : { file: userPath(door, file) }
    return auditTo(chosen, attributionOf(door.env, program))
  }
  if (file === undefined) return noAudit()
  throw new VaultError("USAGE", "--audit and --no-audit contradict each other", {
    hint: "give one of them",
  })
}

/** Does work with the vault of a call, verified; what had to be accepted for it is said. */
export function readingVault<T>(
  door: Door,
  place: Place,
  keyFileTrust: string | undefined,
  work: (vault: Vault) => T | Promise<T>,
): Promise<T> {
  return withVault(place, keyFileTrust, door.env, work, noteOnce(door.terminal))
}

/** For whom values are read, and who reads them. */
interface Reading {
  /** The name of the program that the values are for. */
  readonly program?: string | undefined
  /** Chooses who acts, where the call's options and the environment are not all there is to it. */
  readonly identify?: (place: Place) => Promise<Identity>
}

/** Opens the vault of a call for the agent that acts; an owner's key is refused. */
export async function openForAgent(
  door: Door,
  outlet: Outlet,
  { program, identify = (place) => identityOf(door, place, "never") }: Reading = {},
): Promise<AgentVault> {
  const place = placeOf(door)
  const key = await identify(place)
  const audit = auditOf(door, place, program)
  const onNote = noteOnce(door.terminal)
  return openVaultAs({ place, key, env: door.env, outlet, audit, onNote, agentsOnly: true })
}
