import { randomBytes } from "node:crypto"
import { unlocker } from "../age/age.js"
import { readyGroup } from "../change/ready-group.js"
import type { Session } from "../change/session.js"
import { SecretStore } from "../change/store-secret.js"
import { inFile, openGroupKey, readSigned } from "../vault/group-key.js"
import { readersOfGroup } from "../vault/group-readers.js"
import { findGroup, getSecret, listSecrets } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { secretPath } from "../words/layout.js"
import { type SecretName, parseSecretName } from "../words/names.js"
import {
  type CanaryNote,
  NOTES_GROUP,
  NOTE_BYTES,
  decodeNote,
  encodeNote,
  isNote,
} from "../records/canary.js"

/**
 * The notes of an owner at work, by the names of their secrets. They do not leave the change, so
 * that they are not in the audit.
 */
export async function notesOf(session: Session): Promise<ReadonlyMap<string, CanaryNote>> {
  const { vault, identity } = session
  const group = findGroup(vault, NOTES_GROUP)
  const names = listSecrets(vault, NOTES_GROUP).filter(isNote)
  if (group === undefined || names.length === 0) return new Map()
  const unlock = unlocker([await openGroupKey(vault, NOTES_GROUP, group, [identity])])
  const open = async (name: SecretName): Promise<[string, CanaryNote]> => {
    const path = secretPath(name)
    const sealed = readSigned(vault, path, getSecret(vault, name).digest)
    return [name.full, decodeNote(name, await inFile(path, unlock(sealed)))]
  }
  return new Map(await Promise.all(names.map(open)))
}

/**
 * Stores notes, new ones under random names. Throws `PENDING`, and `USAGE` where an agent opens their
 * group: it would learn what is a canary.
 */
export async function putNotes(
  session: Session,
  notes: readonly { readonly name?: string; readonly note: CanaryNote }[],
): Promise<void> {
  const { record } = await readyGroup(session, NOTES_GROUP)
  refuseReaders(readersOfGroup(record).map(({ agent }) => agent))
  const named = notes.map(({ name, note }) => ({ name: parseSecretName(name ?? newName()), note }))
  const store = await SecretStore.for(
    session,
    record,
    named.map(({ name }) => name),
  )
  for (const { name, note } of named) await store.put(name, encodeNote(note), {})
}

function refuseReaders(readers: readonly string[]): void {
  const [agent] = readers
  if (agent === undefined) return
  throw new VaultError(
    "USAGE",
    `${agent} opens ${NOTES_GROUP}, where owners note which secrets are canaries`,
    { hint: `take it back first: agent-vault revoke ${agent} ${NOTES_GROUP}` },
  )
}

function newName(): string {
  return `${NOTES_GROUP}/note-${randomBytes(NOTE_BYTES).toString("hex")}`
}
