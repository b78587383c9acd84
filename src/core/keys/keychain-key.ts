import { createHash } from "node:crypto"
import { platform } from "node:os"
import { delimiter, isAbsolute, parse } from "node:path"
import { recipientOf } from "../age/age.js"
import { EndedWithUs } from "../disk/ended-with-us.js"
import { realPath } from "../disk/at-path.js"
import { replaceFile } from "../disk/files.js"
import { type Environment, inHome } from "../disk/homes.js"
import { type KeychainEntry, keychainProgram } from "../disk/keychain-program.js"
import { programInNoCheckout } from "../disk/outside-program.js"
import { PrintFailure, printedBy } from "../disk/printed-by.js"
import { VaultError } from "../words/errors.js"
import { LIMITS } from "../words/limits.js"
import { type MaybeUnfinished, withUnfinished } from "../words/unfinished.js"
import { type Key, keychainAccount } from "./key-files.js"
import {
  type OpenedKeyFile,
  isAsOpened,
  requireAsOpened,
  writeUnderPassphrase,
} from "./key-passphrase.js"
import { inTurnOfOwnerKey } from "./key-turn.js"

/** How long a person may take to unlock the keychain. In ms. */
const UNLOCK_MS = 60_000
const SERVICE = "agent-vault"
const ACCOUNT = /^[0-9a-f]{32}\.[0-9a-f]{16}$/
const OURS = /^AGENT_VAULT_/i

const withUs = new EndedWithUs()

/** Which program is called, and with what. */
interface KeychainAccess {
  readonly env: Environment
  readonly system?: NodeJS.Platform | undefined
}

interface KeychainQuestion {
  readonly args: readonly string[]
  readonly input?: string
  /** What did not happen if it fails, and what then helps. */
  readonly deed: string
  readonly mend: string
}

/**
 * What a key file holds, with the key from the keychain in the place of the entry's name. Throws
 * `KEYCHAIN_FAILED`; `KEY_INVALID` where the entry is of another key, or the file not an owner's.
 */
export async function withKeyOfKeychain(
  bytes: Uint8Array,
  account: string,
  file: string,
  env: Environment,
): Promise<Uint8Array> {
  const text = Buffer.from(bytes).toString("utf8")
  if (!ACCOUNT.test(account) || /^\s*# agent:/m.test(text)) {
    throw new VaultError("KEY_INVALID", `${file} names no entry of an owner in a keychain`, {
      hint: "give the file as agent-vault wrote it",
    })
  }
  const identity = await keyAt(account, { env }, gone(file))
  const [vault = ""] = account.split(".")
  if ((await accountOf(vault, identity)) !== account) {
    throw new VaultError("KEY_INVALID", `the keychain holds another key than the one of ${file}`, {
      hint: gone(file),
    })
  }
  const whole = text.replace(nameLine(account), () => identity)
  // Whatever the file says, the key is of the vault that the entry is of.
  const says = new RegExp(`^\\s*# vault: ${vault}\\s*$`, "m").test(whole)
  return Buffer.from(says ? whole : `# vault: ${vault}\n${whole}`)
}

/** A key that is in the keychain now, and its file, which names it. */
interface KeyInKeychain extends KeychainEntry {
  readonly file: string
}

/**
 * Moves the key of a key file to the keychain of the system. It is read back from there before the file
 * is replaced by one that names the entry; whoever is killed on the way has the old file, or both.
 * Throws `KEYCHAIN_FAILED`, `NO_ACCESS`, `LOCKED`; then the file is as it was.
 */
export async function moveToKeychain(
  opened: OpenedKeyFile,
  { identity }: Key,
  vault: string,
  access: KeychainAccess,
): Promise<KeyInKeychain> {
  const account = await accountOf(vault, identity)
  const naming = namingText(opened, identity, account)
  const move = () => moveIn(opened, { identity, account, naming }, access)
  await inTurnOfOwnerKey(vault, access.env, move)
  return { file: opened.file, service: SERVICE, account }
}

/** What goes to the keychain, and the text of the file that then names it. */
interface KeyGoing {
  readonly identity: string
  readonly account: string
  readonly naming: Buffer
}

async function moveIn(
  opened: OpenedKeyFile,
  { identity, account, naming }: KeyGoing,
  access: KeychainAccess,
): Promise<void> {
  requireAsOpened(opened)
  const { file } = opened
  const entry = { service: SERVICE, account }
  const stays = stillIn(file)
  const { args, input } = keychainProgram(access.system).keep(entry, identity)
  await ask({ deed: "took no key", mend: stays, args, input }, access)
  try {
    if ((await keyAt(account, access, stays)) !== identity) {
      throw new VaultError("KEYCHAIN_FAILED", "the keychain did not give back what it was given", {
        hint: stays,
      })
    }
    await writeUnderPassphrase({ ...opened, text: naming }, undefined)
  } catch (error) {
    // While the key is in its file, what is left of it in the keychain is of no use.
    if (isAsOpened(opened)) await forgetKey(account, access).catch(() => {})
    throw error
  }
  try {
    // Whoever has another state folder knows no turn, and may have removed it since it was read.
    await keyAt(account, access, stays)
  } catch (error) {
    if (isAsOpened({ ...opened, lies: naming })) {
      inHome("keys", () => replaceFile(realPath(file), opened.lies, 0o600))
    }
    throw error
  }
}

/**
 * Brings a key back out of the keychain into its file, under a passphrase if there is one, and then
 * removes the entry; `text` has the key in it. An entry that stays is told in `unfinished`. Throws
 * `NO_ACCESS`, `LOCKED`; then the file is as it was.
 */
export function moveFromKeychain(
  opened: OpenedKeyFile,
  account: string,
  passphrase: string | undefined,
  access: KeychainAccess,
): Promise<KeyInKeychain & MaybeUnfinished> {
  const [vault = ""] = account.split(".")
  return inTurnOfOwnerKey(vault, access.env, () => moveOut(opened, account, passphrase, access))
}

async function moveOut(
  opened: OpenedKeyFile,
  account: string,
  passphrase: string | undefined,
  access: KeychainAccess,
): Promise<KeyInKeychain & MaybeUnfinished> {
  await writeUnderPassphrase(opened, passphrase)
  const moved = { file: opened.file, service: SERVICE, account }
  try {
    await forgetKey(account, access)
    return moved
  } catch (error) {
    if (!VaultError.is(error)) throw error
    return withUnfinished<KeyInKeychain & MaybeUnfinished>(moved, error)
  }
}

/** Removes a key from the keychain, before its file goes too, if that is named. Throws `KEYCHAIN_FAILED`. */
export async function forgetKey(
  account: string,
  access: KeychainAccess,
  file?: string,
): Promise<void> {
  const entry = { service: SERVICE, account }
  const then = file === undefined ? "" : `, if it is there, and then ${file}`
  const mend = `remove the entry ${SERVICE} / ${account} by the keychain's own program${then}`
  const args = keychainProgram(access.system).remove(entry)
  await ask({ deed: "did not remove the key", mend, args }, access)
}

/**
 * Refuses to begin a move where this system has no keychain for it, or not its program. Throws
 * `KEYCHAIN_FAILED`.
 */
export function requireKeychain(file: string, access: KeychainAccess): void {
  programOf(access, stillIn(file))
}

/** Of vault and key, so that no other key takes the place of one. */
async function accountOf(vault: string, identity: string): Promise<string> {
  const hash = createHash("sha256")
    .update(await recipientOf(identity))
    .digest("hex")
  return `${vault}.${hash.slice(0, 16)}`
}

/** The text of a key file with the entry's name in the place of the key, which is nowhere else in it. */
function namingText({ file, text }: OpenedKeyFile, identity: string, account: string): Buffer {
  const named = Buffer.from(text).toString("utf8").replace(identity, nameLine(account))
  const naming = Buffer.from(named)
  if (!named.includes(identity) && keychainAccount(naming) === account) return naming
  throw new VaultError("KEY_INVALID", `a comment in ${file} holds the key too, or names an entry`, {
    hint: "remove that comment, and repeat the command",
  })
}

function nameLine(account: string): string {
  return `# keychain: ${account}`
}

function stillIn(file: string): string {
  return `${file} is as it was; protect it by a passphrase: agent-vault owner key --passphrase set`
}

function gone(file: string): string {
  return `unlock the keychain, and repeat; if the entry is gone: move ${file} away, then bring a copy of the key here: agent-vault key add FILE`
}

async function keyAt(account: string, access: KeychainAccess, mend: string): Promise<string> {
  const keychain = keychainProgram(access.system)
  const args = keychain.find({ service: SERVICE, account })
  const printed = await ask({ deed: "gave no key", mend, args }, access)
  try {
    const identity = keychain.found(printed).toString("utf8")
    // Before anything says why it is none.
    await recipientOf(identity)
    return identity
  } catch (cause) {
    throw new VaultError("KEYCHAIN_FAILED", "what the keychain gave is not a key", {
      hint: mend,
      cause,
    })
  } finally {
    printed.fill(0)
  }
}

/** What the keychain's program printed. It is in no repository, and has no shell; the key is not in its arguments. */
async function ask(
  { deed, mend, args, input }: KeychainQuestion,
  access: KeychainAccess,
): Promise<Buffer> {
  const { name, file } = programOf(access, mend)
  const { env } = access
  const others = Object.entries(env).filter(([variable]) => !OURS.test(variable))
  const path = (env["PATH"] ?? "").split(delimiter).filter(isAbsolute).join(delimiter)
  const program = {
    file,
    args,
    env: { ...Object.fromEntries(others), PATH: path },
    cwd: parse(file).root,
    ...(input === undefined ? {} : { input }),
  }
  try {
    return await withUs.during(() =>
      printedBy(program, { most: LIMITS.keyFile, ended: withUs.signal, timeLimit: UNLOCK_MS }),
    )
  } catch (error) {
    if (!(error instanceof PrintFailure)) throw error
    const message = `the keychain ${deed}: ${name} ${error.message}`
    throw new VaultError("KEYCHAIN_FAILED", message, { hint: mend, cause: error })
  }
}

/** The program, and where it lies. */
function programOf(
  { env, system = platform() }: KeychainAccess,
  mend: string,
): { readonly name: string; readonly file: string } {
  if (system === "win32") {
    const none = "on Windows no keychain keeps an owner's key"
    throw new VaultError("KEYCHAIN_FAILED", none, { hint: mend })
  }
  const { name } = keychainProgram(system)
  const file = programInNoCheckout(env["PATH"], name)
  if (file !== undefined) return { name, file }
  throw new VaultError("KEYCHAIN_FAILED", `there is no program ${name} on PATH`, {
    hint: `install ${name}, outside of every repository (of Debian, the package libsecret-tools); ${mend}`,
  })
}
