import { closeSync, fsyncSync, openSync } from "node:fs"
import { dirname, join } from "node:path"
import { isPassphraseSealed, sealWithPassphrase } from "../age/age.js"
import { TEMPORARY } from "../disk/abandoned.js"
import { realPath } from "../disk/at-path.js"
import { createFile, removeFile, rename } from "../disk/files.js"
import { inHome } from "../disk/homes.js"
import { nameByMaker } from "../disk/maker.js"
import { VaultError } from "../words/errors.js"
import { attempted } from "../words/system-error.js"
import {
  type AskPassphrase,
  keyFileBytes,
  keyFileText,
  keychainAccount,
  keyIn,
} from "./key-files.js"

/** The text of a key file, and the bytes that it lies as. */
export interface OpenedKeyFile {
  readonly file: string
  /** The file as it lay there: where it is another by now, it is not replaced. */
  readonly lies: Uint8Array
  readonly text: Uint8Array
  /** The text lies there under a passphrase. */
  readonly hasPassphrase: boolean
}

/** Whether a key file lies under a passphrase. Throws `KEY_NOT_FOUND`. */
export async function isUnderPassphrase(file: string): Promise<boolean> {
  return isPassphraseSealed(keyFileBytes(file))
}

/** Opens a key file, to write it anew; one whose key is in the keychain stays without it. Throws `KEY_NOT_FOUND`, `KEY_INVALID`, `PASSPHRASE_WRONG`. */
export async function openKeyFile(file: string, ask: AskPassphrase): Promise<OpenedKeyFile> {
  const lies = keyFileBytes(file)
  return { file, lies, ...(await keyFileText(lies, file, ask)) }
}

/**
 * Writes a key file anew under a passphrase, or in the clear without one. The new file is written
 * beside the old one, read back and opened, and only then takes its name: whoever is killed on the
 * way has the old file, or the new one. Throws `NO_ACCESS`, `KEY_INVALID`; `LOCKED` where the old
 * file is another than was opened.
 */
export async function writeUnderPassphrase(
  opened: OpenedKeyFile,
  passphrase: string | undefined,
): Promise<void> {
  const { file, text } = opened
  const content = passphrase === undefined ? text : await sealWithPassphrase(text, passphrase)
  // A link stays a link: the file that it leads to is replaced.
  const target = realPath(file)
  const beside = join(dirname(target), nameByMaker(TEMPORARY))
  try {
    inHome("keys", () => createFile(beside, content, 0o600))
    await requireSame(beside, text, passphrase)
    requireAsOpened(opened)
    inHome("keys", () => rename(beside, target))
  } catch (error) {
    attempted(() => removeFile(beside))
    throw error
  }
  attempted(() => syncFolder(dirname(target)))
}

/** Whether a key file is what was opened, still. */
export function isAsOpened({ file, lies }: OpenedKeyFile): boolean {
  try {
    return Buffer.from(keyFileBytes(file)).equals(lies)
  } catch {
    // It is gone, or nobody can tell.
    return false
  }
}

/** Refuses to go on with a key file that is another by now. Throws `LOCKED`. */
export function requireAsOpened(opened: OpenedKeyFile): void {
  if (isAsOpened(opened)) return
  throw new VaultError("LOCKED", `something else changed ${opened.file} meanwhile`, {
    hint: "it is as that left it: look at it (agent-vault owner key), and repeat the command",
  })
}

/** Where a system syncs folders, a new name survives a power cut then. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, "r")
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** Refuses a file that does not give the text back. */
async function requireSame(
  file: string,
  text: Uint8Array,
  passphrase: string | undefined,
): Promise<void> {
  const bytes = keyFileBytes(file)
  const read = await keyFileText(bytes, file, () => Promise.resolve(passphrase ?? ""))
  if (!Buffer.from(read.text).equals(text)) {
    throw new VaultError("KEY_INVALID", "the new key file is not what was written: nothing changed")
  }
  if (keychainAccount(read.text) === undefined) {
    await keyIn(read.text, file, () => Promise.resolve(""))
  }
}
