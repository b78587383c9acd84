import type { Git } from "../git/git.js"

/** A record that a commit has otherwise than one of its parents. */
export interface RecordChange {
  readonly commit: string
  /** Undefined for a commit without parents. */
  readonly parent: string | undefined
  /** From the vault's folder. */
  readonly path: string
  /** The blobs; undefined where there is no file. */
  readonly before: string | undefined
  readonly after: string | undefined
}

/**
 * Each change of a record, against each parent of each commit that HEAD contains. A repository's
 * configuration can hide neither merges nor its first commit.
 */
export async function recordChanges(
  git: Git,
  folder: string,
  graph: CommitGraph,
): Promise<RecordChange[]> {
  const settings = ["-c", "log.diffMerges=separate", "-c", "log.showRoot=true"]
  const log = ["log", "--pretty=oneline", "--no-abbrev-commit", "--raw", "--no-abbrev"]
  const walk = ["--no-renames", "-m", "-z", "--full-history", "HEAD", "--", folder]
  const output = await git.run([...settings, ...log, ...walk])
  const changes: RecordChange[] = []
  let commit = ""
  let parent: string | undefined
  const fields = output.toString("utf8").split("\0")
  for (let at = 0; at < fields.length; at++) {
    const field = (fields[at] ?? "").trimStart()
    const [, hash, from] = /^([0-9a-f]{40,64})(?: \(from ([0-9a-f]{40,64})\))? /.exec(field) ?? []
    if (hash !== undefined) {
      const parents = graph.parentsOf(hash)
      // Git names the parent of a merge; elsewhere what looks like that is the commit's message.
      ;[commit, parent] = [hash, parents.length > 1 ? from : parents[0]]
    }
    const [, before, after] = /^:\d+ \d+ (\w+) (\w+) \w$/.exec(field) ?? []
    if (before === undefined || after === undefined) continue
    const path = (fields[++at] ?? "").slice(folder.length + 1)
    if (!path.endsWith(".json")) continue
    changes.push({ commit, parent, path, before: blob(before), after: blob(after) })
  }
  return changes
}

/** Reads the graph of the commits that HEAD contains. */
export async function commitGraph(git: Git): Promise<CommitGraph> {
  const listing = await git.run(["rev-list", "--parents", "HEAD"])
  return new CommitGraph(listing.toString("utf8").trimEnd())
}

/** Who is whose parent, and whose ancestor. */
export class CommitGraph {
  readonly #parents = new Map<string, readonly string[]>()
  readonly #known = new Map<string, ReadonlySet<string>>()

  /** `listing` is what `git rev-list --parents` prints: a commit and its parents a line. */
  constructor(listing: string) {
    for (const line of listing.split("\n")) {
      const [commit = "", ...parents] = line.split(" ")
      this.#parents.set(commit, parents)
    }
  }

  parentsOf(commit: string): readonly string[] {
    return this.#parents.get(commit) ?? []
  }

  /** A commit, and all that came before it. */
  historyOf(commit: string): ReadonlySet<string> {
    const known = this.#known.get(commit)
    if (known !== undefined) return known
    const found = new Set([commit])
    for (const each of found) for (const parent of this.parentsOf(each)) found.add(parent)
    this.#known.set(commit, found)
    return found
  }
}

function blob(id: string): string | undefined {
  return /^0+$/.test(id) ? undefined : id
}
