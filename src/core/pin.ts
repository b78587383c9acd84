import { VaultError } from "./errors.js"
import { FolderFiles } from "./files.js"
import type { Environment } from "./homes.js"
import type { Place } from "./place.js"
import { type Anchor, findAnchor, readPin, writePin } from "./trust.js"
import { verifyVault } from "./vault.js"
import { noMemory } from "./memory.js"

/** Whom a vault names as its owners, and whom this machine trusts. */
export interface TrustReport {
  readonly vault: string
  readonly owners: readonly { readonly name: string; readonly signer: string }[]
  readonly pin?: string
  /** What key file, environment and pin agree on. */
  readonly anchor?: Anchor
  /** Whether the anchor is one of the owners. */
  readonly trusted: boolean
}

/** Throws the codes of exit 5 for a vault.json that does not agree with itself, `TRUST_MISMATCH`. */
export function describeTrust(
  place: Place,
  keyFileTrust: string | undefined,
  env: Environment,
): TrustReport {
  const { id, owners } = selfConsistent(place)
  const anchor = findAnchor(id, keyFileTrust, env)
  const pin = readPin(id, env)
  return {
    vault: id,
    owners: owners.map(({ name, signer }) => ({ name, signer })),
    ...(pin === undefined ? {} : { pin }),
    ...(anchor === undefined ? {} : { anchor }),
    trusted: owners.some(({ signer }) => signer === anchor?.signer),
  }
}

/** Pins an owner of the vault as the one to trust. Throws `UNTRUSTED` if it is none. */
export function pinOwner(place: Place, signer: string, env: Environment): void {
  const { id, owners } = selfConsistent(place)
  if (!owners.some((owner) => owner.signer === signer)) {
    const listed = owners.map((owner) => `${owner.name} ${owner.signer}`).join(", ")
    throw new VaultError("UNTRUSTED", `${signer} is no owner of this vault; it names ${listed}`, {
      hint: "compare with the owner: the vault, or what you typed, is not theirs",
    })
  }
  writePin(id, signer, env)
}

function selfConsistent(place: Place): ReturnType<typeof verifyVault> {
  return verifyVault(new FolderFiles(place.root), noMemory())
}
