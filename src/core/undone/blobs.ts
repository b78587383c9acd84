import type { BlobId, Git } from "../git/git.js"
import { readBlobs } from "../git/git-objects.js"
import { digestOf } from "../records/record.js"

/** A file that a commit made other than it was; undefined where there was, or is, none. */
export interface BlobChange {
  readonly commit: string
  readonly before: BlobId | undefined
  readonly after: BlobId | undefined
}

/** Which commits, and from where in the history on. */
export interface CommitRange {
  /** Commits, or words that mean some: `--branches`, `HEAD`. */
  readonly tips: Iterable<string>
  /** A commit; the history of its parents is left out. */
  readonly since?: string
  /** A commit; the history of its first parent is left out, and of no other one. */
  readonly sinceOurs?: string
  /** Merges alone. */
  readonly merges?: boolean
}

/** The first blob before, and the one after: git-diff-tree(1), "Raw output format" and for merges. */
const ENTRY = /^:+(?:\d+ )+([0-9a-f]+) (?:[0-9a-f]+ )*([0-9a-f]+) \w+$/
const COMMIT = /^([0-9a-f]{40,64})(?: \(from \w+\))?$/

/**
 * What each of some commits did to the files at or below a path, by file: against each parent, or
 * what it did against all of them, told against the first. Commits that Git has lost are left out.
 */
export async function changesOf(
  git: Git,
  commits: readonly string[],
  below: string,
  against: "each" | "all" = "each",
): Promise<Map<string, BlobChange[]>> {
  if (commits.length === 0) return new Map()
  const merges = against === "each" ? "-m" : "-c"
  const args = ["diff-tree", "--stdin", "--root", "-r", merges, "-z", "--no-renames", "--", below]
  const output = await git.run(args, { input: commits.map((commit) => `${commit}\n`).join("") })
  const changes = new Map<string, BlobChange[]>()
  const fields = output.toString("utf8").split("\0")
  let commit = ""
  for (let at = 0; at < fields.length; at++) {
    const field = (fields[at] ?? "").trim()
    commit = COMMIT.exec(field)?.[1] ?? commit
    const [, before, after] = ENTRY.exec(field) ?? []
    if (before === undefined || after === undefined) continue
    const path = fields[++at] ?? ""
    const change = { commit, before: blob(before), after: blob(after) }
    const own = changes.get(path)
    if (own === undefined) changes.set(path, [change])
    else own.push(change)
  }
  return changes
}

/** What the commits of a range did to a file, against each of their parents. */
export async function changesIn(git: Git, range: CommitRange, path: string): Promise<BlobChange[]> {
  return (await changesBelow(git, range, path)).get(path) ?? []
}

/** What the commits of a range did to the files at or below a path, by file. */
export async function changesBelow(
  git: Git,
  { tips, since, sinceOurs, merges = false }: CommitRange,
  below: string,
): Promise<Map<string, BlobChange[]>> {
  const all = [...tips]
  if (all.length === 0) return new Map()
  const words = all.filter((tip) => !COMMIT.test(tip))
  const commits = all.filter((tip) => COMMIT.test(tip))
  const before = [
    ...(since === undefined ? [] : [`^${since}^@`]),
    ...(sinceOurs === undefined ? [] : [`^${sinceOurs}^1`]),
  ]
  const input = [...commits, ...before].map((line) => `${line}\n`).join("")
  const options = [...(merges ? ["--min-parents=2"] : []), ...(input === "" ? [] : ["--stdin"])]
  const walk = ["rev-list", "--full-history", ...options, ...words, "--", below]
  const found = await git.run(walk, input === "" ? {} : { input })
  return changesOf(git, found.toString("utf8").split("\n").filter(Boolean), below)
}

/** Whether a commit of a range has a blob at a path, on whatever side of a merge. */
export async function isIn(
  git: Git,
  range: CommitRange,
  path: string,
  id: BlobId,
): Promise<boolean> {
  return (await changesIn(git, range, path)).some(({ after }) => after === id)
}

/**
 * Whether a commit of a range has a blob that its beginning brought, wherever it lies there: a vault
 * may have been moved.
 */
export async function isAnywhereIn(
  git: Git,
  { tips, since }: Required<Pick<CommitRange, "tips" | "since">>,
  id: BlobId,
): Promise<boolean> {
  const all = [...tips]
  if (all.length === 0) return false
  const words = all.filter((tip) => !COMMIT.test(tip))
  const commits = all.filter((tip) => COMMIT.test(tip))
  const input = [...commits, `^${since}^@`].map((line) => `${line}\n`).join("")
  const walk = ["rev-list", "--objects", "--no-object-names", "--stdin", ...words]
  const found = (await git.run(walk, { input })).toString("utf8")
  return found.split("\n").includes(id)
}

/** The digest of each blob's content, as records and marks name it. */
export async function digestsOf(
  git: Git,
  ids: readonly BlobId[],
): Promise<ReadonlyMap<BlobId, { digest: string; bytes: Buffer }>> {
  const contents = await readBlobs(git, ids)
  return new Map(
    ids.flatMap((id, index) => {
      const bytes = contents[index]
      return bytes === undefined ? [] : [[id, { digest: digestOf(bytes), bytes }] as const]
    }),
  )
}

function blob(id: string): BlobId | undefined {
  return /^0+$/.test(id) ? undefined : id
}
