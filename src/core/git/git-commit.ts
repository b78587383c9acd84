import { VaultError } from "../words/errors.js"
import { NOT_SYNCED, SCRATCH, data, fastImport } from "./fast-import.js"
import type { BlobId, Git, ObjectFolders } from "./git.js"
import type { Setting } from "./git-config.js"
import { blobId, commitOf } from "./git-objects.js"
import { keepingObjects } from "./new-objects.js"
import type { Wanted } from "./object-health.js"

/** In whose name commits are made, and how they are signed. */
export interface Authorship {
  /** As Git writes them into a commit: `Name <mail> 1700000000 +0000`. */
  readonly author: string
  readonly committer: string
  /** The arguments of `git` that name the user's own programs; undefined: unsigned. */
  readonly signing: readonly string[] | undefined
  /** Whether the repository's own configuration asks for a signature that is not made. */
  readonly isLeftUnsigned: boolean
}

/** What to say of a commit that is left unsigned. */
export const LEFT_UNSIGNED =
  "the commit is not signed: commit.gpgSign of a repository is not followed, since it names programs to run; to sign: git config --global commit.gpgSign true"

/** A commit to be made. */
interface NewCommit {
  readonly parent: string | undefined
  /** Of a merge: the other parent, and the tree to which `files` are changes; absent: `parent`'s. */
  readonly merged?: { readonly parent: string; readonly tree?: string } | undefined
  /** By path from the top: new bytes, a blob that Git has, or undefined for a file that goes. */
  readonly files: ReadonlyMap<string, Uint8Array | BlobId | undefined>
  readonly message: string
}

const TREE = "040000"

/** The user's own Git identity. Throws `GIT_FAILED` if there is none. */
export async function authorship(git: Git): Promise<Authorship> {
  const asking = identity(git, "GIT_COMMITTER_IDENT")
  const [committer, author] = await Promise.all([
    asking,
    isCommitterAuthor(git) ? asking : identity(git, "GIT_AUTHOR_IDENT"),
  ])
  const signing = signingArguments(git.configured)
  const isAsked = isTrue(git.configured.findLast(({ key }) => key === "commit.gpgsign")?.value)
  return { author, committer, signing, isLeftUnsigned: signing === undefined && isAsked }
}

/**
 * Writes a commit and all that is in it to the object store; no ref and no index knows of it yet.
 * When it returns, every new object is proven to be there, whole, and on the disk. The work does not
 * grow with the repository. Throws `GIT_FAILED`, `NO_ACCESS`.
 */
export function writeCommit(git: Git, by: Authorship, commit: NewCommit): Promise<string> {
  return keepingObjects(git, async (objects) => {
    const result = await makeCommit(git, by, commit, objects)
    return { result, wanted: await newObjects(git, result, commit, objects) }
  })
}

async function makeCommit(
  git: Git,
  by: Authorship,
  { parent, merged, files, message }: NewCommit,
  objects: ObjectFolders,
): Promise<string> {
  const stream = [
    `commit ${SCRATCH}\nmark :1\nauthor ${by.author}\ncommitter ${by.committer}\n`,
    ...data(Buffer.from(`${message}\n`)),
    ...(parent === undefined ? [] : [`from ${parent}\n`]),
    ...(merged === undefined ? [] : [`merge ${merged.parent}\n`]),
    ...(merged?.tree === undefined ? [] : [`M 040000 ${merged.tree} ""\n`]),
    ...[...files].flatMap(fileCommand),
    `\nget-mark :1\nreset ${SCRATCH}\n\n`,
  ]
  const commit = line(await fastImport(git, stream, objects))
  if (by.signing === undefined) return commit
  const parents = [parent, merged?.parent].flatMap((each) =>
    each === undefined ? [] : ["-p", each],
  )
  const args = [...NOT_SYNCED, ...by.signing, "commit-tree", "-S", `${commit}^{tree}`, ...parents]
  return line(await git.run(args, { input: `${message}\n`, objects }))
}

/** What a commit brings: each object after all that it names. */
async function newObjects(
  git: Git,
  commit: string,
  { parent, merged, files }: NewCommit,
  objects: ObjectFolders,
): Promise<Wanted[]> {
  const before = merged?.tree ?? parent
  const range = before === undefined ? ["--root", commit] : [before, `${commit}^{tree}`]
  const diff = ["diff-tree", "-r", "-t", "-z", "--no-renames", "--no-commit-id", "--raw", ...range]
  const changed = parseChanges(await git.run([...diff, "--no-abbrev"], { objects }))
  refuseOthers(git, changed, files)
  const contents = changed.map(({ path, id }) => ({ name: id, length: lengthIn(files, path) }))
  // Git names a folder before what is in it.
  const below = contents.filter(({ name }) => !/^0+$/.test(name)).toReversed()
  return [...below, { name: `${commit}^{tree}`, length: 0 }, { name: commit, length: 0 }]
}

interface ChangedPath {
  readonly path: string
  readonly id: string
  readonly isTree: boolean
}

/** `git diff-tree --raw -z`: `:MODE MODE ID ID STATUS`, NUL, path, NUL. */
function parseChanges(output: Buffer): ChangedPath[] {
  const parts = output.toString("utf8").split("\0")
  return parts.flatMap((part, index) => {
    const [, from, to, id] = /^:(\d{6}) (\d{6}) [0-9a-f]+ ([0-9a-f]+) [A-Z]/.exec(part) ?? []
    const path = parts[index + 1]
    if (id === undefined || path === undefined) return []
    return [{ path, id, isTree: from === TREE || to === TREE }]
  })
}

/** A commit that changes anything else than it was asked to is not made. */
function refuseOthers(
  { hash }: Git,
  changed: readonly ChangedPath[],
  files: NewCommit["files"],
): void {
  for (const { path, id } of changed.filter(({ isTree }) => !isTree)) {
    const content = files.get(path)
    const wanted = typeof content === "object" ? blobId(content, hash) : content
    if (files.has(path) && id === (wanted ?? "0".repeat(id.length))) continue
    throw new VaultError("GIT_FAILED", `git made a commit that changes ${path} otherwise`, {
      hint: "nothing was changed: repeat the command",
    })
  }
}

function lengthIn(files: NewCommit["files"], path: string): number {
  const content = files.get(path)
  return typeof content === "object" ? content.length : 0
}

/** Moves a ref, if it still is where it was. Throws `CONFLICT`. */
export async function moveRef(
  git: Git,
  ref: string,
  to: string,
  from: string | undefined,
  why: string,
): Promise<void> {
  const zero = "0".repeat(to.length)
  try {
    await git.run(["update-ref", "-m", why, "--no-deref", ref, to, from ?? zero])
  } catch (cause) {
    if ((await commitOf(git, ref)) === from) throw cause
    throw movedMeanwhile(ref, cause)
  }
}

/** Somebody else moved a branch that a change was made for. */
export function movedMeanwhile(ref: string, cause?: unknown): VaultError {
  const hint = "repeat the command"
  return new VaultError("CONFLICT", `${ref} moved while the change was made`, { hint, cause })
}

/** Whether nothing tells the two apart (git-commit(1), "Commit information"). */
function isCommitterAuthor({ env, configured }: Git): boolean {
  const isSet = configured.some(({ key }) => /^(author|committer)\./.test(key))
  const isSame = (what: string): boolean =>
    env[`GIT_AUTHOR_${what}`] === env[`GIT_COMMITTER_${what}`]
  return !isSet && ["NAME", "EMAIL", "DATE"].every(isSame)
}

async function identity(git: Git, variable: string): Promise<string> {
  try {
    return line(await git.run(["var", variable]))
  } catch (cause) {
    if (!VaultError.is(cause, "GIT_FAILED")) throw cause
    throw new VaultError("GIT_FAILED", "git does not know in whose name to commit", {
      hint: 'git config --global user.name "Your Name", and the same for user.email',
      cause,
    })
  }
}

/**
 * Only the user's own configuration may name a program to sign with: a repository may come from
 * anywhere, and names none.
 */
function signingArguments(all: readonly Setting[]): string[] | undefined {
  const own = new Map(all.filter(({ isOwn }) => isOwn).map(({ key, value }) => [key, value]))
  if (!isTrue(own.get("commit.gpgsign"))) return undefined
  const openpgp = own.get("gpg.openpgp.program") ?? own.get("gpg.program") ?? "gpg"
  const programs = {
    "gpg.format": own.get("gpg.format") ?? "openpgp",
    "gpg.program": openpgp,
    "gpg.openpgp.program": openpgp,
    "gpg.ssh.program": own.get("gpg.ssh.program") ?? "ssh-keygen",
    "gpg.ssh.defaultKeyCommand": own.get("gpg.ssh.defaultkeycommand") ?? "",
    "gpg.x509.program": own.get("gpg.x509.program") ?? "gpgsm",
  }
  return Object.entries(programs).flatMap(([key, value]) => ["-c", `${key}=${value}`])
}

/** As Git reads a boolean (git-config, "Values"). */
function isTrue(value = "false"): boolean {
  return ["true", "yes", "on", "1"].includes(value.toLowerCase())
}

function fileCommand([path, content]: readonly [string, Uint8Array | BlobId | undefined]) {
  const quoted = `"${path.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n")}"`
  if (content === undefined) return [`D ${quoted}\n`]
  if (typeof content === "string") return [`M 100644 ${content} ${quoted}\n`]
  return [`M 100644 inline ${quoted}\n`, ...data(content)]
}

function line(output: Buffer): string {
  return output.toString("utf8").trim()
}
