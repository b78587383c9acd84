import { existsSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { realPath } from "../disk/at-path.js"
import { createFile, rename } from "../disk/files.js"
import { inHome } from "../disk/homes.js"
import { findCheckout } from "../disk/place.js"
import { VaultError } from "../words/errors.js"
import { utc } from "../words/time.js"
import { keyFileBytes, keyIn } from "./key-files.js"

/** Refuses a place where a key file could not, or should not, be written. Throws `EXISTS`, `KEY_UNSAFE`. */
export function checkKeyFilePlace(file: string): void {
  if (existsSync(file)) {
    throw new VaultError("EXISTS", `${file} exists already, and keys are never overwritten`, {
      hint: "move it away first, or choose another file with --out",
    })
  }
  const folder = realPath(existingAncestor(dirname(resolve(file))))
  const checkout = findCheckout(folder)
  if (checkout !== undefined) {
    throw new VaultError("KEY_UNSAFE", `${file} lies in the work tree ${checkout.top}`, {
      hint: "a key in a work tree ends up in Git: choose a folder outside it",
    })
  }
}

/** Renames a key file that was replaced; the new name says when. Never overwrites a file. */
export function setKeyFileAside(file: string, now: Date): string | undefined {
  if (!existsSync(file)) return undefined
  const stem = `${file}.until-${utc(now).replaceAll(":", "")}`
  let aside = stem
  for (let count = 2; existsSync(aside); count++) aside = `${stem}-${count}`
  inHome("keys", () => rename(file, aside))
  return aside
}

/** Before a passphrase is stretched, which takes a second. */
export function askNobody(): Promise<string> {
  return Promise.reject(new VaultError("NO_TERMINAL", "nobody is asked for a passphrase"))
}

/**
 * Whether a key file holds the key of a recipient. Undefined: there is none, or nobody can tell without
 * a passphrase or the keychain.
 */
export async function holdsKeyOf(file: string, recipient: string): Promise<boolean | undefined> {
  try {
    return (await keyIn(keyFileBytes(file), file, askNobody)).recipient === recipient
  } catch (error) {
    if (VaultError.is(error, "NO_ACCESS") || !VaultError.is(error)) throw error
    return undefined
  }
}

/**
 * Renames an agent's key file that holds another key than this recipient's: a rekey that was killed
 * before it delivered the new key left it there. Any other file stays.
 */
export async function setOtherKeyAside(
  file: string,
  recipient: string,
  now: Date,
): Promise<string | undefined> {
  return (await holdsKeyOf(file, recipient)) === false ? setKeyFileAside(file, now) : undefined
}

/** Writes a key file, readable by its user alone, that must not exist yet. Throws `EXISTS`. */
export function writeKeyFile(file: string, content: string | Uint8Array): void {
  checkKeyFilePlace(file)
  if (!createFile(file, content, 0o600)) {
    throw new VaultError("EXISTS", `${file} exists already, and keys are never overwritten`)
  }
}

function existingAncestor(folder: string): string {
  return existsSync(folder) ? folder : existingAncestor(dirname(folder))
}
