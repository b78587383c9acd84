import { generateIdentity, recipientOf, sealWithPassphrase } from "../age/age.js"
import { FolderFiles } from "../disk/files.js"
import { type Environment, inHome } from "../disk/homes.js"
import type { Place } from "../disk/place.js"
import {
  type AskPassphrase,
  agentKeyFile,
  findOwnKey,
  formatKeyFile,
  ownerKeyFile,
} from "../keys/key-files.js"
import { writeKeyFile } from "../keys/kept-key-files.js"
import { readPin } from "../memory/trust.js"
import {
  formatJoinLine,
  formatOwnerLine,
  joinFingerprint,
  ownerFingerprint,
} from "../records/join-line.js"
import { type OwnerEntry, decodeRecord } from "../records/record.js"
import { signingKey } from "../records/signature.js"
import { VaultError } from "../words/errors.js"
import { agentRecordPath } from "../words/layout.js"
import { parseAgentName, parseOwnerName } from "../words/names.js"
import { utc } from "../words/time.js"
import { readVaultRecord } from "./vault.js"

/** A key that was made where its agent lives, and the line that asks an owner to let it in. */
interface JoinRequest {
  readonly agent: string
  readonly file: string
  /** It holds no secret, and may travel by any way. */
  readonly line: string
  /** What the owner compares with, by another way. */
  readonly fingerprint: string
  /** The key was there already, and the line is of that one. */
  readonly wasHere: boolean
  /** The vault, as this clone has it, names the agent with this very key: no owner has to do anything. */
  readonly isAgent: boolean
}

/**
 * Makes the key of an agent on this machine, unless it is here already, and the line by which an
 * owner lets it in. The key never leaves the machine. Nothing of the vault is verified: an owner of
 * it does, who reads the line. Throws `NO_VAULT`, `KEY_INVALID`.
 */
export async function join(
  place: Place,
  name: string,
  env: Environment,
  now: Date,
  ask: AskPassphrase,
): Promise<JoinRequest> {
  const agent = parseAgentName(name)
  const files = new FolderFiles(place.root)
  const { vault, keys } = readVaultRecord(files)
  const file = agentKeyFile(vault, agent, env)
  const kept = await findOwnKey(file, env, ask)
  const identity = kept?.identity ?? (await generateIdentity(keys))
  const recipient = await recipientOf(identity)
  const line = formatJoinLine({ vault, agent, recipient }, signingKey(identity, "audit"))
  const joined = { agent, file, line, fingerprint: joinFingerprint(recipient) }
  if (kept !== undefined) {
    return { ...joined, wasHere: true, isAgent: isKeyOf(files, vault, agent, recipient) }
  }
  const trust = readPin(vault, env)
  const key = { identity, recipient, vault, agent, ...(trust === undefined ? {} : { trust }) }
  inHome("keys", () => writeKeyFile(file, formatKeyFile(key, utc(now))))
  return { ...joined, wasHere: false, isAgent: false }
}

/** Nothing is opened or trusted for it; a record that does not read is told of where one is needed. */
function isKeyOf(files: FolderFiles, vault: string, agent: string, recipient: string): boolean {
  const path = agentRecordPath(agent)
  const bytes = files.read(path)
  if (bytes === undefined) return false
  try {
    const record = decodeRecord("agent", path, bytes, vault)
    return record.recipient === recipient && record.ended === undefined
  } catch (error) {
    if (VaultError.is(error)) return false
    throw error
  }
}

/** The key of an owner to be, and the line that asks a present owner to make them one. */
export interface OwnerJoinRequest extends Omit<JoinRequest, "agent" | "isAgent"> {
  readonly owner: string
  readonly hasPassphrase: boolean
}

/** What decides about the key of an owner to be. */
interface JoinOwner {
  readonly owner: string
  readonly env: Environment
  readonly now: Date
  /** Asked for the passphrase of a key that is here. */
  readonly ask: AskPassphrase
  /** Asked for one, or none, for a key that is made. */
  readonly choose: () => Promise<string | undefined>
}

/**
 * Makes the key of an owner to be on this machine, unless it is here already, and the line by which an
 * owner adds them. Nothing of the vault is verified. Throws `NO_VAULT`, `NAME_INVALID`, `KEY_INVALID`,
 * `EXISTS` for the key of somebody who is an owner.
 */
export async function joinAsOwner(
  place: Place,
  { owner: name, env, now, ask, choose }: JoinOwner,
): Promise<OwnerJoinRequest> {
  const owner = parseOwnerName(name)
  const { vault, keys, owners } = readVaultRecord(new FolderFiles(place.root))
  const file = ownerKeyFile(vault, env)
  const kept = await findOwnKey(file, env, ask)
  const known = owners.find(({ recipient }) => recipient === kept?.recipient)
  if (known !== undefined) throw keyOf(known, file)
  const identity = kept?.identity ?? (await generateIdentity(keys))
  const recipient = await recipientOf(identity)
  const key = signingKey(identity)
  const line = formatOwnerLine({ vault, owner, recipient }, key)
  const fingerprint = ownerFingerprint({ recipient, signer: key.signer })
  const joined = { owner, file, line, fingerprint }
  if (kept !== undefined) {
    return { ...joined, wasHere: true, hasPassphrase: kept.hasPassphrase === true }
  }
  const passphrase = (await choose()) ?? ""
  const trust = readPin(vault, env)
  const facts = { identity, recipient, vault, owner, ...(trust === undefined ? {} : { trust }) }
  const text = formatKeyFile(facts, utc(now))
  const content = passphrase === "" ? text : await sealWithPassphrase(Buffer.from(text), passphrase)
  inHome("keys", () => writeKeyFile(file, content))
  return { ...joined, wasHere: false, hasPassphrase: passphrase !== "" }
}

/** Who was removed needs another key; who is an owner keeps theirs. */
function keyOf({ name, ended }: OwnerEntry, file: string): VaultError {
  return ended === undefined
    ? new VaultError("EXISTS", `the owner's key on this machine is that of the owner ${name}`, {
        hint: `${file} stays as it is; another person joins with a key home of their own`,
      })
    : new VaultError(
        "EXISTS",
        `the owner's key on this machine is that of ${name}, who was removed as an owner`,
        { hint: `move ${file} away; then make a new key: agent-vault join ${name} --owner` },
      )
}
