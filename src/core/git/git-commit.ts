import { VaultError } from "../words/errors.js"
import type { BlobId, Git } from "./git.js"
import { type Setting, settings } from "./git-config.js"
import { commitOf } from "./git-objects.js"

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
export interface NewCommit {
  readonly parent: string | undefined
  /** By path from the top: new bytes, a blob that Git has, or undefined for a file that goes. */
  readonly files: ReadonlyMap<string, Uint8Array | BlobId | undefined>
  readonly message: string
}

/** Never made: fast-import wants to name what it builds upon, and forgets it at the reset. */
const SCRATCH = "refs/agent-vault/change"

/** The user's own Git identity. Throws `GIT_FAILED` if there is none. */
export async function authorship(git: Git): Promise<Authorship> {
  const [author, committer, all] = await Promise.all([
    identity(git, "GIT_AUTHOR_IDENT"),
    identity(git, "GIT_COMMITTER_IDENT"),
    settings(git),
  ])
  const signing = signingArguments(all)
  const isAsked = isTrue(all.findLast(({ key }) => key === "commit.gpgsign")?.value)
  return { author, committer, signing, isLeftUnsigned: signing === undefined && isAsked }
}

/**
 * Writes a commit and all that is in it to the object store; no ref and no index knows of it yet.
 * One process, whose work does not grow with the repository.
 */
export async function writeCommit(
  git: Git,
  by: Authorship,
  { parent, files, message }: NewCommit,
): Promise<string> {
  const stream = [
    `commit ${SCRATCH}\nmark :1\nauthor ${by.author}\ncommitter ${by.committer}\n`,
    ...data(Buffer.from(`${message}\n`)),
    ...(parent === undefined ? [] : [`from ${parent}\n`]),
    ...[...files].flatMap(fileCommand),
    `\nget-mark :1\nreset ${SCRATCH}\n\ndone\n`,
  ]
  const input = Buffer.concat(
    stream.map((part) => (typeof part === "string" ? Buffer.from(part) : part)),
  )
  const commit = line(await git.run(["fast-import", "--quiet", "--done"], { input }))
  if (by.signing === undefined) return commit
  const parents = parent === undefined ? [] : ["-p", parent]
  const args = [...by.signing, "commit-tree", "-S", `${commit}^{tree}`, ...parents]
  return line(await git.run(args, { input: `${message}\n` }))
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

function data(bytes: Uint8Array): (Uint8Array | string)[] {
  return [`data ${bytes.length}\n`, bytes, "\n"]
}

function line(output: Buffer): string {
  return output.toString("utf8").trim()
}
