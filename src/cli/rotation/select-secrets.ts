import {
  type Environment,
  type SecretListing,
  type SecretName,
  type UsedSecret,
  type Vault,
  auditFiles,
  auditFolder,
  describeSecrets,
  parseMoment,
  parseSecretName,
  readChain,
  exposedName,
} from "../../core/index.js"
import { RotationState } from "../../core/owner.js"
import type { Door } from "../door/door.js"
import { type NotedUses, notedUses } from "../door/noted-uses.js"
import { counted } from "../door/render.js"
import { isWanted } from "../door/wanted-secrets.js"
import { isSet, option, userPath } from "../door/who.js"
import type { RotationToDo } from "./rotate-secret.js"

/** How all rotations of a call are done. */
type RotationTerms = Pick<RotationToDo, "place" | "identity" | "timeLimit" | "expires">

/** A secret that the options of a call select. */
export interface SelectedSecret {
  readonly name: SecretName
  /** Why, a reason each, for people. */
  readonly why: readonly string[]
  /** Its rotation, if its record names one, and its value does not lie in another store. */
  readonly toDo: RotationToDo | undefined
  readonly isElsewhere: boolean
}

/** What a call selects, and by which audits, where it asks for what was used. */
export interface SecretSelection {
  readonly secrets: readonly SelectedSecret[]
  readonly audits?: AuditsLookedAt
}

/** What `--used-since` goes by. */
export interface AuditsLookedAt extends NotedUses {
  readonly folder: string
  /** A time as records have it. */
  readonly since: string
  /** Names of used secrets that the vault does not have now. */
  readonly unknown: readonly string[]
}

/** Whether a call selects secrets, and names none. */
export function selectsSecrets(door: Door): boolean {
  return (
    isSet(door, "exposed") ||
    option(door, "expiring") !== undefined ||
    option(door, "used-since") !== undefined
  )
}

/**
 * The secrets for which all holds that a call asks for: exposed, about to expire, used. A value that
 * was used and replaced since is not one of them.
 */
export function selectSecrets(door: Door, vault: Vault, terms: RotationTerms): SecretSelection {
  const all = describeSecrets(vault)
  const audits = auditsOf(door, vault, all)
  const secrets = all.filter(isWanted(door)).flatMap((listing) => {
    const used = audits?.used.get(`${listing.name}@${listing.version}`)
    if (audits !== undefined && used === undefined) return []
    const name = parseSecretName(listing.name)
    const toDo = rotationToDo(vault, name, listing, terms, door.env)
    const isElsewhere = listing.source !== undefined
    return [{ name, why: whySelected(door, listing, used), toDo, isElsewhere }]
  })
  return { secrets, ...(audits === undefined ? {} : { audits }) }
}

function auditsOf(
  door: Door,
  vault: Vault,
  all: readonly SecretListing[],
): AuditsLookedAt | undefined {
  const text = option(door, "used-since")
  if (text === undefined) return undefined
  const since = parseMoment(text, door.now, -1)
  const folder = auditFolder(vault.id, door.env)
  const named = option(door, "audit")
  const files = [...auditFiles(folder), ...(named === undefined ? [] : [userPath(door, named)])]
  const noted = notedUses(files.map(readChain), vault, () => true, since)
  const known = new Set(all.map(({ name }) => name))
  const names = [...noted.used.keys()].map((value) => value.replace(/@\d+$/, ""))
  const unknown = [...new Set(names)].filter((name) => !known.has(name))
  return { ...noted, folder, since, unknown }
}

function rotationToDo(
  vault: Vault,
  name: SecretName,
  { rotation, source }: SecretListing,
  terms: RotationTerms,
  env: Environment,
): RotationToDo | undefined {
  if (rotation === undefined || source !== undefined) return undefined
  return { ...terms, name, rotation, state: new RotationState(vault, name, env) }
}

function whySelected(
  door: Door,
  { exposed = [], expires = "" }: SecretListing,
  used: UsedSecret | undefined,
): string[] {
  return [
    ...(isSet(door, "exposed") ? [`exposed to ${exposed.map(exposedName).join(", ")}`] : []),
    ...(option(door, "expiring") === undefined ? [] : [`ends ${expires}`]),
    ...(used === undefined ? [] : [`used ${counted(used.times, "time")}, last ${used.last}`]),
  ]
}
