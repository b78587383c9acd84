import { LIMITS } from "../words/limits.js"
import { join } from "node:path"
import { readRegularFile } from "../disk/files.js"
import { listFolder, lookAt } from "../disk/at-path.js"
import { commonFolder } from "../disk/place.js"
import type { Git } from "../git/git.js"
import { type Setting, settings } from "../git/git-config.js"

/** Where the remote-tracking branches of a clone stood at one time, and how long their logs were. */
export interface Tracked {
  /** The commit of each, by ref. */
  readonly refs: Readonly<Record<string, string>>
  /** The size of each log in bytes, by ref. */
  readonly logs: Readonly<Record<string, number>>
  /** When something last came into each folder of logs, or went, in milliseconds. */
  readonly folders: Readonly<Record<string, number>>
  /** When the file of each was written, in milliseconds; those that are packed have none. */
  readonly files: Readonly<Record<string, number>>
}

/** Every commit that a remote-tracking branch was at since; or why Git's files do not tell. */
export type Since = { readonly commits: ReadonlySet<string> } | { readonly doubt: string }

const REMOTES = "refs/remotes"
/** `OLD NEW NAME <MAIL> TIME ZONE`, a tab and a message: gitrepository-layout(5), "logs". */
const LOG_LINE = /^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) /
const NOTHING = /^0+$/
/** A refspec under which whatever branch is pushed, its remote-tracking branch is moved too. */
const TRACKS_ALL = /^\+?refs\/heads\/\*:refs\/remotes\/[^*]+\/\*$/

/** Looks at the remote-tracking branches. */
export async function seeTracked(git: Git): Promise<Tracked> {
  const format = "--format=%(refname) %(objectname) %(symref)"
  const listing = (await git.run(["for-each-ref", format, REMOTES])).toString("utf8")
  const refs = listing.split("\n").flatMap((line) => {
    const [ref = "", commit = "", target = ""] = line.split(" ")
    return ref === "" || target !== "" ? [] : [[ref, commit] as const]
  })
  const { files: logs, folders } = look(logsOf(git), ({ size }) => size)
  const { files } = look(commonFolder(git.checkout.gitFolder), ({ mtimeMs }) => mtimeMs)
  return { refs: Object.fromEntries(refs), logs, folders, files }
}

/**
 * The commits at which a remote-tracking branch has been since `before`: after each fetch and each
 * push. Git forgets that where a branch is deleted, where logs are off or cut, and where a push goes
 * to what no branch tracks; then there is a doubt instead.
 */
export async function trackedSince(git: Git, before: Tracked): Promise<Since> {
  const all = await settings(git)
  const untraced = untracedPush(all)
  if (untraced !== undefined) return { doubt: untraced }
  const now = await seeTracked(git)
  const commits = new Set<string>()
  for (const ref of new Set([...Object.keys(before.refs), ...Object.keys(now.refs)])) {
    const way = wayOf(git, ref, before, now)
    if (way === undefined) return { doubt: `what became of ${ref} cannot be told` }
    for (const commit of way) commits.add(commit)
  }
  const gone = deletedLog(before, now, prunes(all))
  return gone === undefined ? { commits } : { doubt: gone }
}

/** Why a push may have left no trace in the logs of remote-tracking branches. */
function untracedPush(all: readonly Setting[]): string | undefined {
  const valuesOf = (pattern: RegExp): string[] =>
    all.filter(({ key }) => pattern.test(key)).map(({ value }) => value)
  if (valuesOf(/^extensions\.refstorage$/).includes("reftable")) {
    return "the logs of remote-tracking branches cannot be read in a reftable"
  }
  const logs = all.filter(({ key }) => key === "core.logallrefupdates")
  if (logs.some(({ value }) => /^(false|no|off|0|)$/i.test(value))) {
    return "core.logAllRefUpdates is off"
  }
  const remotes = new Set(
    all.flatMap(({ key }) => /^remote\.(.+)\.(?:push)?url$/.exec(key)?.[1] ?? []),
  )
  const untracked = [...remotes].find((name) => {
    const refspecs = all.filter(({ key }) => key === `remote.${name}.fetch`)
    const leavesOut = refspecs.some(({ value }) => value.startsWith("^"))
    return leavesOut || !refspecs.some(({ value }) => TRACKS_ALL.test(value))
  })
  if (untracked !== undefined) return `not all branches of the remote ${untracked} are tracked`
  const targets = valuesOf(/^(branch\..+\.(push)?remote|remote\.pushdefault)$/)
  const bare = targets.find((name) => name !== "." && !remotes.has(name))
  return bare === undefined ? undefined : "a branch is pushed to a remote that is not tracked"
}

/** Whether a fetch deletes what the remote has deleted, unasked. */
function prunes(all: readonly Setting[]): boolean {
  return all.some(
    ({ key, value }) =>
      /^(fetch|remote\..+)\.prune$/.test(key) && !/^(false|no|off|0)$/i.test(value),
  )
}

/** The commits from where a ref stood to where it stands, as its log has them without a gap. */
function wayOf(git: Git, ref: string, before: Tracked, now: Tracked): string[] | undefined {
  const [from, to] = [before.refs[ref], now.refs[ref]]
  const [size, length] = [before.logs[ref], now.logs[ref]]
  if (to === undefined || (size ?? 0) > (length ?? 0)) return undefined
  const moves = length === undefined ? [] : movesIn(git, ref, size ?? 0)
  // An empty log that was not there before was cut.
  if (moves === undefined || (moves.length === 0 && size !== length)) return undefined
  // Written without a word in the log, by a program that is not Git: it may have gone and come back.
  const isWritten = now.files[ref] !== undefined && now.files[ref] !== before.files[ref]
  if (moves.length === 0 && isWritten) return undefined
  let at = from
  for (const [old, next] of moves) {
    if (old !== at && !(at === undefined && NOTHING.test(old))) return undefined
    at = next
  }
  return at === to ? [to, ...moves.map(([, next]) => next)] : undefined
}

/** The lines of a log from a byte on; undefined if they cannot be read as such. */
function movesIn(git: Git, ref: string, start: number): [string, string][] | undefined {
  const bytes = readRegularFile(join(logsOf(git), ref), LIMITS.reflog)
  const lines = Buffer.from(bytes ?? [])
    .toString("utf8", start)
    .split("\n")
    .filter((line) => line !== "")
  const moves = lines.map((line) => LOG_LINE.exec(line))
  if (!moves.every((move) => move !== null)) return undefined
  return moves.map(([, old = "", next = ""]) => [old, next])
}

/**
 * The log of a branch that came and went in the meantime is nowhere; only the folder's time tells.
 * Another branch that came explains the time as well, and where the remote says which branches go,
 * it could make one come for that.
 */
function deletedLog(before: Tracked, now: Tracked, isPruned: boolean): string | undefined {
  const paths = new Set([...Object.keys(before.folders), ...Object.keys(now.folders)])
  const stirred = [...paths].some((path) => before.folders[path] !== now.folders[path])
  if (!stirred) return undefined
  const came = Object.keys(now.logs).some((ref) => before.logs[ref] === undefined)
  if (came && !isPruned) return undefined
  return "remote-tracking branches have come and gone since"
}

/** What there is to tell of each file below the folder of remote-tracking branches, and when each folder changed. */
function look(
  top: string,
  tell: (stat: NonNullable<ReturnType<typeof lookAt>>) => number,
): { files: Record<string, number>; folders: Record<string, number> } {
  const files: Record<string, number> = {}
  const folders: Record<string, number> = {}
  const waiting = [REMOTES]
  for (const path of waiting) {
    const stat = lookAt(join(top, path))
    if (stat?.isDirectory() === true) {
      folders[path] = stat.mtimeMs
      for (const name of listFolder(join(top, path))) waiting.push(`${path}/${name}`)
    } else if (stat !== undefined) files[path] = tell(stat)
  }
  return { files, folders }
}

function logsOf({ checkout }: Git): string {
  return join(commonFolder(checkout.gitFolder), "logs")
}
