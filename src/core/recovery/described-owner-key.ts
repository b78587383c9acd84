import { sep } from "node:path"
import { isPassphraseSealed } from "../age/age.js"
import { lookAt } from "../disk/at-path.js"
import { type Environment, inHome } from "../disk/homes.js"
import {
  type AskPassphrase,
  type Key,
  keyFileBytes,
  keyIn,
  keychainAccount,
  ownerKeyFile,
  wholeKeyFile,
} from "../keys/key-files.js"
import { askNobody } from "../keys/kept-key-files.js"
import { ownerFingerprint } from "../records/join-line.js"
import { signingKey } from "../records/signature.js"
import { describeKeys } from "../vault/own-keys.js"
import type { Vault } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"

/** The owner's key of this machine, as far as it may be known without using it. */
export interface DescribedOwnerKey {
  readonly vault: string
  readonly file: string
  readonly passphrase: boolean
  /** The account of the entry in the system's keychain that holds the key; absent: the file does. */
  readonly keychain?: string
  /** Who may read and write the file, as `600`; undefined where files have no such bits. */
  readonly mode?: string
  /** `opens`, `replaced` and so on; see KeptKey. */
  readonly state: string
  /** What only the opened key tells. */
  readonly owner?: string
  readonly signer?: string
  readonly recipient?: string
  /** Of recipient and signer together, as `owner list` has it. */
  readonly fingerprint?: string
  /** Other files in the clear, here, that hold the key of an owner. */
  readonly inTheClear: readonly string[]
}

/**
 * Describes the owner's key of this machine. A key that has a passphrase is opened only where `ask`
 * is given; the keychain gives the key that it holds. Throws `KEY_NOT_FOUND`, `KEY_INVALID`,
 * `PASSPHRASE_WRONG`, `KEYCHAIN_FAILED`.
 */
export async function describeOwnerKey(
  id: string,
  vault: Vault | undefined,
  env: Environment,
  ask?: AskPassphrase,
): Promise<DescribedOwnerKey> {
  const file = requireOwnerKey(id, env)
  const keychain = keychainAccount(keyFileBytes(file))
  const bytes = await wholeKeyFile(file, env)
  const passphrase = await isPassphraseSealed(bytes)
  const key =
    passphrase && ask === undefined ? undefined : await keyIn(bytes, file, ask ?? askNobody)
  const kept = (await describeKeys(id, vault, env)).filter(({ role }) => role === "owner")
  const mode = modeOf(file)
  return {
    vault: id,
    file,
    passphrase,
    ...(keychain === undefined ? {} : { keychain }),
    ...(mode === undefined ? {} : { mode }),
    state: stateOf(key, vault),
    ...(key === undefined ? {} : openedPart(key, vault)),
    inTheClear: kept
      .filter((each) => each.file !== file && each.state === "opens")
      .map((each) => each.file),
  }
}

/** Where the owner's key of a vault is on this machine. Throws `KEY_NOT_FOUND`. */
export function requireOwnerKey(id: string, env: Environment): string {
  const file = ownerKeyFile(id, env)
  if (inHome("keys", () => lookAt(file, "follow")) !== undefined) return file
  throw new VaultError("KEY_NOT_FOUND", `there is no owner's key of this vault here (${file})`, {
    hint: "bring it back: agent-vault key add FILE, owner key --from-paper, or owner recovery combine",
  })
}

/** Windows has no such bits; there the profile folder's own access list protects the file. */
function modeOf(file: string): string | undefined {
  const mode = lookAt(file, "follow")?.mode
  return mode === undefined || sep !== "/" ? undefined : (mode & 0o777).toString(8).padStart(3, "0")
}

function stateOf(key: Key | undefined, vault: Vault | undefined): string {
  if (key === undefined) return "sealed"
  if (vault === undefined) return "unverified"
  return vault.owners.some(({ recipient }) => recipient === key.recipient) ? "opens" : "replaced"
}

function openedPart(
  key: Key,
  vault: Vault | undefined,
): Pick<DescribedOwnerKey, "owner" | "signer" | "recipient" | "fingerprint"> {
  const entry = vault?.record.owners.find(({ recipient }) => recipient === key.recipient)
  const owner = entry?.name ?? key.owner
  const { signer } = signingKey(key.identity)
  const { recipient } = key
  const fingerprint = ownerFingerprint({ recipient, signer })
  return { ...(owner === undefined ? {} : { owner }), signer, recipient, fingerprint }
}
