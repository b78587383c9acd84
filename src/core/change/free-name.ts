import { VaultError } from "../words/errors.js"
import { type SecretName, foldedCollision } from "../words/names.js"
import { listGroups, listSecrets } from "../vault/vault.js"
import type { Session } from "./session.js"

/** The same for the name of a group. Throws `NAME_INVALID`. */
export function refuseGroupCollision({ vault }: Session, group: string): void {
  const other = foldedCollision(group, listGroups(vault))
  if (other !== undefined) throw differOnlyInCase(group, other)
}

/** Refuses names that a file system may take for one that is taken. Throws `NAME_INVALID`. */
export function refuseCollisions({ vault }: Session, names: readonly SecretName[]): void {
  const taken = listSecrets(vault).map(({ full }) => full)
  const groups = listGroups(vault)
  for (const name of names) {
    const other = foldedCollision(name.full, taken) ?? foldedCollision(name.group, groups)
    if (other !== undefined) throw differOnlyInCase(name.full, other)
  }
}

function differOnlyInCase(name: string, taken: string): VaultError {
  return new VaultError("NAME_INVALID", `${collision(name, taken)} differ only in case`, {
    hint: "on many disks they would be one file: choose another name",
  })
}

/** What it is of two names that differs only in case: the groups, folders, or secrets themselves. */
function collision(name: string, taken: string): string {
  const [own, other] = [name.split("/"), taken.split("/")]
  const length = own.findIndex((segment, at) => segment !== other[at]) + 1
  const [one, two] = [own, other].map((each) => each.slice(0, length).join("/"))
  return `${length === 1 ? "the groups " : ""}${one} and ${two}`
}
