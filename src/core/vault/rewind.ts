import { FolderFiles } from "../disk/files.js"
import { type Mark, type Marks, markOf } from "../memory/marks.js"
import type { Environment } from "../disk/homes.js"
import type { Place } from "../disk/place.js"
import { VaultError } from "../words/errors.js"
import type { VaultDocument } from "../records/record.js"
import { checkAnchor, findAnchor } from "../memory/trust.js"
import {
  type Vault,
  allRecords,
  readVaultRecord,
  refuseSealingToOlder,
  rememberOwners,
  remember,
  userMarkOf,
  verifyVault,
} from "./vault.js"
import { memoryOf, noMemory } from "../memory/memory.js"
import { rememberKnownVault } from "../memory/known-vault.js"
import { underHarness } from "../keys/harness.js"
import { type Confirmed, requirePerson } from "../policy/person.js"

/** A record that is older than what was seen, or other than it, and why it is refused. */
export interface SetBack {
  readonly path: string
  readonly now: Mark
  readonly why: string
}

/** What {@link rewind} would accept: signed by the owner you trust, but set back. */
export function findSetBack(
  place: Place,
  keyFileTrust: string | undefined,
  env: Environment,
): SetBack[] {
  const vault = openWithoutMarks(place, keyFileTrust, env)
  // A floor is not memory: a rewind does not lower it.
  const memory = memoryOf(vault.id, place, { ...env, AGENT_VAULT_MIN_SERIAL: undefined })
  const remembering = { ...vault, memory }
  return allRecords(vault).flatMap((record) => {
    const why = reasonRefused(remembering, record)
    return why === undefined ? [] : [{ path: record.path, now: markOf(record), why }]
  })
}

/**
 * Lets go of what was seen of the records that were set back, and remembers them as they are: for a
 * deliberate reset. What was seen of others still counts. Throws `UNCONFIRMED`.
 */
export function rewind(
  place: Place,
  keyFileTrust: string | undefined,
  env: Environment,
  person?: Confirmed,
): void {
  const vault = openWithoutMarks(place, keyFileTrust, env)
  if (findSetBack(place, keyFileTrust, env).length > 0) {
    requirePerson("accept what was set back", { under: underHarness(vault.id, env), person })
  }
  const memory = memoryOf(vault.id, place, env)
  rememberKnownVault(memory.knownVault, vault.id)
  const fresh = { ...vault, memory }
  for (const record of allRecords(vault)) {
    const isOfUser = record.kind === "group" || record.kind === "agent"
    letGo(memory.branchMarks, record.path, markOf(record))
    if (isOfUser) letGo(memory.userMarks, record.path, userMarkOf(record))
    if (record.kind === "vault") rememberOwners(fresh)
    if (isOfUser) remember(fresh, record)
  }
}

function letGo(marks: Marks, path: string, now: Mark): void {
  marks.fallBack(path, marks.refusing(path, now))
}

/** Verifies everything except freshness, which the rewind resets. */
function openWithoutMarks(place: Place, keyFileTrust: string | undefined, env: Environment): Vault {
  const files = new FolderFiles(place.root)
  const id = readVaultRecord(files).vault
  const vault = verifyVault(files, noMemory())
  checkAnchor(findAnchor(id, keyFileTrust, env), vault.record.owners)
  return vault
}

function reasonRefused(vault: Vault, record: VaultDocument): string | undefined {
  try {
    vault.memory.branchMarks.refuseOlder(record.path, markOf(record))
    if (record.kind === "group" || record.kind === "agent") refuseSealingToOlder(vault, record)
    return undefined
  } catch (error) {
    if (error instanceof VaultError) return error.message
    throw error
  }
}
