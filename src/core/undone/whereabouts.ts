import type { BlobId, Git } from "../git/git.js"
import type { Mark } from "../memory/marks.js"
import { type Reach, compareReach, reachIn } from "../records/reach.js"
import { classify } from "../words/layout.js"
import { isMixing } from "../disk/in-progress.js"
import { type BlobChange, changesIn, changesOf, digestsOf, isIn } from "./blobs.js"
import type { MadeHere } from "./made-here.js"
import { type Since, trackedSince } from "./remote-branches.js"

/** A record that a commit made here brought. */
export interface Brought {
  /** From the top of the work tree. */
  readonly file: string
  /** From the vault's folder. */
  readonly path: string
  readonly by: MadeHere
  readonly blob: BlobId
  readonly reach: Reach
  /** What was there before; undefined if nothing was. */
  readonly floor: { readonly mark: Mark; readonly bytes: Buffer } | undefined
}

/** A record as it lies there. */
export interface LyingRecord {
  readonly mark: Mark
  readonly blob: BlobId
}

/** Where what was undone has to be gone: from this branch, or from every ref of the clone. */
export type Rid = "branch" | "everywhere"

/** What Git tells of the records that were made in this clone: where they went, and where they are. */
export class Whereabouts {
  readonly #git: Git
  /** By path and digest. */
  readonly #made: ReadonlyMap<string, Brought>
  readonly #since = new Map<MadeHere, Promise<Since>>()

  private constructor(git: Git, made: ReadonlyMap<string, Brought>) {
    this.#git = git
    this.#made = made
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
    const markAt = (id: BlobId | undefined): { mark: Mark; bytes: Buffer } | undefined => {
      const content = id === undefined ? undefined : contents.get(id)
      const reach = reachIn(content?.bytes)
      if (content === undefined || reach === undefined) return undefined
      return { mark: { ...reach, digest: content.digest }, bytes: content.bytes }
    }
    const add = (file: string, { commit, before, after }: BlobChange): void => {
      const [by, now] = [byCommit.get(commit), markAt(after)]
      if (by === undefined || after === undefined || now === undefined) return
      const path = file.slice(folder.length + 1)
      const { digest, ...reach } = now.mark
      const found = { file, path, by, blob: after, reach, floor: markAt(before) }
      made.set(`${path} ${digest}`, found)
    }
    for (const [file, all] of records) for (const change of all) add(file, change)
    return new Whereabouts(git, made)
  }

  /** The record of that digest, if it was made here: by the first commit that brought it. */
  madeOf(path: string, digest: string): Brought | undefined {
    return this.#made.get(`${path} ${digest}`)
  }

  /** Why a record may be known beyond this clone; undefined if no remote-tracking branch ever had it. */
  async publishedBy({ by, file, blob }: Brought): Promise<string | undefined> {
    const since = await this.#trackedSince(by)
    if ("doubt" in since) return `may have been published: ${since.doubt}`
    const range = { tips: since.commits, since: by.commit }
    return (await isIn(this.#git, range, file, blob)) ? "was published" : undefined
  }

  /**
   * Why a record is not undone: where it must be gone, it is still there. A branch may keep it in
   * its history if a merge took what the other side had instead, and took nobody's access back.
   */
  async keptBy(made: Brought, now: LyingRecord, rid: Rid): Promise<string | undefined> {
    if (rid === "everywhere") return this.#keptAnywhere(made)
    const { by, file, blob } = made
    const range = { tips: ["HEAD"], since: by.commit }
    if (!(await isIn(this.#git, range, file, blob))) return undefined
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

  async #keptAnywhere({ by, file, blob }: Brought): Promise<string | undefined> {
    const known = (await this.#git.run(["for-each-ref", "--format=%(refname)", "refs/heads"]))
      .toString("utf8")
      .split("\n")
    if (!known.some((branch) => branch !== "" && by.isOf(branch))) {
      return "may have been published: the branch that it was made on is gone"
    }
    const tips = ["--exclude=refs/stash", "--all"]
    const isKept = await isIn(this.#git, { tips, since: by.commit }, file, blob)
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
