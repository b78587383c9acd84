import { VaultError } from "../words/errors.js"
import { checkoutAround, openGit } from "../git/git.js"
import { blobId, commitOf, committedFiles } from "../git/git-objects.js"
import { refuseIncomplete } from "../disk/journal-file.js"
import { classify } from "../words/layout.js"
import { clearWay } from "../commit/leftovers.js"
import type { OnNote } from "../words/note.js"
import { type Lock, withLock } from "../commit/lock.js"
import { attempted } from "../words/system-error.js"
import { type MaybeUnfinished, withUnfinished } from "../words/unfinished.js"
import { type Checkout, type Place, findVault } from "../disk/place.js"
import { decodeRecord } from "../records/record.js"
import { type Observed, type Session, type SessionRequest, openSession } from "./session.js"
import { type PlannedCommit, changeableBranch, commitChange } from "../commit/transaction.js"
import { rememberMade } from "../undone/made-here.js"
import { seeTracked } from "../undone/remote-branches.js"
import { acceptUndoneOr } from "../vault/accept-undone.js"
import { type Vault, remember, rememberOwners } from "../vault/vault.js"

/** Who changes which vault, and how. */
export interface ChangeRequest extends SessionRequest {
  readonly place: Place
  readonly onNote?: OnNote | undefined
}

/** What a change did, or in a dry run would do. */
export interface Outcome<T> extends MaybeUnfinished {
  readonly result: T
  /** The files of the vault that changed, relative to it, sorted. */
  readonly files: readonly string[]
  /** Absent when nothing changed, and in a dry run. */
  readonly commit?: string
  /** Whether there is a remote to share it by. */
  readonly hasRemote: boolean
}

/** Fills the draft of a session, and hands back what is to be committed. */
type Work<T> = (session: Session) => Promise<Done<T>>

/** What came of it. */
export interface Done<T> {
  readonly result: T
  /** The subject of the commit. */
  readonly message: string
  /** A file of the vault whose uncommitted edit by the user is part of the change. */
  readonly wish?: string
}

const RETRIES = 10

/**
 * Runs one change of the vault as a transaction. If somebody else moved the branch meanwhile, it
 * does everything again, on the new state. A dry run takes no lock, repairs nothing, and commits
 * nothing.
 * Throws `NO_REPOSITORY`, `REPOSITORY_STATE`, `LOCKED`, `BUSY`, `CONFLICT`, `VAULT_DIRTY`, what
 * {@link openSession} throws, and what `work` throws.
 */
export async function change<T>(request: ChangeRequest, work: Work<T>): Promise<Outcome<T>> {
  const { env, onNote } = request
  for (let left = RETRIES; ; left--) {
    try {
      if (request.dryRun === true) return await attempt(request, work)
      const { gitFolder } = changeableCheckout(request.place).checkout
      return await withLock(gitFolder, (lock) => attempt(request, work, lock))
    } catch (error) {
      if (left === 1) throw error
      if (VaultError.is(error, "CONFLICT")) continue
      await acceptUndoneOr(error, findVault(request.place.root), env, onNote)
    }
  }
}

/** One attempt, from the files to the commit; without a lock it is a dry run. */
async function attempt<T>(request: ChangeRequest, work: Work<T>, lock?: Lock): Promise<Outcome<T>> {
  const place = changeableCheckout(request.place)
  if (lock === undefined) refuseIncomplete(place)
  const git = await openGit(place.checkout, request.env)
  if (lock !== undefined) await clearWay(git)
  const { session, observed } = openSession(git, place, request)
  // Seen before the commit is there: whatever is published of it moves them from here.
  // Work that throws at once must not leave the other one without anybody who hears of its failure.
  const working = Promise.resolve(session).then(work)
  const [before, done] = await Promise.all([seeTracked(git), working])
  const files = await changedFiles(session, observed, done.wish)
  const { hasRemote } = git
  const outcome = { result: done.result, files: [...files.keys()].sort(), hasRemote }
  if (lock === undefined || files.size === 0) return outcome
  const planned = plannedCommit(session, files, observed, done)
  const made = await commitChange(git, lock, { ...planned, onNote: request.onNote })
  const unremembered = attempted(() => {
    rememberMade(session.vault.id, git.checkout, made.commit, before, request.env)
    rememberChanges(session.vault, files)
  })
  const { commit, unfinished = [] } = made
  return withUnfinished<Outcome<T>>({ ...outcome, commit }, ...unfinished, unremembered)
}

/**
 * The checkout around a vault, with a branch that can be changed now. It is looked at again under
 * the lock: the branch may have changed while we waited.
 */
function changeableCheckout(before: Place): Place & { readonly checkout: Checkout } {
  const place = findVault(before.root)
  const hint = "a vault is changed in a clone of its repository; in a copy it can only be read"
  const checkout = checkoutAround(place, hint)
  changeableBranch(checkout)
  return { ...place, checkout }
}

/** The files that differ from what is there; of the wish, from what is committed. */
async function changedFiles(
  session: Session,
  observed: Observed,
  wish: string | undefined,
): Promise<Map<string, Uint8Array | undefined>> {
  const { draft, git } = session
  const changed = [...draft.changes].filter(([path, bytes]) => {
    if (!observed.has(path)) draft.original(path)
    return observed.get(path) !== (bytes && blobId(bytes, git.hash))
  })
  const files = new Map(changed)
  if (wish === undefined) return files
  const edited = draft.read(wish)
  if (edited !== undefined && !(await isCommitted(session, wish, edited))) files.set(wish, edited)
  return files
}

async function isCommitted(session: Session, path: string, bytes: Uint8Array): Promise<boolean> {
  const { git, folder } = session
  const { branch } = git.checkout
  const head = branch === undefined ? undefined : await commitOf(git, branch)
  const committed = await committedFiles(git, head, `${folder}/${path}`)
  return committed.get(`${folder}/${path}`) === blobId(bytes, git.hash)
}

/** The same paths, from the top of the work tree. */
function plannedCommit(
  { folder }: Session,
  files: ReadonlyMap<string, Uint8Array | undefined>,
  observed: Observed,
  { message, wish }: Done<unknown>,
): PlannedCommit {
  const fromTop = (path: string): string => `${folder}/${path}`
  return {
    files: mapKeys(files, fromTop),
    observed: mapKeys(observed, fromTop),
    message: `agent-vault: ${message}`,
    folder,
    ...(wish === undefined ? {} : { wish: fromTop(wish) }),
  }
}

/** After a rekey, older secrets are refused by the fingerprint of their key: only one needs a mark. */
function rememberChanges(vault: Vault, files: ReadonlyMap<string, Uint8Array | undefined>): void {
  const changed = [...files].map(([path, bytes]) => ({ path, bytes, is: classify(path).is }))
  const secrets = changed.filter(({ is }) => is === "secret").length
  for (const { path, bytes, is } of changed) {
    if (bytes === undefined) continue
    if (is === "vault") {
      const record = decodeRecord(is, path, bytes, vault.id)
      rememberOwners({ ...vault, record, owners: record.owners })
    }
    if (is === "group" || is === "agent" || (is === "secret" && secrets === 1)) {
      remember(vault, decodeRecord(is, path, bytes, vault.id))
    }
  }
}

function mapKeys<V>(map: ReadonlyMap<string, V>, rename: (key: string) => string): Map<string, V> {
  return new Map([...map].map(([key, value]) => [rename(key), value]))
}
