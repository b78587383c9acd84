import { type ChangeRequest, type Outcome, change } from "../change/change.js"
import { planEdit } from "../change/draft-plan.js"
import { executePlan } from "../change/execute-plan.js"
import { dropGroup } from "../change/groups.js"
import { removeSecret } from "../change/remove-secrets.js"
import type { Session } from "../change/session.js"
import { findGroup, findSecret, listSecrets } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { type SecretName, parseSecretName } from "../words/names.js"
import { utc } from "../words/time.js"
import { type Canary, type CanaryNote, isPlaced } from "../records/canary.js"
import { notesOf, putNotes } from "./canary-notes.js"

/** Canaries that were taken out of the vault. */
interface RemovedCanaries {
  readonly removed: readonly Canary[]
  /** The groups that went with them. */
  readonly groups: readonly string[]
}

/**
 * Takes canaries out of the vault, with the group of each unless something else is in it. Their notes
 * stay: what leaked before is still recognised. Throws `SECRET_NOT_FOUND` for what is no canary,
 * and `USAGE` for one that was given another value.
 */
export function removeCanaries(
  request: ChangeRequest & { readonly names: readonly string[] },
): Promise<Outcome<RemovedCanaries>> {
  const names = [...new Set(request.names)].map((name) => parseSecretName(name).full)
  return change(request, async (session) => {
    session.requirePerson("take canaries out of the vault")
    const notes = [...(await notesOf(session))].filter(([, { removed }]) => removed === undefined)
    const ended = names.flatMap((name) =>
      notesFor(notes, name).map(([note, canary]) => {
        return { name: note, note: { ...canary, removed: utc(session.now) } }
      }),
    )
    const groups: string[] = []
    for (const name of names.map(parseSecretName)) {
      const own = ended.map(({ note }) => note).filter(({ secret }) => secret === name.full)
      const isEmptied = await takeOut(session, name, own)
      if (isEmptied) groups.push(name.group)
    }
    await putNotes(session, ended)
    const removed = ended.map(({ note: { value: _value, ...canary } }) => canary)
    return { result: { removed, groups }, message: `rm ${names.join(", ")}` }
  })
}

/** Mostly one; the others are of secrets of that name which somebody removed by `rm`. */
function notesFor(
  notes: readonly (readonly [string, CanaryNote])[],
  secret: string,
): readonly (readonly [string, CanaryNote])[] {
  const found = notes.filter(([, note]) => note.secret === secret)
  if (found.length > 0) return found
  throw new VaultError("SECRET_NOT_FOUND", `${secret} is not a canary`, {
    hint: "see them: agent-vault canary list",
  })
}

/** Takes a canary out of the draft, and says whether its group went too: it may hold more. */
async function takeOut(
  session: Session,
  name: SecretName,
  notes: readonly CanaryNote[],
): Promise<boolean> {
  const record = findSecret(session.vault, name)
  if (record !== undefined) {
    refuseOther(
      name,
      notes.some((note) => isPlaced(note, record)),
    )
    removeSecret(session, name)
  }
  const { group } = name
  if (findGroup(session.vault, group) === undefined) return false
  if (listSecrets(session.vault, group).length > 0) return false
  await executePlan(
    session,
    planEdit(session, () => dropGroup(session, group), [group]),
  )
  return true
}

/** What an owner has set since is a secret of theirs. */
function refuseOther({ full }: SecretName, isIts: boolean): void {
  if (isIts) return
  throw new VaultError("USAGE", `${full} got another value, and is not a canary any more`, {
    hint: `if it is not needed: agent-vault rm ${full}`,
  })
}
