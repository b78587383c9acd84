import { type CheckFinding, rolledBack } from "./check-finding.js"
import { type CommitGraph, type RecordChange, commitGraph, recordChanges } from "./commit-graph.js"
import type { Git } from "../git/git.js"
import { readBlobs } from "../git/git-objects.js"
import { type Reach, compareReach, reachIn, reachText } from "../records/reach.js"
import { groupedBy } from "../words/grouped.js"
import { classify } from "../words/layout.js"
import type { Progress } from "../words/progress.js"

/** What the commits hold of a vault: who came after whom, what each changed, and how far it was. */
interface Walk {
  readonly graph: CommitGraph
  /** By path: what concerns one record is looked for among its own changes. */
  readonly changesOf: ReadonlyMap<string, readonly RecordChange[]>
  /** By blob; undefined for what is not a record. */
  readonly reached: ReadonlyMap<string, Reach | undefined>
}

/**
 * Walks every commit that HEAD contains. Against each parent of each commit, a record is the same,
 * or has come further, or is, in a merge of two sides that both changed it, the other side's: one
 * of two loses, and that is not a setback. None that must stay may go. Needs no key and no state.
 */
export async function findSetbacks(
  git: Git,
  folder: string,
  onProgress?: Progress,
): Promise<readonly CheckFinding[]> {
  const graph = await commitGraph(git)
  const changes = await recordChanges(git, folder, graph)
  const reached = await reachedOf(git, changes, onProgress)
  const walk = { graph, changesOf: groupedBy(changes, ({ path }) => path), reached }
  const [further, others] = split(changes, (change) => isFurther(walk, change))
  const [lost, setBack] = split(others, (change) => hasLost(walk, change))
  const removed = changes.filter(({ after }) => after === undefined)
  const returned = returnedAfter(walk, [...lost, ...removed], further)
  return [...setBack, ...returned].flatMap((change) => toldOf(walk, change))
}

function split(
  changes: readonly RecordChange[],
  is: (change: RecordChange) => boolean,
): readonly [RecordChange[], RecordChange[]] {
  return [changes.filter(is), changes.filter((change) => !is(change))]
}

async function reachedOf(
  git: Git,
  changes: readonly RecordChange[],
  onProgress: Progress | undefined,
): Promise<ReadonlyMap<string, Reach | undefined>> {
  const blobs = changes.flatMap(({ before, after }) => [before, after])
  const ids = [...new Set(blobs)].filter((id) => id !== undefined)
  const contents = await readBlobs(git, ids)
  return new Map(
    ids.map((id, index) => {
      onProgress?.(index + 1, ids.length, "reading records of the history")
      return [id, reachIn(contents[index])]
    }),
  )
}

/** Whether a change leads forward, or from nothing. */
function isFurther({ reached }: Walk, { before, after }: RecordChange): boolean {
  const [was, is] = [reached.get(before ?? ""), reached.get(after ?? "")]
  if (was === undefined) return true
  return is !== undefined && compareReach(is, was) > 0
}

/**
 * Whether one side lost in a merge: the record is the one of another parent, and this parent never
 * had it. If it had, it has left it behind, and whoever takes it again sets it back. A lower epoch
 * never wins: somebody lost access by the higher one. Owners and agents lose nothing to a lower
 * serial: their records tell who was removed.
 */
function hasLost(walk: Walk, { commit, parent, path, before, after }: RecordChange): boolean {
  const [was, is] = [walk.reached.get(before ?? ""), walk.reached.get(after ?? "")]
  if (was === undefined || is === undefined || parent === undefined) return false
  if (is.epoch < was.epoch) return false
  if (is.serial < was.serial && !["secret", "group"].includes(classify(path).is)) return false
  const others = walk.changesOf.get(path)?.filter((each) => each.commit === commit)
  const differing = new Set(others?.map((each) => each.parent))
  const isOfAParent = walk.graph.parentsOf(commit).some((each) => !differing.has(each))
  return isOfAParent && !hadBefore(walk, parent, path, after)
}

/** Whether the history of a commit, itself included, had a record. */
function hadBefore(walk: Walk, commit: string, path: string, record: string | undefined): boolean {
  const history = walk.graph.historyOf(commit)
  const own = walk.changesOf.get(path) ?? []
  return own.some((each) => each.after === record && history.has(each.commit))
}

/**
 * What leads forward from the side that won, or from nothing, but to a record that the history had
 * and left behind: a setback in two steps. The furthest of all may come back.
 */
function returnedAfter(
  walk: Walk,
  lowered: readonly RecordChange[],
  further: readonly RecordChange[],
): RecordChange[] {
  const paths = new Set(lowered.map(({ path }) => path))
  return further.filter(({ path, parent, after }) => {
    if (!paths.has(path) || parent === undefined || after === undefined) return false
    return hadBefore(walk, parent, path, after) && !isFurthest(walk, parent, path, after)
  })
}

function isFurthest(walk: Walk, commit: string, path: string, record: string): boolean {
  const history = walk.graph.historyOf(commit)
  const mark = walk.reached.get(record)
  const own = walk.changesOf.get(path) ?? []
  return own.every((each) => {
    const other = walk.reached.get(each.after ?? "")
    if (other === undefined || !history.has(each.commit)) return true
    return mark !== undefined && compareReach(mark, other) >= 0
  })
}

function toldOf({ reached }: Walk, { commit, path, before, after }: RecordChange): CheckFinding[] {
  const where = `${path} at ${commit.slice(0, 12)}`
  if (after === undefined) return removal(path, where)
  const [was, is] = [reached.get(before ?? ""), reached.get(after)]
  if (is === undefined) return [rolledBack(where, "is not a record")]
  const order = was === undefined ? 1 : compareReach(is, was)
  if (was === undefined || order > 0) {
    return [rolledBack(where, `is ${reachText(is)} again, which was left behind before`)]
  }
  return [
    rolledBack(
      where,
      order < 0
        ? `fell back from ${reachText(was)} to ${reachText(is)}`
        : `is another record at ${reachText(is)}`,
    ),
  ]
}

/** Secrets and groups may go; an agent or the vault itself only ends. */
function removal(path: string, where: string): CheckFinding[] {
  const { is } = classify(path)
  if (is === "secret" || is === "group") return []
  const message = "was removed, and records of this kind only end"
  return [{ severity: "attention", code: "REMOVED", subject: where, message }]
}
