import type { BlobId, Git } from "../git/git.js"
import type { Mark } from "../memory/marks.js"
import { type Reach, compareReach, reachIn } from "../records/reach.js"
import { classify } from "../words/layout.js"
import { isMixing } from "../disk/in-progress.js"
import {
  type BlobChange,
  type CommitRange,
  changesIn,
  changesOf,
  digestsOf,
  isAnywhereIn,
  isIn,
} from "./blobs.js"
import type { MadeHere } from "./made-here.js"
import { type Since, trackedSince } from "./remote-branches.js"

/** A record that a commit made here brought. */
interface Brought {
  /** From the top of the work tree. */
  readonly file: string
  /** From the vault's folder. */
  readonly path: string
  readonly by: MadeHere
  readonly blob: BlobId
  readonly reach: Reach
  /** What was there before; undefined if nothing was. */
  readonly floor: Floor | undefined
}

/** What a record went on from. */
export interface Floor {
  readonly mark: Mark
  readonly bytes: Buffer
  /** Its blob, where it did not lie there any more: it was removed in between. */
  readonly removed?: BlobId
}

/** A record as it lies there. */
export interface LyingRecord {
  readonly mark: Mark
  readonly blob: BlobId
}

/** Where what was undone has to be gone: from this branch, or from every ref of the clone. */
export type Rid = "branch" | "everywhere"

/** The last word takes in every ref but what the one before it leaves out: a stash is no branch. */
const ALL_REFS = ["--exclude=refs/stash", "--all"]

/** What Git tells of the records that were made in this clone: where they went, and where they are. */
export class Whereabouts {
  readonly #git: Git
  /** By path and digest. */
  readonly #made: ReadonlyMap<string, Brought>
  readonly #commits: readonly MadeHere[]
  readonly #since = new Map<MadeHere, Promise<Since>>()

  private constructor(git: Git, made: ReadonlyMap<string, Brought>, commits: readonly MadeHere[]) {
    this.#git = git
    this.#made = made
    this.#commits = commits
  }

  /**
   * Looks at what commits that were made in this clone, the oldest first, did to some records of the
   * vault in `folder`. Throws `GIT_FAILED`.
   */
  static async gather(
    git: Git,
    folder: string,
    paths: readonly string[],
    commits: readonly MadeHere[],
  ): Promise<Whereabouts> {
    const byCommit = new Map(commits.toReversed().map((each) => [each.commit, each]))
    const files = new Set(paths.map((path) => `${folder}/${path}`))
    const changes = await changesOf(git, [...byCommit.keys()], folder, "all")
    const records = [...changes].filter(([file]) => files.has(file))
    const blobs = records.flatMap(([, all]) => all.flatMap(({ before, after }) => [before, after]))
    const contents = await digestsOf(
      git,
      [...new Set(blobs)].filter((id) => id !== undefined),
    )
    const made = new Map<string, Brought>()
    const markAt = (id: BlobId | undefined): Floor | undefined =>
      id === undefined ? undefined : floorIn(contents.get(id))
    const add = (file: string, { commit, before, after }: BlobChange): void => {
      const [by, now] = [byCommit.get(commit), markAt(after)]
      if (by === undefined || after === undefined || now === undefined) return
      const path = file.slice(folder.length + 1)
      const { digest, ...reach } = now.mark
      const found = { file, path, by, blob: after, reach, floor: markAt(before) }
      made.set(`${path} ${digest}`, found)
    }
    for (const [file, all] of records) for (const change of all) add(file, change)
    return new Whereabouts(git, made, commits)
  }

  /** The record of that digest, if it was made here: by the first commit that brought it. */
  madeOf(path: string, digest: string): Brought | undefined {
    return this.#made.get(`${path} ${digest}`)
  }

  /**
   * What a record went on from: what lay there. Where nothing lay, what its history removed of that
   * name, or else what was made here before: that this clone remembers, and counts on from. Undefined
   * where these do not tell from what.
   */
  async beneath(made: Brought): Promise<readonly Floor[] | undefined> {
    const { by, file, path, blob, reach, floor } = made
    if (floor !== undefined) return [floor]
    if (reach.serial === 1) return []
    const changes = await changesIn(this.#git, { tips: [by.commit] }, file)
    const others = changes.filter(({ commit, after }) => commit === by.commit && after === blob)
    const removals = changes.filter(({ after }) => after === undefined)
    const [beside, removed] = [await this.#floorsOf(others), await this.#floorsOf(removals)]
    if (beside === undefined || removed === undefined) return undefined
    const floors = [...beside, ...removed.map((each) => ({ ...each, removed: each.blob }))]
    if (isNext(reach, floors)) return floors
    const before = [...this.#made.values()].filter(
      (each) =>
        each.path === path &&
        each.by.branch === by.branch &&
        (each.reach.serial === reach.serial - 1 || each.reach.epoch === reach.epoch - 1),
    )
    const known = await this.#floorsOf(before.map((each) => ({ before: each.blob })))
    const all = [...floors, ...(known ?? [])]
    return isNext(reach, all) ? all : undefined
  }

  /** The records before some changes; undefined if one of them cannot be read. */
  async #floorsOf(
    changes: readonly Pick<BlobChange, "before">[],
  ): Promise<readonly (Floor & { readonly blob: BlobId })[] | undefined> {
    const blobs = [...new Set(changes.flatMap(({ before }) => before ?? []))]
    const contents = await digestsOf(this.#git, blobs)
    const floors = blobs.flatMap((blob) => {
      const floor = floorIn(contents.get(blob))
      return floor === undefined ? [] : [{ ...floor, blob }]
    })
    return floors.length === blobs.length ? floors : undefined
  }

  /**
   * Why the removal of what a record went on from stands against one that came no further. Undefined
   * if it was made here, is undone, and no remote-tracking branch ever had it, or one like it, in
   * whatever commit.
   */
  async removalStands(
    { file }: Brought,
    { removed, mark }: Floor,
    now: LyingRecord,
    rid: Rid,
  ): Promise<string | undefined> {
    if (removed === undefined || compareReach(mark, now.mark) < 0) return undefined
    const by = await this.#removerOf(file, removed)
    const before = by?.before()
    if (by === undefined || before === undefined) return "was removed, and not in this clone"
    const since = await this.#trackedSince(by)
    if ("doubt" in since) return `was removed, which may have been published: ${since.doubt}`
    // A record that is made here is new; another one may have removed the same before. And what a
    // merge removes from ours may be what the other side removed.
    const had = [...Object.values(before.refs), ...since.commits]
    if (await this.#isRemovedIn({ tips: had, sinceOurs: by.commit }, file, now)) {
      return "was removed, which was published"
    }
    const tips = rid === "branch" ? ["HEAD"] : ALL_REFS
    const isKept = await this.#isRemovedIn({ tips, sinceOurs: by.commit }, file, now)
    return isKept ? "was removed, which is not undone" : undefined
  }

  /** The first commit that was made here and removed a record. */
  async #removerOf(file: string, removed: BlobId): Promise<MadeHere | undefined> {
    const ids = this.#commits.map(({ commit }) => commit)
    const changes = (await changesOf(this.#git, ids, file)).get(file) ?? []
    const removers = new Set(
      changes
        .filter(({ before, after }) => before === removed && after === undefined)
        .map(({ commit }) => commit),
    )
    return this.#commits.find(({ commit }) => removers.has(commit))
  }

  /** Whether a commit of a range removed a record that had come as far as the one that lies there. */
  async #isRemovedIn(range: CommitRange, file: string, { mark }: LyingRecord): Promise<boolean> {
    const changes = await changesIn(this.#git, range, file)
    const removed = await this.#floorsOf(changes.filter(({ after }) => after === undefined))
    return removed === undefined || removed.some((each) => compareReach(each.mark, mark) >= 0)
  }

  /** Why a record may be known beyond this clone; undefined if no remote-tracking branch ever had it. */
  async publishedBy({ by, blob }: Brought): Promise<string | undefined> {
    const since = await this.#trackedSince(by)
    if ("doubt" in since) return `may have been published: ${since.doubt}`
    const range = { tips: since.commits, since: by.commit }
    return (await isAnywhereIn(this.#git, range, blob)) ? "was published" : undefined
  }

  /**
   * Why a record is not undone: where it must be gone, it is still there. A branch may keep it in
   * its history if a merge took what the other side had instead, and took nobody's access back.
   */
  async keptBy(made: Brought, now: LyingRecord, rid: Rid): Promise<string | undefined> {
    if (rid === "everywhere") return this.#keptAnywhere(made)
    const { by, blob } = made
    const range = { tips: ["HEAD"], since: by.commit }
    if (!(await isAnywhereIn(this.#git, range, blob))) return undefined
    return losesNoAccess(made, now.mark) && (await this.#hasLost(made, now))
      ? undefined
      : "is in the history of this branch"
  }

  /** Whether only further ones, and merges, took the place of a record, and what came not before it. */
  async #hasLost({ by, file, blob, reach }: Brought, now: LyingRecord): Promise<boolean> {
    const range = { tips: ["HEAD"], since: by.commit }
    const replaced = (await changesIn(this.#git, range, file)).filter(
      (each) => each.before === blob,
    )
    const merges = await changesIn(this.#git, { ...range, merges: true }, file)
    const inMerges = new Set(merges.map(({ commit }) => commit))
    const linear = replaced.filter(({ commit }) => !inMerges.has(commit))
    const afters = linear.flatMap(({ after }) => after ?? [])
    const contents = await digestsOf(this.#git, afters)
    const isFurther = (after: BlobId | undefined): boolean => {
      const next = reachIn(after === undefined ? undefined : contents.get(after)?.bytes)
      return next !== undefined && compareReach(next, reach) > 0
    }
    if (!linear.every(({ after }) => isFurther(after))) return false
    if (replaced.length === 0 && !isMixing(this.#git.checkout.gitFolder)) return false
    return !(await isIn(this.#git, { tips: [by.commit] }, file, now.blob))
  }

  async #keptAnywhere({ by, blob }: Brought): Promise<string | undefined> {
    const known = (await this.#git.run(["for-each-ref", "--format=%(refname)", "refs/heads"]))
      .toString("utf8")
      .split("\n")
    if (!known.some((branch) => branch !== "" && by.isOf(branch))) {
      return "may have been published: the branch that it was made on is gone"
    }
    const isKept = await isAnywhereIn(this.#git, { tips: ALL_REFS, since: by.commit }, blob)
    return isKept ? "is on another branch" : undefined
  }

  #trackedSince(by: MadeHere): Promise<Since> {
    const before = by.before()
    const doubt = "where the remote-tracking branches stood is not known"
    if (before === undefined) return Promise.resolve({ doubt })
    const known = this.#since.get(by) ?? trackedSince(this.#git, before)
    this.#since.set(by, known)
    return known
  }
}

/** As `check --history` judges a merge: a record may lose, but not its epoch; see decision 14. */
function losesNoAccess({ path, reach }: Brought, now: Reach): boolean {
  if (now.epoch < reach.epoch) return false
  return now.serial >= reach.serial || ["secret", "group"].includes(classify(path).is)
}

function floorIn(content: { digest: string; bytes: Buffer } | undefined): Floor | undefined {
  const reach = reachIn(content?.bytes)
  if (content === undefined || reach === undefined) return undefined
  return { mark: { ...reach, digest: content.digest }, bytes: content.bytes }
}

/** Whether a record is what a change makes of some of its name: it comes next after the furthest. */
function isNext(reach: Reach, floors: readonly Floor[]): boolean {
  return (["epoch", "serial"] as const).every(
    (part) => reach[part] <= 1 || floors.some(({ mark }) => mark[part] >= reach[part] - 1),
  )
}
