import { findVault, gitPath, type Place } from "../disk/place.js"
import type { Environment } from "../disk/homes.js"
import { type Git, openGit } from "../git/git.js"
import { namesIn } from "../vault/listing.js"
import { harmless } from "../words/harmless.js"
import { LIMITS } from "../words/limits.js"
import { utc } from "../words/time.js"
import { VaultError } from "../words/errors.js"
import { WISH_BRANCHES, manifestAt } from "./wish-branch.js"

/** A wish on a branch of its own that is not in the manifest that is checked out. */
export interface WaitingWish {
  /** As Git takes it: `origin/agent-vault/request/access/ci/stripe`. */
  readonly branch: string
  /** What its commit says, on one line, in text that no terminal obeys: `ci asks for stripe`. */
  readonly what: string
  /** `GROUP/NAME` of the secret that is asked for; absent where it is access, or the name was long. */
  readonly secret?: string
  /** When its commit was made, as Git says it: UTC, `YYYY-MM-DDTHH:MM:SSZ`. */
  readonly at: string
}

/** A branch of this clone, or one that it knows of a remote. */
interface WishingBranch extends WaitingWish {
  readonly commit: string
}

const FORMAT = "%(refname)%00%(objectname)%00%(committerdate:unix)%00%(contents:subject)"
/** Whoever can push names branches: another one is none of ours, and might not be typed safely. */
const REF = new RegExp(
  `^refs/(?:heads/|remotes/([\\w.-]+)/)${WISH_BRANCHES}((?:in-[\\w.+-]+/)?(access|secret)/[\\w.+-]+/([\\w.+-]+))$`,
)
/** Where such branches are: a kind, an agent and a name below, or below a vault's folder. */
const PLACES = ["*/*/*", "*/*/*/*"].flatMap((below) => [
  `refs/heads/${WISH_BRANCHES}${below}`,
  `refs/remotes/*/${WISH_BRANCHES}${below}`,
])
const SUBJECT = "agent-vault: "
/** Whoever can push can push many. */
const LOOKED_AT = 50

/**
 * What agents asked of owners and nobody has decided, as far as this clone knows, the oldest first. Of
 * a wish that is here and at a remote, the branch here. A wish that was taken over in another way, by a
 * squash say, does not wait. The newest 50 branches are looked at. Empty where there is no Git, or
 * nothing is committed.
 */
export async function waitingWishes(
  place: Place,
  env: Environment,
): Promise<readonly WaitingWish[]> {
  const { checkout, root } = findVault(place.root)
  if (checkout === undefined) return []
  try {
    const git = await openGit(checkout, env)
    const folder = gitPath(checkout, root)
    const waiting: WaitingWish[] = []
    const there = new Set(namesIn(place).secrets)
    const branches = await branchesOf(git)
    const now = branches.length === 0 ? [] : await linesAt(git, "HEAD", folder)
    for (const { commit, ...wish } of branches) {
      if (there.has(wish.secret ?? "")) continue
      if (await isWaiting(git, commit, folder, now)) waiting.push(wish)
    }
    return waiting.sort((one, other) => (one.at < other.at ? -1 : 1))
  } catch (error) {
    if (VaultError.is(error)) return []
    throw error
  }
}

/** The branches with wishes that the commit that is checked out does not have in it. */
async function branchesOf(git: Git): Promise<readonly WishingBranch[]> {
  const which = ["--no-merged=HEAD", "--sort=-committerdate", `--count=${LOOKED_AT}`]
  const listed = await git.run(["for-each-ref", ...which, `--format=${FORMAT}`, ...PLACES])
  const branches = new Map<string, WishingBranch>()
  for (const line of listed.toString("utf8").split("\n")) {
    const [ref = "", commit = "", seconds = "", subject = ""] = line.split("\0")
    const [, remote, path, kind, names = ""] = REF.exec(ref) ?? []
    if (path === undefined || (remote !== undefined && branches.has(path))) continue
    const branch = `${remote === undefined ? "" : `${remote}/`}${WISH_BRANCHES}${path}`
    const said = subject.startsWith(SUBJECT) ? subject.slice(SUBJECT.length) : subject
    const at = utc(new Date(Number(seconds) * 1000))
    const secret = kind === "secret" ? { secret: names.replaceAll("+", "/") } : {}
    branches.set(path, {
      branch,
      what: harmless(said.slice(0, LIMITS.note)),
      at,
      ...secret,
      commit,
    })
  }
  return [...branches.values()]
}

/**
 * Whether a branch has lines of the manifest that neither its past nor `now` has. What has no past or
 * manifest in common is no wish.
 */
async function isWaiting(
  git: Git,
  commit: string,
  folder: string,
  now: readonly string[],
): Promise<boolean> {
  try {
    const base = (await git.run(["merge-base", "HEAD", commit])).toString("utf8").trim()
    const known = new Set([...now, ...(await linesAt(git, base, folder))])
    return (await linesAt(git, commit, folder)).some((line) => !known.has(line))
  } catch (error) {
    if (VaultError.is(error)) return false
    throw error
  }
}

async function linesAt(git: Git, commit: string, folder: string): Promise<readonly string[]> {
  const manifest = await manifestAt(git, commit, folder)
  return Buffer.from(manifest).toString("utf8").split(/\r?\n/)
}
