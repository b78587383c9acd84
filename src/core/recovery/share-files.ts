import { join } from "node:path"
import { readRegularFile, removeFile } from "../disk/files.js"
import { writeKeyFile } from "../keys/kept-key-files.js"
import { VaultError } from "../words/errors.js"
import { LIMITS } from "../words/limits.js"
import { attempted } from "../words/system-error.js"
import { type Share, formatShare, sharesIn } from "./share.js"

/**
 * Writes each share to a file of its own, for its user alone, outside of every work tree: all of them
 * or none. Returns their paths. Throws `EXISTS`, `KEY_UNSAFE`, `NO_ACCESS`.
 */
export function writeShares(folder: string, shares: readonly Share[]): string[] {
  const written: string[] = []
  try {
    for (const share of shares) {
      const file = join(folder, `${share.owner}-${share.set}-${share.holder}.share`)
      writeKeyFile(file, sheetOf(share))
      written.push(file)
    }
    return written
  } catch (error) {
    for (const file of written) attempted(() => removeFile(file))
    throw error
  }
}

/** A share, with what its holder has to know. */
export function sheetOf(share: Share): string {
  return [
    `# agent-vault: the share of ${share.holder}. Any ${share.threshold} of ${share.count} give the key of ${share.owner}.`,
    "# Keep it secret, on paper or offline, and apart from the others.",
    formatShare(share),
    "",
  ].join("\n")
}

/** The shares in a file that somebody named. Throws `KEY_NOT_FOUND`, `SHARES_INVALID`. */
export function readShares(file: string): Share[] {
  const bytes = readRegularFile(file, LIMITS.keyFile, file, "follow")
  if (bytes !== undefined) return sharesIn(Buffer.from(bytes).toString("utf8"), file)
  throw new VaultError("KEY_NOT_FOUND", `there is no file ${file}`, {
    hint: "give the paths of files with shares, or none to be asked for them",
  })
}
