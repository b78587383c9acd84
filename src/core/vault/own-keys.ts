import { join } from "node:path"
import { isPassphraseSealed } from "../age/age.js"
import { listFolder, lookAt } from "../disk/at-path.js"
import { readRegularFile, removeFile } from "../disk/files.js"
import { type Environment, inHome, keyHome } from "../disk/homes.js"
import { underHarness } from "../keys/harness.js"
import { refuseOtherVault } from "../keys/identity.js"
import {
  type Key,
  agentKeyFile,
  formatKeyFile,
  keyFileBytes,
  keychainAccount,
  ownerKeyFile,
  parseKey,
} from "../keys/key-files.js"
import { holdsKeyOf, setOtherKeyAside, writeKeyFile } from "../keys/kept-key-files.js"
import { inTurnOfOwnerKey } from "../keys/key-turn.js"
import { readPin, writePin } from "../memory/trust.js"
import { type Confirmed, requirePerson } from "../policy/person.js"
import { VaultError } from "../words/errors.js"
import { LIMITS } from "../words/limits.js"
import { parseAgentName } from "../words/names.js"
import { utc } from "../words/time.js"
import { type Vault, findAgent, listAgents } from "./vault.js"

/** Whose a key is. */
interface KeyHolder {
  readonly role: "owner" | "agent"
  /** Undefined for an owner's key file of which nobody can tell which owner's it is. */
  readonly name?: string
}

/** Who, as a sentence names them. */
export function holderName({ role, name }: KeyHolder): string {
  if (role === "agent") return `agent ${name ?? ""}`
  return name === undefined ? "the owner" : `owner ${name}`
}

/** A key that came from elsewhere, to be kept on this machine. */
interface AddKeyRequest {
  /** What its file holds, byte for byte. */
  readonly content: Uint8Array
  /** The key in it. */
  readonly key: Key
  /** The path of the file, for messages. */
  readonly shown: string
  readonly env: Environment
  readonly now: Date
  readonly person?: Confirmed | undefined
}

/** Where a key lies now, and what else that changed. */
export interface AddedKey extends KeyHolder {
  readonly file: string
  /** It was there already. */
  readonly wasHere: boolean
  /** The earlier key of the same holder that lay there, under its new name. */
  readonly aside?: string
  /** The owner whom this machine trusts from now on, as the key file says. */
  readonly pinned?: string
}

/**
 * Puts a key where this machine looks for it, if it opens this verified vault, and pins the owner
 * that it names. A key file that has a passphrase keeps it. Throws `KEY_WRONG_VAULT`, `KEY_INVALID`,
 * `EXISTS`, `UNCONFIRMED`.
 */
export async function addKey(vault: Vault, request: AddKeyRequest): Promise<AddedKey> {
  const { key, env } = request
  const holder = requireHolder(vault, request)
  const pinned = readPin(vault.id, env) === undefined ? key.trust : undefined
  if (pinned !== undefined) {
    const attendance = { under: underHarness(vault.id, env), person: request.person }
    requirePerson(`trust ${pinned}`, attendance)
  }
  const file = keyFileOf(vault.id, holder, env)
  const kept = await keepKey(file, vault, holder, request)
  if (pinned !== undefined) writePin(vault.id, pinned, env)
  return { ...holder, file, ...kept, ...(pinned === undefined ? {} : { pinned }) }
}

/** A key file of this machine, and what is known of it without a passphrase. */
export interface KeptKey extends KeyHolder {
  readonly file: string
  /**
   * `opens`: the vault's record of its holder is of this key. `replaced`: of another one. `stranger`:
   * there is no such holder, or not any more. `sealed`: a passphrase keeps it from being told.
   * `keychain`: the key is in the system's keychain, which was not asked. `damaged`: it holds no key.
   * `unverified`: whether the vault is genuine is not known here.
   */
  readonly state:
    "opens" | "replaced" | "stranger" | "sealed" | "keychain" | "damaged" | "unverified"
  /** Other users of this machine can read it. */
  readonly unsafe?: true
}

/** The key files of a vault on this machine: the owner's, then the agents', older ones behind. */
export async function describeKeys(
  id: string,
  vault: Vault | undefined,
  env: Environment,
): Promise<KeptKey[]> {
  const folder = join(keyHome(env), id)
  const found = [
    ...keyFilesIn(folder)
      .filter(({ stem }) => stem === "owner")
      .map(({ file }) => ({ role: "owner" as const, file })),
    ...keyFilesIn(join(folder, "agents")).map(({ stem, file }) => ({
      role: "agent" as const,
      name: stem,
      file,
    })),
  ]
  return Promise.all(found.map(async (each) => ({ ...each, ...(await stateOf(each, vault)) })))
}

export interface RemoveKeyRequest {
  readonly holder: { readonly role: "agent"; readonly name: string } | { readonly role: "owner" }
  readonly env: Environment
  readonly person?: Confirmed | undefined
}

/**
 * Removes a key file from this machine and returns its path. Where no escrow brings the key back, a
 * person has to say so. An owner's key in the keychain is removed there too. Throws `KEY_NOT_FOUND`,
 * `UNCONFIRMED`, `KEYCHAIN_FAILED`, `LOCKED`.
 */
export async function removeKey(
  id: string,
  vault: Vault | undefined,
  { holder, env, person }: RemoveKeyRequest,
): Promise<string> {
  const file = keyFileOf(id, holder, env)
  if (inHome("keys", () => lookAt(file)) === undefined) {
    throw new VaultError(
      "KEY_NOT_FOUND",
      `there is no key of ${holderName(holder)} here (${file})`,
      {
        hint: "see which are here: agent-vault key list",
      },
    )
  }
  if (person !== "confirmed" && !(await comesBack(file, vault, holder))) {
    throw new VaultError("UNCONFIRMED", `no escrow would bring back ${file}`, {
      hint: "a person says so at a terminal; to keep the key, move the file elsewhere",
    })
  }
  if (holder.role === "owner") await inTurnOfOwnerKey(id, env, () => removeOwnerKey(id, file, env))
  else inHome("keys", () => removeFile(file))
  return file
}

async function removeOwnerKey(id: string, file: string, env: Environment): Promise<void> {
  const account = keychainAccount(keyFileBytes(file))
  // What it names may be anything; of another vault, the entry is needed elsewhere.
  if (account?.startsWith(`${id}.`) === true) {
    const { forgetKey } = await import("../keys/keychain-key.js")
    await forgetKey(account, { env }, file)
  }
  inHome("keys", () => removeFile(file))
}

function requireHolder(vault: Vault, { key, shown }: AddKeyRequest): KeyHolder {
  refuseOtherVault(key, vault.id, shown)
  const holder = holderOf(vault, key.recipient)
  if (holder !== undefined) return holder
  const named = key.agent ?? key.owner
  throw new VaultError(
    "KEY_INVALID",
    named === undefined
      ? `the key in ${shown} is nobody's in this vault`
      : `the key in ${shown} is not, or no longer, the key of ${named} in this vault`,
    { hint: "bring the newest state (agent-vault sync), or ask an owner for the present key" },
  )
}

function holderOf(vault: Vault, recipient: string): Required<KeyHolder> | undefined {
  const owner = vault.owners.find((entry) => entry.recipient === recipient)
  if (owner !== undefined) return { role: "owner", name: owner.name }
  const agent = listAgents(vault).find((name) => findAgent(vault, name)?.recipient === recipient)
  return agent === undefined ? undefined : { role: "agent", name: agent }
}

async function keepKey(
  file: string,
  vault: Vault,
  holder: KeyHolder,
  { content, key, now }: AddKeyRequest,
): Promise<Pick<AddedKey, "wasHere" | "aside">> {
  if (await isKept(file, content, key)) return { wasHere: true }
  const aside = await setOtherKeyAside(file, key.recipient, now)
  const text = isBare(key) ? formatKeyFile(commented(key, vault, holder), utc(now)) : content
  inHome("keys", () => writeKeyFile(file, text))
  return { wasHere: false, ...(aside === undefined ? {} : { aside }) }
}

/** Whether a key came as its line alone, without what a key file of ours says of it. */
function isBare({ hasPassphrase, vault }: Key): boolean {
  return hasPassphrase !== true && vault === undefined
}

/** Whether a file is this key file, or another one of the same key. */
async function isKept(file: string, content: Uint8Array, key: Key): Promise<boolean> {
  const kept = inHome("keys", () => readRegularFile(file, LIMITS.keyFile))
  if (kept === undefined) return false
  return Buffer.from(kept).equals(content) || (await holdsKeyOf(file, key.recipient)) === true
}

/** A key with the comments that its file lacked. */
function commented(key: Key, { id }: Vault, { role, name = "" }: KeyHolder): Key {
  return { ...key, vault: id, [role]: name }
}

function keyFileOf(id: string, { role, name = "" }: KeyHolder, env: Environment): string {
  return role === "owner" ? ownerKeyFile(id, env) : agentKeyFile(id, parseAgentName(name), env)
}

/** The key files of a folder; one that was set aside has its date behind the name. */
function keyFilesIn(folder: string): { stem: string; file: string }[] {
  const names = inHome("keys", () => listFolder(folder))
  return names.toSorted().flatMap((name) => {
    const [, stem] = /^(.+)\.key(?:\.until-.+)?$/.exec(name) ?? []
    return stem === undefined ? [] : [{ stem, file: join(folder, name) }]
  })
}

async function stateOf(
  { role, file, name }: KeyHolder & { readonly file: string },
  vault: Vault | undefined,
): Promise<Pick<KeptKey, "state" | "unsafe" | "name">> {
  const mode = inHome("keys", () => lookAt(file, "follow"))?.mode ?? 0
  const unsafe = (mode & 0o077) === 0 ? {} : { unsafe: true as const }
  const bytes = inHome("keys", () => readRegularFile(file, LIMITS.keyFile)) ?? new Uint8Array()
  if (await isPassphraseSealed(bytes)) return { state: "sealed", ...unsafe }
  if (keychainAccount(bytes) !== undefined) return { state: "keychain", ...unsafe }
  const key = await parsed(bytes, file)
  if (key === undefined) return { state: "damaged", ...unsafe }
  if (vault === undefined) return { state: "unverified", ...unsafe }
  const holder = holderOf(vault, key.recipient)
  const isTheirs = holder?.role === role && (role === "owner" || holder.name === name)
  const who = role === "owner" ? (holder?.name ?? key.owner) : name
  return {
    state: isTheirs ? "opens" : isHolder(vault, role, who) ? "replaced" : "stranger",
    ...unsafe,
    ...(who === undefined ? {} : { name: who }),
  }
}

function isHolder(vault: Vault, role: KeyHolder["role"], name = ""): boolean {
  if (role === "owner") return vault.owners.some((owner) => owner.name === name)
  return findAgent(vault, name) !== undefined
}

async function parsed(bytes: Uint8Array, file: string): Promise<Key | undefined> {
  try {
    return await parseKey(Buffer.from(bytes).toString("utf8"), file)
  } catch (error) {
    if (VaultError.is(error, "KEY_INVALID")) return undefined
    throw error
  }
}

/** Whether an owner can bring back, out of its escrow, just the key that a file holds. */
async function comesBack(
  file: string,
  vault: Vault | undefined,
  { role, name = "" }: KeyHolder,
): Promise<boolean> {
  const record = vault === undefined || role === "owner" ? undefined : findAgent(vault, name)
  if (record?.escrow === undefined) return false
  return (await holdsKeyOf(file, record.recipient)) === true
}
