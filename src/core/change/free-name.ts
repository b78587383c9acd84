import { VaultError } from "../words/errors.js"
import type { SecretName } from "../words/names.js"
import { listGroups, listSecrets } from "../vault/vault.js"
import type { Session } from "./session.js"

/**
 * Refuses names that a file system may take for one that is taken, or for one of each other. Throws
 * `NAME_INVALID`.
 */
export function refuseCollisions({ vault }: Session, names: readonly SecretName[]): void {
  const taken = new Map<string, string>()
  const take = (name: string): void => {
    for (const folder of foldersOf(name)) taken.set(folder.toLowerCase(), folder)
  }
  for (const group of listGroups(vault)) take(group)
  for (const { full } of listSecrets(vault)) take(full)
  for (const { full } of names) {
    for (const folder of foldersOf(full)) {
      const other = taken.get(folder.toLowerCase())
      if (other !== undefined && other !== folder) throw differOnlyInCase(full, other)
    }
    take(full)
  }
}

/** The same for the name of a group. Throws `NAME_INVALID`. */
export function refuseGroupCollision({ vault }: Session, group: string): void {
  const other = listGroups(vault).find((each) => each.toLowerCase() === group.toLowerCase())
  if (other !== undefined && other !== group) throw differOnlyInCase(group, other)
}

/** `a`, `a/b` and `a/b/c` of `a/b/c`. */
function foldersOf(name: string): string[] {
  const segments = name.split("/")
  return segments.map((_segment, at) => segments.slice(0, at + 1).join("/"))
}

function differOnlyInCase(name: string, taken: string): VaultError {
  const length = taken.split("/").length
  const own = name.split("/").slice(0, length).join("/")
  const what = length === 1 ? `the groups ${own} and ${taken}` : `${own} and ${taken}`
  return new VaultError("NAME_INVALID", `${what} differ only in case`, {
    hint: "on many disks they would be one file: choose another name",
  })
}
