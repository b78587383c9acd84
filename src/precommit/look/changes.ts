import { VAULT_FOLDER, VaultError, isExplained, vaultPath } from "../../core/guard.js"
import type { Repository } from "./repository.js"

/** A version of a file, as Git names it. */
export interface Version {
  /** From the top of the work tree, with `/`. */
  readonly path: string
  readonly id: string
}

/** The modes of what is not a regular file. */
export const LINK = "120000"
export const SUBMODULE = "160000"

/** A file as a commit would hold it, or holds it, with the versions that it comes from. */
export interface ChangedFile extends Version {
  /** `100644`, `100755`, `120000` for a link, `160000` for a submodule. Undefined: it is gone. */
  readonly mode: string | undefined
  readonly before: readonly Version[]
  /** The commit, where it is made already. */
  readonly commit?: string
}

const RAW = ["--raw", "-z", "--no-abbrev", "--no-color", "--no-ext-diff", "--no-textconv"]
// An inexact rename costs a comparison of contents: not for every pair of a thousand files.
const RENAMES = ["-M", "-l200"]
const DIFF = ["diff", "--cached", ...RAW, ...RENAMES, "--no-relative", "--ignore-submodules=none"]

/**
 * What is staged, compared with HEAD; on an unborn branch, with nothing. A merge in progress adds
 * only what none of its parents has: what comes from the other side is in the history already.
 */
export async function stagedChanges(repository: Repository): Promise<readonly ChangedFile[]> {
  const heads = repository.merged()
  const [ours = [], ...theirs] = await Promise.all(
    [[], ...heads.map((head) => [head])].map(async (against) =>
      parseRaw(await repository.git([...DIFF, ...against, "--"])),
    ),
  )
  if (theirs.length === 0) return ours
  return withParents(ours, theirs)
}

/**
 * Of a merge: the files that differ from each parent, with the versions of all; and each file of a
 * vault that differs from any, since a merge can set a record back by taking one side.
 */
function withParents(
  ours: readonly ChangedFile[],
  theirs: readonly (readonly ChangedFile[])[],
): readonly ChangedFile[] {
  const parents = [ours, ...theirs].map(
    (changes) => new Map(changes.map((change) => [change.path, change])),
  )
  const every = new Map([...theirs.toReversed(), ours].flat().map((each) => [each.path, each]))
  return [...every.values()].flatMap((change) => {
    const differing = parents.flatMap((changes) => changes.get(change.path) ?? [])
    const isWanted = differing.length === parents.length || vaultPath(change.path) !== undefined
    if (!isWanted) return []
    // Where it differs from no version of a parent, that one is the same.
    const same = differing.length < parents.length ? [{ path: change.path, id: change.id }] : []
    return [{ ...change, before: [...differing.flatMap(({ before }) => before), ...same] }]
  })
}

/**
 * What each commit of a range adds: what is removed again within it is in the history all the
 * same. `A..B`, one revision for all that it contains, or `000…0..B`, as Git tells a hook that a
 * branch is new: all of B that no remote has. Revisions that are left out go to git as they are.
 */
export async function rangeChanges(
  repository: Repository,
  range: string,
  leftOut: readonly string[] = [],
): Promise<readonly ChangedFile[]> {
  const [, branch] = /^0{40,64}\.\.([^.].*)$/s.exec(range) ?? []
  const left = branch === undefined ? leftOut : ["--remotes"]
  const without = left.length === 0 ? [] : ["--not", ...left, "--not"]
  const ends = await requireCommits(repository, branch ?? range)
  await requireHistory(repository, [...without, ...ends])
  const log = async (how: readonly string[], ...folders: readonly string[]) => {
    const commits = [...without, "--end-of-options", branch ?? range, "--", ...folders]
    const args = ["log", ...how, "--reverse", "--format=commit %H", ...RAW, ...commits]
    return parseRaw(await repository.git(args))
  }
  const [added, merged] = await Promise.all([
    log(["-c", "--root", ...RENAMES]),
    // A merge can set a record back by taking one side, which `-c` does not show.
    log(["-m", "--merges", "--full-history"], VAULT_FOLDER),
  ])
  return firstOfEach([...added, ...merged.filter(({ before }) => before.length > 0)])
}

/**
 * The commits that a range begins and ends with, as `git log` takes them. It says nothing of a tag
 * on a file or a folder, which a push brings along all the same.
 */
async function requireCommits(repository: Repository, range: string): Promise<readonly string[]> {
  const said = await repository.git(["rev-parse", "--revs-only", range, "--"]).catch(unknown(range))
  const ids = said.toString("utf8").split("\n").filter(Boolean)
  const ends = ids.filter((id) => !id.startsWith("^"))
  if (ids.length > 0 && ends.length === 0) {
    throw new VaultError("USAGE", `the range ${range} names nothing to look at`, {
      hint: "give the end as well: --range A..B",
    })
  }
  for (const id of ends) await repository.git(["rev-parse", "--verify", `${id}^{commit}`])
  return ids
}

/** The error for an object that is missing here: most often nobody has fetched it. */
function unknown(range: string): (cause: unknown) => never {
  return (cause) => {
    if (!VaultError.is(cause, "GIT_FAILED") || isExplained(cause)) throw cause
    throw new VaultError("GIT_FAILED", cause.message, {
      hint: `fetch what ${range} names, or correct it: git fetch origin; in a CI, fetch the whole history (fetch-depth: 0)`,
      cause,
    })
  }
}

/** In a shallow clone, what lies before its last commit is gone, and with it what was added there. */
async function requireHistory(repository: Repository, commits: readonly string[]): Promise<void> {
  const git = async (...args: readonly string[]): Promise<string> =>
    (await repository.git(args)).toString("utf8")
  if ((await git("rev-parse", "--is-shallow-repository")).trim() !== "true") return
  const first = await git("rev-list", "--max-parents=0", ...commits, "--")
  for (const id of first.split("\n").filter(Boolean)) {
    const [head = ""] = (await git("cat-file", "commit", id)).split("\n\n", 1)
    if (!/^parent /m.test(head)) continue
    throw new VaultError("REPOSITORY_STATE", `the history of this clone is cut off at ${id}`, {
      hint: "the range goes on before it: git fetch --unshallow; in a CI, fetch the whole history (fetch-depth: 0)",
    })
  }
}

/** Every file of the index, and of HEAD where it is another one. */
export async function allFiles(repository: Repository): Promise<readonly ChangedFile[]> {
  const [index, head] = await Promise.all([
    repository.git(["ls-files", "--stage", "-z", "--full-name", "--"]),
    headFiles(repository),
  ])
  const entry = /^(\d+) (?:blob |commit )?(\w+)(?: \d)?\t(.*)$/s
  const filesIn = (listing: Buffer): readonly ChangedFile[] =>
    fieldsOf(listing).flatMap((field) => {
      const [, mode, id, path] = entry.exec(field) ?? []
      if (mode === undefined || id === undefined || path === undefined) return []
      return [{ path, id, mode, before: [] }]
    })
  const committed = filesIn(head).map((file) => ({ ...file, commit: "HEAD" }))
  return firstOfEach([...filesIn(index), ...committed])
}

/** The listing of HEAD's files; an unborn branch has none. */
async function headFiles(repository: Repository): Promise<Buffer> {
  const head = await repository
    .git(["rev-parse", "--verify", "--quiet", "HEAD"])
    .catch(() => undefined)
  if (head === undefined) return Buffer.alloc(0)
  return repository.git(["ls-tree", "-r", "-z", "--full-tree", "HEAD"])
}

/** Parses `git diff --raw -z`, and the lines `commit ID` and entries of merges of `git log`. */
function parseRaw(output: Buffer): readonly ChangedFile[] {
  const fields = fieldsOf(output).values()
  const next = (): string => fields.next().value ?? ""
  const changes: ChangedFile[] = []
  let commit: string | undefined
  for (const field of fields) {
    const [, hash] = /^\s*commit (\w+)$/.exec(field) ?? []
    if (hash !== undefined) commit = hash
    const [, colons = "", entry = ""] = /^\s*(:+)(.*)$/.exec(field) ?? []
    if (colons === "") continue
    const parents = colons.length
    const words = entry.split(" ")
    const [modes, ids] = [words.slice(0, parents + 1), words.slice(parents + 1, 2 * parents + 2)]
    const isMoved = parents === 1 && /^[RC]/.test(words.at(-1) ?? "")
    const from = next()
    const path = isMoved ? next() : from
    const id = ids.at(-1) ?? ""
    const before = ids.slice(0, -1).flatMap((old) => (isZero(old) ? [] : [{ path: from, id: old }]))
    const mode = isZero(id) ? undefined : modes.at(-1)
    changes.push({ path, id, mode, before, ...(commit === undefined ? {} : { commit }) })
  }
  return changes
}

/**
 * The same content at the same path is looked at once. In a vault it matters also what it follows:
 * the record that was fine at first sets back the one that came after it.
 */
function firstOfEach(changes: readonly ChangedFile[]): readonly ChangedFile[] {
  const seen = new Set<string>()
  return changes.filter(({ path, id, mode, before }) => {
    const follows = vaultPath(path) === undefined ? [] : before.map((version) => version.id)
    const key = [mode ?? "", id, ...follows, path].join(" ")
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

function fieldsOf(output: Buffer): string[] {
  return output.toString("utf8").split("\0")
}

function isZero(id: string): boolean {
  return /^0+$/.test(id)
}
