import { VaultError } from "../words/errors.js"
import { FolderFiles } from "../disk/files.js"
import type { Environment } from "../disk/homes.js"
import type { Place } from "../disk/place.js"
import type { OwnerEntry } from "../records/record.js"
import { type Anchor, checkAnchor, findAnchor, readPin, writePin } from "../memory/trust.js"
import { verifyVault } from "./vault.js"
import { noMemory } from "../memory/memory.js"
import { underHarness } from "../keys/harness.js"
import { type Confirmed, requirePerson } from "../policy/person.js"

/** Whom a vault names as its owners, and whom this machine trusts. */
export interface TrustReport {
  readonly vault: string
  readonly owners: readonly { readonly name: string; readonly signer: string }[]
  readonly pin?: string
  /** What key file, environment and pin agree on. */
  readonly anchor?: Anchor
  /** Whether the anchor is one of the owners, and brought all others. */
  readonly trusted: boolean
}

/** Throws the codes of exit 5 for a vault.json that does not agree with itself, `TRUST_MISMATCH`. */
export function describeTrust(
  place: Place,
  keyFileTrust: string | undefined,
  env: Environment,
): TrustReport {
  const { id, owners, record } = selfConsistent(place)
  const anchor = findAnchor(id, keyFileTrust, env)
  const pin = readPin(id, env)
  return {
    vault: id,
    owners: owners.map(({ name, signer }) => ({ name, signer })),
    ...(pin === undefined ? {} : { pin }),
    ...(anchor === undefined ? {} : { anchor }),
    trusted: isTrusted(anchor, record.owners),
  }
}

/**
 * Pins an owner of the vault as the one to trust. Throws `UNTRUSTED` for any other signer,
 * `UNCONFIRMED`.
 */
export function pinOwner(place: Place, signer: string, env: Environment, person?: Confirmed): void {
  const { id, owners } = selfConsistent(place)
  if (!owners.some((owner) => owner.signer === signer)) {
    const listed = owners.map((owner) => `${owner.name} ${owner.signer}`).join(", ")
    throw new VaultError(
      "UNTRUSTED",
      `${signer} is not an owner of this vault; it names ${listed}`,
      {
        hint: "compare with the owner: the vault, or what you typed, is not theirs",
      },
    )
  }
  if (readPin(id, env) !== signer) {
    requirePerson(`trust ${signer}`, { under: underHarness(id, env), person })
  }
  writePin(id, signer, env)
}

/** That the anchor is listed is not enough: anybody can list it in a chain of their own. */
function isTrusted(anchor: Anchor | undefined, entries: readonly OwnerEntry[]): boolean {
  try {
    checkAnchor(anchor, entries)
    return true
  } catch (error) {
    if (VaultError.is(error, "UNTRUSTED")) return false
    throw error
  }
}

function selfConsistent(place: Place): ReturnType<typeof verifyVault> {
  return verifyVault(new FolderFiles(place.root), noMemory())
}
