import { dirname, relative, resolve } from "node:path"
import { VaultError, findVault, shellWord } from "../../core/index.js"
import type { Call } from "../parse/call.js"

/** Git in a hint, where it names files of the vault from the folder that the vault lies in. */
const GIT_ON_FILES = /\bgit (?=(?:restore|log|add|rm) [^;]*-- \.agent-vault\b)/g

/** A hint whose lines find these files from where they are typed. No others ask where: it may be gone. */
export function fromHere(hint: string, { options }: Call, cwd: () => string): string {
  if (hint.search(GIT_ON_FILES) === -1) return hint
  const here = cwd()
  const folder = folderOfVault(
    resolve(here, typeof options["dir"] === "string" ? options["dir"] : ""),
  )
  const way = folder === undefined ? "" : relative(here, folder)
  return way === "" ? hint : hint.replaceAll(GIT_ON_FILES, `git -C ${shellWord(way)} `)
}

function folderOfVault(start: string): string | undefined {
  try {
    return dirname(findVault(start).root)
  } catch (error) {
    if (!VaultError.is(error)) throw error
    return undefined
  }
}
