import { generateIdentity, recipientOf } from "../age/age.js"
import { FolderFiles } from "../disk/files.js"
import { type Environment, inHome } from "../disk/homes.js"
import type { Place } from "../disk/place.js"
import {
  type AskPassphrase,
  agentKeyFile,
  findOwnKey,
  formatKeyFile,
  writeKeyFile,
} from "../keys/key-files.js"
import { readPin } from "../memory/trust.js"
import { formatJoinLine, joinFingerprint } from "../records/join-line.js"
import { signingKey } from "../records/signature.js"
import { parseAgentName } from "../words/names.js"
import { utc } from "../words/time.js"
import { readVaultRecord } from "./vault.js"

/** A key that was made where its agent lives, and the line that asks an owner to let it in. */
export interface JoinRequest {
  readonly agent: string
  readonly file: string
  /** It holds no secret, and may travel by any way. */
  readonly line: string
  /** What the owner compares with, by another way. */
  readonly fingerprint: string
  /** The key was there already, and the line is of that one. */
  readonly wasHere: boolean
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
  const { vault, keys } = readVaultRecord(new FolderFiles(place.root))
  const file = agentKeyFile(vault, agent, env)
  const kept = await findOwnKey(file, ask)
  const identity = kept?.identity ?? (await generateIdentity(keys))
  const recipient = await recipientOf(identity)
  const line = formatJoinLine({ vault, agent, recipient }, signingKey(identity, "audit"))
  const joined = { agent, file, line, fingerprint: joinFingerprint(recipient) }
  if (kept !== undefined) return { ...joined, wasHere: true }
  const trust = readPin(vault, env)
  const key = { identity, recipient, vault, agent, ...(trust === undefined ? {} : { trust }) }
  inHome("keys", () => writeKeyFile(file, formatKeyFile(key, utc(now))))
  return { ...joined, wasHere: false }
}
