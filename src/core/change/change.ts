import { VaultError } from "../words/errors.js"
import { openGit } from "../git/git.js"
import { blobId, commitOf, committedFiles } from "../git/git-objects.js"
import { completeJournal } from "../commit/journal.js"
import { journalExists } from "../disk/journal-file.js"
import { SEALED_LIMIT, classify } from "../words/layout.js"
import { type Lock, withLock } from "../commit/lock.js"
import { type Checkout, type Place, findVault } from "../disk/place.js"
import { decodeRecord } from "../records/record.js"
import { type Observed, type Session, type SessionRequest, openSession } from "./session.js"
import { changeableBranch, commitChange } from "../commit/transaction.js"
import { type Vault, remember } from "../vault/vault.js"

/** Who changes which vault, and how. */
export interface ChangeRequest extends SessionRequest {
  readonly place: Place
  /** Computes everything and writes nothing. */
  readonly dryRun?: boolean | undefined
}

/** What a change did, or in a dry run would do. */
export interface Outcome<T> {
  readonly result: T
  /** The files of the vault that changed, relative to it, sorted. */
  readonly files: readonly string[]
  /** Absent when nothing changed, and in a dry run. */
  readonly commit?: string
}

/** What an operation hands back to be committed. */
export interface Work<T> {
  readonly result: T
  readonly message: string
}

const RETRIES = 10

/**
 * Runs one change of the vault as a transaction: lock, complete what an earlier command left,
 * verify, let `work` fill the draft, commit. If somebody else moved the branch meanwhile, all of
 * it is done again upon the new state. `wish` is a file whose uncommitted edit is part of it.
 */
export async function change<T>(
  request: ChangeRequest,
  work: (session: Session) => Promise<Work<T>>,
  wish?: string,
): Promise<Outcome<T>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await changeOnce(request, work, wish)
    } catch (error) {
      if (!VaultError.is(error, "CONFLICT") || attempt === RETRIES) throw error
    }
  }
}

function changeOnce<T>(
  request: ChangeRequest,
  work: (session: Session) => Promise<Work<T>>,
  wish: string | undefined,
): Promise<Outcome<T>> {
  if (request.dryRun === true) return dryRun(request, work, wish)
  const { checkout } = requireCheckout(request.place)
  changeableBranch(checkout)
  return withLock(checkout.gitFolder, (lock) => changeUnder(lock, request, work, wish))
}

async function changeUnder<T>(
  lock: Lock,
  request: ChangeRequest,
  work: (session: Session) => Promise<Work<T>>,
  wish: string | undefined,
): Promise<Outcome<T>> {
  const { place, checkout } = requireCheckout(request.place)
  const git = await openGit(checkout, request.env)
  await completeJournal(git)
  const { session, observed } = openSession(git, place, request)
  const { result, message } = await work(session)
  const files = await changedFiles(session, observed, wish)
  if (files.size === 0) return { result, files: [] }
  const above = (path: string): string => `${session.folder}/${path}`
  const commit = await commitChange(git, lock, {
    files: mapKeys(files, above),
    observed: mapKeys(observed, above),
    message: `agent-vault: ${message}`,
    folder: session.folder,
    ...(wish === undefined ? {} : { wish: above(wish) }),
  })
  rememberChanges(session.vault, files)
  return { result, files: [...files.keys()].sort(), commit }
}

async function dryRun<T>(
  request: ChangeRequest,
  work: (session: Session) => Promise<Work<T>>,
  wish: string | undefined,
): Promise<Outcome<T>> {
  const { place, checkout } = requireCheckout(request.place)
  changeableBranch(checkout)
  if (journalExists(place)) {
    throw new VaultError("BUSY", "an earlier change is not complete", {
      hint: "agent-vault repair",
    })
  }
  const git = await openGit(checkout, request.env)
  const { session, observed } = openSession(git, place, request)
  const { result } = await work(session)
  const files = await changedFiles(session, observed, wish)
  return { result, files: [...files.keys()].sort() }
}

/** The checkout around a vault, looked at again: its branch may have changed while we waited. */
function requireCheckout(before: Place): { place: Place; checkout: Checkout } {
  const place = findVault(before.root)
  if (place.checkout !== undefined) return { place, checkout: place.checkout }
  throw new VaultError("NO_REPOSITORY", `${place.root} lies in no Git work tree`, {
    hint: "a vault is changed in a clone of its repository; in a copy it can only be read",
  })
}

/** The files that differ from what is there; of the wish, from what is committed. */
async function changedFiles(
  session: Session,
  observed: Observed,
  wish: string | undefined,
): Promise<Map<string, Uint8Array | undefined>> {
  const { draft, git } = session
  const changed = [...draft.changes].filter(([path, bytes]) => {
    if (!observed.has(path)) draft.original(path, SEALED_LIMIT)
    return observed.get(path) !== (bytes && blobId(bytes, git.hash))
  })
  const files = new Map(changed)
  const edited = wish === undefined ? undefined : draft.read(wish, SEALED_LIMIT)
  if (wish !== undefined && edited !== undefined && !(await isCommitted(session, wish, edited))) {
    files.set(wish, edited)
  }
  return files
}

async function isCommitted(session: Session, path: string, bytes: Uint8Array): Promise<boolean> {
  const { git, folder } = session
  const { branch } = git.checkout
  const head = branch === undefined ? undefined : await commitOf(git, branch)
  const committed = await committedFiles(git, head, `${folder}/${path}`)
  return committed.get(`${folder}/${path}`) === blobId(bytes, git.hash)
}

/** After a rekey, older secrets are refused by the fingerprint of their key: only one needs a mark. */
function rememberChanges(vault: Vault, files: ReadonlyMap<string, Uint8Array | undefined>): void {
  const changed = [...files].map(([path, bytes]) => ({ path, bytes, is: classify(path).is }))
  const secrets = changed.filter(({ is }) => is === "secret").length
  for (const { path, bytes, is } of changed) {
    if (bytes === undefined) continue
    if (is === "group" || is === "agent" || (is === "secret" && secrets === 1)) {
      remember(vault, decodeRecord(is, path, bytes, vault.id))
    }
  }
}

function mapKeys<V>(map: ReadonlyMap<string, V>, rename: (key: string) => string): Map<string, V> {
  return new Map([...map].map(([key, value]) => [rename(key), value]))
}
