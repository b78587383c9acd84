import { isAbsolute } from "node:path"
import { lookAt, realPath } from "../disk/at-path.js"
import { fateOfMaker, nameByMaker } from "../disk/maker.js"
import { VaultError } from "../words/errors.js"
import { shellWord } from "../words/shell-word.js"
import type { Git } from "../git/git.js"
import { lockingFiles } from "../git/git-locks.js"
import { commitOf } from "../git/git-objects.js"
import { withoutPrograms } from "../git/git-programs.js"

/** A branch of a remote. */
export interface RemoteBranch {
  readonly remote: string
  /** What it is called there: `refs/heads/main`. */
  readonly ref: string
  /** What it is called here: `refs/remotes/origin/main`. */
  readonly tracked: string
  /** As people write it: `origin/main`. */
  readonly name: string
}

const FETCH = [
  "fetch",
  "--quiet",
  "--no-tags",
  "--no-recurse-submodules",
  "--no-auto-gc",
  "--no-write-commit-graph",
  // What is not verified yet gets no name that the user may merge; what they fetched keeps it.
  "--no-write-fetch-head",
  // The repository may name another one.
  "--upload-pack=git-upload-pack",
]

/**
 * The branch of a remote that a branch of this clone follows; of `remote`, if it is given, the one it
 * follows there, or the one of the same name. Throws `REPOSITORY_STATE` where there is none.
 */
export async function followed(git: Git, branch: string, remote?: string): Promise<RemoteBranch> {
  const format = "--format=%(upstream:remotename) %(upstream:remoteref) %(upstream)"
  const found = (await git.run(["for-each-ref", format, branch])).toString("utf8").trim()
  const [upstream = "", ref = "", tracked = ""] = found.split(" ")
  if (tracked !== "" && (remote === undefined || remote === upstream)) {
    return named({ remote: upstream, ref, tracked })
  }
  const remotes = (await git.run(["remote"])).toString("utf8").split("\n").filter(Boolean)
  if (remote === undefined) throw await followsNothing(git, branch, remotes)
  if (!remotes.includes(remote)) throw noRemote(remote, remotes)
  const short = branch.slice("refs/heads/".length)
  return named({ remote, ref: branch, tracked: `refs/remotes/${remote}/${short}` })
}

function named(branch: Omit<RemoteBranch, "name">): RemoteBranch {
  return { ...branch, name: branch.tracked.replace(/^refs\/(?:remotes|heads)\//, "") }
}

async function followsNothing(
  git: Git,
  branch: string,
  [first]: readonly string[],
): Promise<VaultError> {
  const short = branch.slice("refs/heads/".length)
  if (first === undefined) {
    return new VaultError("REPOSITORY_STATE", "this clone has no remote", {
      hint: "name the one that the team shares: git remote add origin URL; then: agent-vault sync --remote origin",
    })
  }
  const isThere = (await commitOf(git, `refs/remotes/${first}/${short}`)) !== undefined
  const typed = shellWord(first)
  const forGood = isThere
    ? `git branch --set-upstream-to=${shellWord(`${first}/${short}`)}`
    : `git push --set-upstream ${typed} ${shellWord(short)}`
  return new VaultError("REPOSITORY_STATE", `${short} follows no branch of a remote`, {
    hint: `agent-vault sync --remote ${typed}; or for good: ${forGood}`,
  })
}

function noRemote(remote: string, remotes: readonly string[]): VaultError {
  const hint =
    remotes.length === 0
      ? `git remote add ${shellWord(remote)} URL`
      : `there is ${remotes.join(", ")}; see: git remote -v`
  return new VaultError("REPOSITORY_STATE", `this clone has no remote ${remote}`, { hint })
}

/** Fetches a branch of a remote, as git does. Throws `GIT_FAILED`. */
export async function fetchBranch(git: Git, branch: RemoteBranch): Promise<void> {
  await fetchTo(git, branch, ["--", branch.remote, branch.ref])
}

/**
 * Fetches what a branch of a remote is at now, and leaves what this clone knows of the remote as it
 * is, until it is verified. Undefined if the remote has no such branch. Throws `GIT_FAILED`.
 */
export async function fetchAside(git: Git, branch: RemoteBranch): Promise<string | undefined> {
  await removeAbandonedRefs(git)
  const aside = nameByMaker(`${ASIDE}incoming-`)
  const into = ["--refmap=", "--", branch.remote, `+${branch.ref}:${aside}`]
  try {
    await fetchTo(git, branch, into)
    return await commitOf(git, aside)
  } catch (error) {
    if (VaultError.is(error) && /couldn't find remote ref/.test(saidBy(error))) return undefined
    throw error
  } finally {
    await forget(git, aside)
  }
}

/** Where a commit is fetched to before it is verified. */
const ASIDE = "refs/agent-vault/"

/** A killed command left what it fetched under a name that nobody looks for. */
async function removeAbandonedRefs(git: Git): Promise<void> {
  const found = await git.run(["for-each-ref", "--format=%(refname)", ASIDE])
  const refs = found.toString("utf8").split("\n")
  for (const ref of refs.filter((name) => fateOfMaker(name) === "gone")) await forget(git, ref)
}

/** A ref that cannot be removed changes no outcome: a later command removes it. */
async function forget(git: Git, ref: string): Promise<void> {
  try {
    await lockingFiles(git, ["packed-refs"], () => git.run(["update-ref", "-d", ref]))
  } catch (error) {
    if (!VaultError.is(error, "GIT_FAILED")) throw error
  }
}

async function fetchTo(
  git: Git,
  { remote, tracked, name }: RemoteBranch,
  what: readonly string[],
): Promise<void> {
  try {
    const args = [...withoutPrograms(git), ...FETCH, ...what]
    await lockingFiles(git, ["shallow", tracked], () => git.run(args, { network: true }))
  } catch (cause) {
    if (!VaultError.is(cause, "GIT_FAILED")) throw cause
    const isFull = /No space left on device|Disk quota exceeded/.test(saidBy(cause))
    throw new VaultError("GIT_FAILED", `${name} could not be fetched: ${cause.message}`, {
      hint: isFull
        ? "make room on the disk, then repeat the command"
        : `look at the address and the network: git remote -v; git fetch ${shellWord(remote)}`,
      cause: cause.cause,
    })
  }
}

/** Who pushes to a folder runs, as themselves, what the repository there names. */
const RECEIVE_QUIETLY =
  "git -c core.hooksPath=/dev/null -c core.alternateRefsCommand=true -c receive.autogc=false receive-pack"

/**
 * Whether a remote is a folder that may have come with this repository: in its work tree, or named by
 * the way from there (git-push, "GIT URLS").
 */
async function mayHaveComeAlong(git: Git, remote: string): Promise<boolean> {
  const found = await git.run(["remote", "get-url", "--push", "--all", "--", remote])
  const urls = found.toString("utf8").split("\n").filter(Boolean)
  const top = realPath(git.checkout.top)
  return urls.some((url) => {
    if (/^(?!file:)[a-z][a-z0-9+.-]*:\/\/|^(?!file:)[^/]+:/i.test(url)) return false
    const path = url.replace(/^file:\/\//i, "")
    if (!isAbsolute(path) || lookAt(path, "follow") === undefined) return true
    return `${realPath(path)}/`.startsWith(`${top}/`)
  })
}

/** What git printed, all of it. */
function saidBy(error: VaultError): string {
  return error.cause instanceof Error ? error.cause.message : error.message
}

/**
 * Pushes a commit to a branch of a remote, never by force. `outrun`: another push came first, and the
 * remote has something new. Throws `GIT_FAILED` for everything else that was refused.
 */
export async function pushCommit(
  git: Git,
  { remote, ref, tracked, name }: RemoteBranch,
  commit: string,
): Promise<"pushed" | "outrun"> {
  const receive = (await mayHaveComeAlong(git, remote)) ? RECEIVE_QUIETLY : "git-receive-pack"
  const push = ["push", "--quiet", `--receive-pack=${receive}`, "--no-follow-tags"]
  const only = ["--recurse-submodules=no", "--", remote, `${commit}:${ref}`]
  try {
    const args = [...withoutPrograms(git), ...push, ...only]
    await lockingFiles(git, [tracked], () => git.run(args, { network: true }))
    return "pushed"
  } catch (cause) {
    if (!VaultError.is(cause, "GIT_FAILED")) throw cause
    const said = saidBy(cause)
    if (/\((?:fetch first|non-fast-forward)\)|cannot lock ref|failed to update ref/.test(said)) {
      return "outrun"
    }
    throw refusedPush(remote, name, said, cause)
  }
}

function refusedPush(remote: string, name: string, said: string, cause: VaultError): VaultError {
  const isRefused = /\[(?:remote )?rejected\]/.test(said)
  if (!isRefused) {
    return new VaultError("GIT_FAILED", `it could not be pushed to ${name}: ${cause.message}`, {
      hint: `look at the address and your access: git remote -v; git push ${shellWord(remote)}`,
      cause,
    })
  }
  return new VaultError("GIT_FAILED", `${remote} refuses the push to ${name}: ${cause.message}`, {
    hint: "if the branch is protected, push to another and open a pull request: git push origin HEAD:refs/heads/vault-change",
    cause,
  })
}
