import { claimedId } from "../../../core/index.js"
import {
  type OwnerKeyProof,
  keyFileBytes,
  keyIn,
  proveOwnerKey,
  refuseOtherVault,
  trustOf,
} from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { readingVault } from "../../door/reading.js"
import { asJson, counted, print, tell } from "../../door/render.js"
import { option, passphraseOf, placeOf, userPath } from "../../door/who.js"

/** `owner key --verify-backup FILE`: the drill that a backup opens this vault. Writes nothing. */
export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const file = userPath(door, option(door, "verify-backup") ?? "")
  const key = await keyIn(keyFileBytes(file), file, passphraseOf(door))
  const id = claimedId(place)
  // Before the vault is verified by what the file says: it would trust another vault's owner.
  refuseOtherVault(key, id, file)
  const proof = await readingVault(door, place, trustOf(key, id, door.env), (vault) =>
    proveOwnerKey(vault, key, file),
  )
  const passphrase = key.hasPassphrase === true
  if (await asJson(door, { file, passphrase, ...proof })) return
  await print(door, [`${file} opens this vault${passphrase ? ", with its passphrase" : ""}:`])
  await print(door, proofLines(proof))
  tell(door, "Nothing was written.")
}

/** What a key was proven to be and to open, as lines. */
export function proofLines({
  owner,
  signer,
  groups,
  escrows,
  withoutEscrow,
}: OwnerKeyProof): string[] {
  return [
    `  it reads and signs as ${owner}, ${signer}`,
    `  it opened the keys of ${listed(groups, "group")}`,
    `  it opened the escrow of ${listed(escrows, "agent")}`,
    ...(withoutEscrow.length === 0
      ? []
      : [`  no escrow brings back ${withoutEscrow.join(", ")}: made elsewhere`]),
  ]
}

function listed(names: readonly string[], what: string): string {
  return names.length === 0
    ? counted(0, what)
    : `${counted(names.length, what)}: ${names.join(", ")}`
}
