import { LIMITS } from "../words/limits.js"
import { basename, join, sep } from "node:path"
import {
  isPassphraseSealed,
  kindOfIdentity,
  recipientOf,
  unsealWithPassphrase,
} from "../age/age.js"
import { VaultError } from "../words/errors.js"
import { readRegularFile } from "../disk/files.js"
import { lookAt, listFolder } from "../disk/at-path.js"
import { type Environment, inHome, keyHome } from "../disk/homes.js"
import type { UnderHarness } from "./harness.js"

/** A private key as it lies in a key file, with what the file's comments say. */
export interface Key {
  /** The age identity, `AGE-SECRET-KEY-1…` or `AGE-SECRET-KEY-PQ-1…`. */
  readonly identity: string
  /** Its public half, computed. */
  readonly recipient: string
  /** The vault that the key belongs to, if the file says so. */
  readonly vault?: string
  readonly agent?: string
  readonly owner?: string
  /** The owner's signer to trust. */
  readonly trust?: string
  /** Its file was opened by a passphrase. */
  readonly hasPassphrase?: true
  /** The agent's harness that it acts under. */
  readonly under?: UnderHarness
}

/** Asks for the passphrase of a key file; rejects where there is nobody to ask. */
export type AskPassphrase = (file: string) => Promise<string>

const COMMENTS = ["vault", "agent", "owner", "trust"] as const

/** Where an owner's key lies. */
export function ownerKeyFile(vault: string, env: Environment): string {
  return join(keyHome(env), vault, "owner.key")
}

/** Where an agent's key lies. */
export function agentKeyFile(vault: string, agent: string, env: Environment): string {
  return join(keyHome(env), vault, "agents", `${agent}.key`)
}

/** The agents whose keys for this vault lie on this machine. */
export function localAgents(vault: string, env: Environment): string[] {
  const names = inHome("keys", () => listFolder(join(keyHome(env), vault, "agents")))
  return names.filter((name) => name.endsWith(".key")).map((name) => basename(name, ".key"))
}

/** The text of a key file. Stock age reads it as an identity file: the rest are comments. */
export function formatKeyFile(key: Key, created: string): string {
  const role = key.agent === undefined ? `owner ${key.owner ?? ""}` : `agent ${key.agent}`
  const comments = COMMENTS.flatMap((name) => {
    const value = key[name]
    return value === undefined ? [] : [`# ${name}: ${value}`]
  })
  return [
    `# agent-vault key of ${role}: keep it secret, keep it out of Git`,
    ...comments,
    `# recipient: ${key.recipient}`,
    `# created: ${created}`,
    key.identity,
    "",
  ].join("\n")
}

/** Parses the text of a key file, or a bare identity line. Throws `KEY_INVALID`. */
export async function parseKey(text: string, shown: string): Promise<Key> {
  const lines = text.split(/\r?\n/).map((line) => line.trim())
  const [identity, ...more] = lines.filter((line) => line !== "" && !line.startsWith("#"))
  if (identity === undefined && keychainAccount(Buffer.from(text)) !== undefined) {
    throw new VaultError("KEY_INVALID", `${shown} holds no key: a keychain does`, {
      hint: "bring a file that holds it; where that keychain is: agent-vault owner key --from-keychain",
    })
  }
  if (identity === undefined || more.length > 0) {
    throw new VaultError("KEY_INVALID", `${shown} holds ${identity ? "more than one" : "no"} key`, {
      hint: "a key file holds one line AGE-SECRET-KEY-…, and comments",
    })
  }
  try {
    kindOfIdentity(identity)
  } catch (cause) {
    throw new VaultError("KEY_INVALID", `${shown} holds no valid age key`, {
      hint: "give the file as agent-vault wrote it; an owner recovers an agent's with: agent-vault agent recover NAME",
      cause,
    })
  }
  return { identity, recipient: await recipientOf(identity), ...parseComments(lines, shown) }
}

/**
 * Reads a key file, asking the keychain for its key, or somebody for its passphrase, if it has one.
 * Throws `KEY_NOT_FOUND`, `KEY_INVALID`, `KEYCHAIN_FAILED`.
 */
export async function readKeyFile(
  file: string,
  env: Environment,
  ask: AskPassphrase,
): Promise<Key> {
  return keyIn(await wholeKeyFile(file, env), file, ask)
}

/** What a key file holds; if that names an entry of the keychain, with the key from there in its place. */
export async function wholeKeyFile(file: string, env: Environment): Promise<Uint8Array> {
  const bytes = keyFileBytes(file)
  const account = keychainAccount(bytes)
  if (account === undefined) return bytes
  // Loaded by whom it concerns: reading a value must start fast.
  const { withKeyOfKeychain } = await import("./keychain-key.js")
  return withKeyOfKeychain(bytes, account, file, env)
}

/** The account of the keychain's entry that a key file names, where it holds no key itself. */
export function keychainAccount(bytes: Uint8Array): string | undefined {
  const lines = Buffer.from(bytes)
    .toString("utf8")
    .split(/\r?\n/)
    .map((line) => line.trim())
  if (lines.some((line) => line !== "" && !line.startsWith("#"))) return undefined
  return lines
    .map((line) => /^# keychain: (\S+)$/.exec(line)?.[1])
    .find((each) => each !== undefined)
}

/** What a key file holds. Throws `KEY_NOT_FOUND`. */
export function keyFileBytes(file: string): Uint8Array {
  const bytes = readRegularFile(file, LIMITS.keyFile, file, "follow")
  if (bytes !== undefined) return bytes
  throw new VaultError("KEY_NOT_FOUND", `there is no key file ${file}`, {
    hint: "give the path of a key file that is here",
  })
}

/** The key in what a key file holds, asking for its passphrase if it has one. Throws `KEY_INVALID`. */
export async function keyIn(bytes: Uint8Array, shown: string, ask: AskPassphrase): Promise<Key> {
  const { text, hasPassphrase } = await keyFileText(bytes, shown, ask)
  const key = await parseKey(Buffer.from(text).toString("utf8"), shown)
  return hasPassphrase ? { ...key, hasPassphrase } : key
}

/** The text in what a key file holds, and whether a passphrase opened it. Throws `PASSPHRASE_WRONG`. */
export async function keyFileText(
  bytes: Uint8Array,
  shown: string,
  ask: AskPassphrase,
): Promise<{ readonly text: Uint8Array; readonly hasPassphrase: boolean }> {
  if (!(await isPassphraseSealed(bytes))) return { text: bytes, hasPassphrase: false }
  return { text: await unsealKeyFile(bytes, shown, ask), hasPassphrase: true }
}

async function unsealKeyFile(
  bytes: Uint8Array,
  file: string,
  ask: AskPassphrase,
): Promise<Uint8Array> {
  const passphrase = await ask(file)
  try {
    return await unsealWithPassphrase(bytes, passphrase)
  } catch (cause) {
    if (!VaultError.is(cause, "PASSPHRASE_WRONG")) throw cause
    throw new VaultError("PASSPHRASE_WRONG", `the passphrase does not open ${file}`, {
      hint: "nothing was changed: repeat the command; where it is forgotten, see docs/recovery.md",
      cause,
    })
  }
}

/** Reads a key file of the key home, which must be readable by its user alone. Throws `KEY_UNSAFE`. */
async function readOwnKeyFile(file: string, env: Environment, ask: AskPassphrase): Promise<Key> {
  const mode = inHome("keys", () => lookAt(file, "follow"))?.mode ?? 0
  // Windows has no such bits; there the profile folder's own access list protects the file.
  if (sep === "/" && (mode & 0o077) !== 0) {
    throw new VaultError("KEY_UNSAFE", `${file} can be read by other users`, {
      hint: `chmod 600 ${file}`,
    })
  }
  return readKeyFile(file, env, ask)
}

/** The same; undefined if there is no such file. */
export async function findOwnKey(
  file: string,
  env: Environment,
  ask: AskPassphrase,
): Promise<Key | undefined> {
  try {
    return await readOwnKeyFile(file, env, ask)
  } catch (error) {
    if (VaultError.is(error, "KEY_NOT_FOUND")) return undefined
    throw error
  }
}

function parseComments(lines: readonly string[], shown: string): Partial<Key> {
  const found: Partial<Record<(typeof COMMENTS)[number], string>> = {}
  for (const line of lines) {
    const [, name, value] = /^# (\w+): (\S+)$/.exec(line) ?? []
    const comment = COMMENTS.find((known) => known === name)
    if (comment === undefined || value === undefined) continue
    if ((found[comment] ?? value) !== value) {
      throw new VaultError("KEY_INVALID", `${shown} names two values for ${comment}`)
    }
    found[comment] = value
  }
  return found
}
