import {
  type AgentVault,
  type Attribution,
  type Audit,
  type Confirmed,
  type SecretListings,
  type Identity,
  type LeaseBook,
  type Outlet,
  type Place,
  type ReadEvent,
  type ReaderRequest,
  type SecretValue,
  type Vault,
  VaultError,
  attributionOf,
  auditFolder,
  auditTo,
  claimedId,
  noAudit,
  openVaultAs,
  projectOf,
  readChosen,
  withVault,
} from "../../core/index.js"
import type { Door } from "./door.js"
import { noteOnce } from "../terminal/terminal.js"
import { identityIfSet, identityOf, isSet, option, placeOf, userPath } from "./who.js"

/**
 * Where the reads of a call are noted: as `--audit` or `--no-audit` says, else in the state folder.
 * `by` says whom the values are for, and what of the caller's environment it knows better.
 */
export function auditOf(door: Door, place: Place, by: Partial<Attribution> = {}): Audit {
  const file = option(door, "audit")
  const attribution = { ...attributionOf(door.env), ...by }
  if (!isSet(door, "no-audit")) {
    const chosen =
      file === undefined
        ? { folder: auditFolder(claimedId(place), door.env) }
        : { file: userPath(door, file) }
    return auditTo(chosen, attribution, projectOf(door.env))
  }
  if (file === undefined) return noAudit(attribution, projectOf(door.env))
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

/** The same for what needs no key: who acts, if anything says so, only says whom to trust. */
export async function readingKeyless<T>(
  door: Door,
  place: Place,
  work: (vault: Vault) => T | Promise<T>,
): Promise<T> {
  const key = await identityIfSet(door, place)
  return readingVault(door, place, key?.trust, work)
}

/** Does work with the vault of a call, or without one where nothing says whom to trust. */
export async function verifiedOr<T>(
  door: Door,
  place: Place,
  work: (vault: Vault | undefined) => Promise<T>,
): Promise<T> {
  try {
    return await readingVault(door, place, undefined, work)
  } catch (error) {
    if (VaultError.is(error, "UNTRUSTED")) return work(undefined)
    throw error
  }
}

/** For whom values are read, and who reads them. */
export interface Reading {
  /** The name of the program that the values are for. */
  readonly program?: string | undefined
  /** The call of a tool that they are for. */
  readonly by?: Partial<Attribution> | undefined
  /** Chooses who acts, where the call's options and the environment are not all there is to it. */
  readonly identify?: (place: Place) => Promise<Identity>
  /** That a person confirmed what waits for their word. */
  readonly person?: Confirmed | undefined
  /** Hears of each read. */
  readonly onRead?: ((event: ReadEvent) => void) | undefined
  /** Where leases are kept that outlive the reading; its maker ends them. */
  readonly leases?: LeaseBook | undefined
}

/** Opens the vault of a call for the agent that acts; an owner's key is refused. */
export async function openForAgent(
  door: Door,
  outlet: Outlet,
  reading: Reading = {},
): Promise<AgentVault> {
  return openVaultAs({ ...(await requestFor(door, outlet, reading)), agentsOnly: true })
}

/** Reads what `choose` names, as the agent that acts, in one pass; an owner's key is refused. */
export async function readForAgent(
  door: Door,
  outlet: Outlet,
  reading: Reading,
  choose: (listings: SecretListings) => Promise<readonly string[]>,
): Promise<Readonly<Record<string, SecretValue>>> {
  const request = await requestFor(door, outlet, reading)
  return readChosen(request, claimedId(request.place), choose)
}

async function requestFor(
  door: Door,
  outlet: Outlet,
  {
    program,
    by,
    person,
    onRead,
    leases,
    identify = (place) => identityOf(door, place, "never"),
  }: Reading,
): Promise<ReaderRequest> {
  const place = placeOf(door)
  const key = await identify(place)
  const audit = auditOf(door, place, { ...by, program })
  return {
    place,
    key,
    env: door.env,
    outlet,
    audit,
    person,
    onRead,
    leases,
    onNote: noteOnce(door.terminal),
  }
}

/** The same for whoever asked for it, an owner too: the values are for the person at this command. */
export async function openForPerson(
  door: Door,
  outlet: Outlet,
  reading: Pick<Reading, "identify" | "leases">,
): Promise<AgentVault> {
  return openVaultAs(await requestFor(door, outlet, reading))
}
