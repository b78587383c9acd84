import type { RunGit } from "./git.js"
import { VaultError } from "../words/errors.js"

/** One setting of Git, and whether the user or system made it, or the repository has it. */
export interface Setting {
  readonly key: string
  readonly value: string
  readonly isOwn: boolean
}

/** All settings, as Git would read them, in the order in which the last one wins. */
export async function settings({ run }: { readonly run: RunGit }): Promise<Setting[]> {
  const listing = await run(["config", "--list", "--show-scope", "-z"])
  const fields = listing.toString("utf8").split("\0")
  const found: Setting[] = []
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [, key = "", value = "true"] = /^([^\n]*)(?:\n(.*))?$/s.exec(fields[at + 1] ?? "") ?? []
    found.push({ key, value, isOwn: fields[at] === "global" || fields[at] === "system" })
  }
  return found
}

/** What stands in a text for bytes that are no UTF-8. */
const NO_TEXT = "\uFFFD"

/**
 * The key of a setting as `git -c` can set it. What follows a `=` would be the value, and no argument
 * has bytes that are no UTF-8, so nobody can switch off a setting with either in its name. Throws
 * `REPOSITORY_STATE`.
 */
export function settable(key: string): string {
  const inTheWay = key.includes("=") ? 'a "="' : "bytes that are no UTF-8"
  if (!key.includes("=") && !key.includes(NO_TEXT)) return key
  throw new VaultError(
    "REPOSITORY_STATE",
    `the setting ${key} of Git's has ${inTheWay} in its name`,
    {
      hint: "find it: git config --list --show-origin; give it another name, or remove it",
    },
  )
}
