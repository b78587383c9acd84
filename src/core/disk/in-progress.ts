import { join } from "node:path"
import { lookAt } from "./at-path.js"

/** What Git keeps in the folder of a work tree while it brings two states together there. */
const MIXING: Readonly<Record<string, string>> = {
  MERGE_HEAD: "a merge",
  "rebase-merge": "a rebase",
  "rebase-apply": "a rebase",
  CHERRY_PICK_HEAD: "a cherry-pick",
  REVERT_HEAD: "a revert",
}
const IN_PROGRESS = { ...MIXING, BISECT_LOG: "a bisect" }

/** What is half done in a work tree, in words; undefined if nothing is. */
export function inProgress(gitFolder: string): string | undefined {
  return firstOf(gitFolder, IN_PROGRESS)
}

/** Whether a work tree may hold what is no state of its branch yet, and may never be one. */
export function isMixing(gitFolder: string): boolean {
  return firstOf(gitFolder, MIXING) !== undefined
}

function firstOf(gitFolder: string, table: Readonly<Record<string, string>>): string | undefined {
  const [, what] =
    Object.entries(table).find(([file]) => lookAt(join(gitFolder, file)) !== undefined) ?? []
  return what
}
