import { pathsOf } from "../words/unit.js"
import { secretRecordPath } from "../words/layout.js"
import { type SecretName, parseSecretName } from "../words/names.js"
import { type Exposed, stillExposed } from "../vault/exposed.js"
import { getGroup, getSecret, listSecrets } from "../vault/vault.js"
import { type ChangeRequest, type Outcome, change } from "./change.js"
import { type GroupReader, readersOfGroup } from "../vault/group-readers.js"
import type { Session } from "./session.js"

/** A secret that was removed, and who can still read its values in Git's history. */
export interface RemovedSecret {
  readonly name: string
  /** The last of its values. */
  readonly version: number
  /** The agents that open its group. The owners can as well. */
  readonly readers: readonly GroupReader[]
  /** Who could read the last value before, and might not any more. */
  readonly exposed?: readonly Exposed[]
}

/** What was removed. */
export interface Removal {
  readonly removed: readonly RemovedSecret[]
  /** The groups that have no secret any more. */
  readonly emptied: readonly string[]
}

/** Removes secrets. Their values stay in Git's history. Throws `SECRET_NOT_FOUND`. */
export function removeSecrets(
  request: ChangeRequest & { readonly names: readonly string[] },
): Promise<Outcome<Removal>> {
  const names = [...new Set(request.names)].map(parseSecretName)
  return change(request, (session) => {
    const removed = names.map((name) => removeSecret(session, name))
    const groups = [...new Set(names.map(({ group }) => group))]
    const emptied = groups.filter((group) => listSecrets(session.vault, group).length === 0)
    return Promise.resolve({ result: { removed, emptied }, message: `rm ${listed(names)}` })
  })
}

/** Takes a secret out of the draft. */
export function removeSecret(session: Session, name: SecretName): RemovedSecret {
  const record = getSecret(session.vault, name)
  const exposed = stillExposed(session.vault, name, record)
  const readers = readersOfGroup(getGroup(session.vault, name.group))
  for (const path of pathsOf(secretRecordPath(name))) session.draft.remove(path)
  const { version } = record
  return { name: name.full, version, readers, ...(exposed.length === 0 ? {} : { exposed }) }
}

const SHOWN = 5

function listed(names: readonly SecretName[]): string {
  const shown = names.slice(0, SHOWN).map(({ full }) => full)
  const more = names.length - shown.length
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`
}
