import { join } from "node:path"
import { lookAt } from "./at-path.js"
import { refInTables } from "./ref-tables.js"

/** How Git brings two states together in a work tree. */
export type Mixing = "merge" | "am" | "rebase" | "cherry-pick" | "revert"

/** What Git keeps in the folder of a work tree meanwhile. */
const MIXING: Readonly<Record<string, Mixing>> = {
  MERGE_HEAD: "merge",
  // Before the folder that a rebase has, too.
  "rebase-apply/applying": "am",
  "rebase-merge": "rebase",
  "rebase-apply": "rebase",
  CHERRY_PICK_HEAD: "cherry-pick",
  REVERT_HEAD: "revert",
}
const IN_PROGRESS: Readonly<Record<string, Mixing | "bisect">> = { ...MIXING, BISECT_LOG: "bisect" }

/** What is half done in a work tree, in words; undefined if nothing is. */
export function inProgress(gitFolder: string): string | undefined {
  const what = firstOf(gitFolder, IN_PROGRESS)
  if (what === undefined) return undefined
  return what === "am" ? "an am" : `a ${what}`
}

/** How two states are being brought together in a work tree; undefined if they are not. */
export function mixing(gitFolder: string): Mixing | undefined {
  return firstOf(gitFolder, MIXING)
}

/** Whether a work tree may hold what is no state of its branch yet, and may never be one. */
export function isMixing(gitFolder: string): boolean {
  return mixing(gitFolder) !== undefined
}

function firstOf<T>(gitFolder: string, table: Readonly<Record<string, T>>): T | undefined {
  const [, what] = Object.entries(table).find(([name]) => hasNoted(gitFolder, name)) ?? []
  return what
}

/** Whether Git has noted a name in the folder of a work tree: as a file, or as a ref in tables. */
export function hasNoted(gitFolder: string, name: string): boolean {
  if (lookAt(join(gitFolder, name)) !== undefined) return true
  return name.endsWith("_HEAD") && refInTables(gitFolder, name) !== undefined
}
