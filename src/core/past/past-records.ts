import type { Environment } from "../disk/homes.js"
import { type Place, gitPath } from "../disk/place.js"
import { type Git, checkoutAround, openGit } from "../git/git.js"
import { readBlobs } from "../git/git-objects.js"
import { type SecretRecord, decodeRecord, digestOf } from "../records/record.js"
import { everyVerifier } from "../records/owners.js"
import type { Verifier } from "../records/signature.js"
import { type BlobChange, changesOf } from "../undone/blobs.js"
import type { Vault } from "../vault/vault.js"
import { classify, secretPath, secretRecordPath } from "../words/layout.js"
import type { SecretName } from "../words/names.js"
import { formerFolders } from "./former-folders.js"
import { VaultError } from "../words/errors.js"
import type { Progress } from "../words/progress.js"

/** A commit that changed the record of a secret, as Git has it. Nobody signs what Git says. */
interface PastCommit {
  readonly commit: string
  /** When it was made: UTC, `YYYY-MM-DDTHH:MM:SSZ`. */
  readonly at: string
  readonly author: string
}

/** A record of a secret as a commit brought it, or its end. */
export interface PastRecord {
  readonly by: PastCommit
  /** What the secret was called then. */
  readonly name: SecretName
  /** Where the vault lay then, from the top of the work tree. */
  readonly folder: string
  /** What an owner signed; undefined where the commit removed it, or no owner signed what it has. */
  readonly record: SecretRecord | undefined
  /** Of the bytes that the commit has; undefined where it removed them. */
  readonly digest: string | undefined
}

/** A vault, and where Git has it. */
export interface VaultInGit {
  readonly vault: Vault
  readonly git: Git
  /** The folder of the vault, from the top of the work tree. */
  readonly folder: string
}

/** A vault with the git of its repository. Throws `NO_REPOSITORY`. */
export async function vaultInGit(
  vault: Vault,
  place: Place,
  env: Environment,
): Promise<VaultInGit> {
  const checkout = checkoutAround(place, "the history of a vault is in a clone of its repository")
  const git = await openGit(checkout, env)
  return { vault, git, folder: gitPath(checkout, place.root) }
}

/**
 * Every record that a secret ever had on this branch, newest first, also under the names that it was
 * moved from, and where the vault lay before it was moved. Each is verified by the signature of whoever was an owner at any time.
 */
export async function pastRecords(
  where: VaultInGit,
  name: SecretName,
  onProgress?: Progress,
): Promise<PastRecord[]> {
  const folders = await formerFolders(where.git, where.folder)
  const found: PastRecord[] = []
  const seen = new Set<string>()
  let tip: string | undefined = "HEAD"
  let next: SecretName | undefined = name
  while (next !== undefined && tip !== undefined && !seen.has(next.full)) {
    seen.add(next.full)
    const own: PastRecord[] = await recordsAt(where, folders, { name: next, tip }, onProgress)
    for (const each of own) found.push(each)
    const first: PastRecord | undefined = own.at(-1)
    next = first?.record === undefined ? undefined : await movedFrom(where.git, first)
    tip = first === undefined ? undefined : `${first.by.commit}^`
  }
  return found
}

/** The blob of a secret's value in a commit. */
export async function sealedIn(
  { git }: VaultInGit,
  { by, name, folder }: PastRecord,
): Promise<Uint8Array | undefined> {
  return fileIn(git, by.commit, `${folder}/${secretPath(name)}`)
}

/** A file of a commit; undefined where it has none, or Git has lost it. */
export async function fileIn(
  git: Git,
  commit: string,
  path: string,
): Promise<Uint8Array | undefined> {
  const listing = await git.run(["ls-tree", "-z", "--full-tree", commit, "--", path])
  const [, blob] = /^\d+ blob (\w+)\t/.exec(listing.toString("utf8")) ?? []
  if (blob === undefined) return undefined
  const [bytes] = await readBlobs(git, [blob])
  return bytes
}

async function recordsAt(
  { vault, git }: VaultInGit,
  folders: readonly string[],
  { name, tip }: { readonly name: SecretName; readonly tip: string },
  onProgress?: Progress,
): Promise<PastRecord[]> {
  const path = secretRecordPath(name)
  const files = folders.map((folder) => `${folder}/${path}`)
  const commits = await commitsOf(git, tip, files)
  const changes = new Map<string, readonly FolderChange[]>()
  const ids = commits.map(({ commit }) => commit)
  for (const [index, folder] of folders.entries()) {
    const file = files[index] ?? ""
    for (const change of (await changesOf(git, ids, file, "all")).get(file) ?? []) {
      changes.set(change.commit, [...(changes.get(change.commit) ?? []), { ...change, folder }])
    }
  }
  const told = commits.flatMap((by) => {
    return withoutMoves(changes.get(by.commit) ?? []).map((change) => ({ by, change }))
  })
  const contents = await contentsOf(
    git,
    told.map(({ change }) => change),
  )
  // Signatures of removed owners were good once, and this is the past.
  const verifiers = everyVerifier(vault.record)
  return told.map(({ by, change: { after, folder } }, index) => {
    onProgress?.(index + 1, told.length, "verifying secret records")
    const bytes = contents.get(after ?? "")
    const record = bytes && verified(vault, path, bytes, verifiers)
    return { by, name, folder, record, digest: bytes && digestOf(bytes) }
  })
}

interface FolderChange extends BlobChange {
  readonly folder: string
}

/** What a commit did to a record, but for moving it with its vault from one folder to another. */
function withoutMoves(changes: readonly FolderChange[]): readonly FolderChange[] {
  const left = changes.flatMap(({ before, after }) => (after === undefined ? [before] : []))
  const came = changes.filter(({ after }) => after !== undefined)
  if (left.length === 0 || came.length === 0) return changes
  return came.filter(({ before, after }) => before !== undefined || !left.includes(after))
}

/** The commits that may have changed some files, newest first. */
async function commitsOf(git: Git, tip: string, paths: readonly string[]): Promise<PastCommit[]> {
  const walk = ["rev-list", "--full-history", "--topo-order", "--format=%at %an <%ae>"]
  const printed = (await git.run([...walk, tip, "--", ...paths])).toString("utf8")
  return printed
    .split(/^commit (?=[0-9a-f]{40,64}$)/m)
    .filter(Boolean)
    .map((entry) => {
      const [commit = "", said = ""] = entry.split("\n")
      const [, seconds = "0", author = ""] = /^(\d+) (.*)$/.exec(said) ?? []
      const at = `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}Z`
      return { commit, at, author }
    })
}

async function contentsOf(
  git: Git,
  changes: readonly BlobChange[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const blobs = [...new Set(changes.flatMap(({ after }) => after ?? []))]
  const contents = await readBlobs(git, blobs)
  return new Map(blobs.map((blob, index) => [blob, contents[index] ?? new Uint8Array()]))
}

function verified(
  vault: Vault,
  path: string,
  bytes: Uint8Array,
  owners: ReadonlyMap<string, Verifier>,
): SecretRecord | undefined {
  try {
    return decodeRecord("secret", path, bytes, vault.id, owners)
  } catch (error) {
    if (error instanceof VaultError) return undefined
    throw error
  }
}

/** The name that a secret had before its first record here: that record names what it replaced. */
async function movedFrom(
  git: Git,
  { by, record, folder }: PastRecord,
): Promise<SecretName | undefined> {
  const previous = record?.previous
  if (previous === undefined) return undefined
  const changes = await changesOf(git, [by.commit], `${folder}/secrets`)
  for (const [path, [change]] of changes) {
    if (change?.before === undefined || change.after !== undefined) continue
    const file = classify(path.slice(folder.length + 1))
    if (file.is !== "secret") continue
    const [bytes] = await readBlobs(git, [change.before])
    if (bytes !== undefined && digestOf(bytes) === previous) return file.secret
  }
  return undefined
}
