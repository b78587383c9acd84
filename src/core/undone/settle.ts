import { VaultError } from "../words/errors.js"
import type { Environment } from "../disk/homes.js"
import { FolderFiles, type VaultFiles } from "../disk/files.js"
import { type Place, type Checkout, gitPath } from "../disk/place.js"
import { type Git, openGit } from "../git/git.js"
import { blobId } from "../git/git-objects.js"
import {
  type Mark,
  type Marks,
  branchMarks,
  marksOfBranches,
  revokesNote,
  signersNote,
  userMarks,
} from "../memory/marks.js"
import { accessIn } from "../records/revokes.js"
import { compareReach, reachIn, reachText } from "../records/reach.js"
import { type KnownOwners, acceptOwners } from "../records/owners.js"
import { type VaultRecord, decodeRecord, digestOf } from "../records/record.js"
import { VAULT_RECORD, classify } from "../words/layout.js"
import { type Floor, type LyingRecord, type Rid, Whereabouts } from "./whereabouts.js"
import { madeHere } from "./made-here.js"

/** A record that is back where it was before changes that never left this clone. */
export interface Undone {
  readonly path: string
  readonly now: Mark
  /** What was undone. */
  readonly undone: Mark
}

/** What became of records that are behind what was seen of them. */
export interface Settled {
  /** They may be where they are: nothing holds that against them any more. */
  readonly undone: readonly Undone[]
  /** Why the others stay refused, by path. */
  readonly doubts: ReadonlyMap<string, string>
}

const UNKNOWN = "goes on from what this clone does not know"

const NOTHING: Settled = { undone: [], doubts: new Map() }

/**
 * Looks at the records that were set back, and lets go of what was seen of them where nobody but
 * this clone ever had it: undoing that is the user's right. Each step has to be proven: the record
 * was made here; no remote-tracking branch ever had it, and Git's logs tell all that they had; no
 * other clone of this user saw it; the branch is rid of it, or a merge took the other side; and what
 * is there now is no older than what was there before. See docs/decisions/0016. Runs Git. A doubt,
 * or a Git that fails, leaves everything as it is. `files` is the vault that is there, or is to be.
 */
export async function settleUndone(
  vault: string,
  place: Place,
  env: Environment,
  files: VaultFiles = new FolderFiles(place.root),
): Promise<Settled> {
  const { checkout } = place
  if (checkout?.branch === undefined) return NOTHING
  const made = madeHere(vault, checkout, env)
  if (made.length === 0) return NOTHING
  const settling = new Settling(vault, files, checkout, env)
  try {
    const git = await openGit(checkout, env)
    const behind = settling.behind(git)
    if (behind.length === 0) return NOTHING
    const paths = behind.map(({ path }) => path)
    const whereabouts = await Whereabouts.gather(git, gitPath(checkout, place.root), paths, made)
    for (const record of behind) await settling.settle(record, whereabouts)
  } catch (error) {
    // What was let go by then was proven.
    if (!(error instanceof VaultError)) throw error
  }
  return settling
}

/** A record of the vault, and how it lies there. */
interface FoundRecord extends LyingRecord {
  readonly path: string
  /** What this branch has seen of it, and holds against it. */
  readonly refusing: readonly Mark[]
}

/** One look at all records of a vault. */
class Settling implements Settled {
  readonly #vault: string
  readonly #files: VaultFiles
  readonly #checkout: Checkout
  readonly #env: Environment
  readonly #branchMarks: Marks
  readonly #userMarks: Marks
  readonly #floors = new Map<string, Promise<readonly Floor[] | undefined>>()
  readonly undone: Undone[] = []
  readonly doubts = new Map<string, string>()

  constructor(vault: string, files: VaultFiles, checkout: Checkout, env: Environment) {
    this.#vault = vault
    this.#files = files
    this.#checkout = checkout
    this.#env = env
    this.#branchMarks = branchMarks(vault, checkout, env)
    this.#userMarks = userMarks(vault, env)
  }

  /** The records that are behind what was seen of them. */
  behind(git: Git): FoundRecord[] {
    return this.#files.list().flatMap((path) => {
      const bytes = path.endsWith(".json") ? this.#files.read(path) : undefined
      const reach = reachIn(bytes)
      if (bytes === undefined || reach === undefined) return []
      const members = classify(path).is === "group" ? accessIn(bytes)?.members : undefined
      const mark = { ...reach, digest: digestOf(bytes), ...(members && { members }) }
      const refusing = this.#refusing(path, mark, bytes)
      const found = { path, mark, blob: blobId(bytes, git.hash), refusing }
      return refusing.length + this.#aboveOf(found).length > 0 ? [found] : []
    })
  }

  /**
   * The marks of this branch that a record is behind; of vault.json also one that it is beyond, and
   * whose owners did not bring those of now: there an owner was added who is undone.
   */
  #refusing(path: string, mark: Mark, bytes: Uint8Array): readonly Mark[] {
    const marks = this.#branchMarks
    const refusing = marks.refusing(path, mark)
    const highest = path === VAULT_RECORD ? marks.highest(path) : undefined
    if (refusing.length > 0 || highest === undefined) return refusing
    const signers = marks.note(path, highest).split("\n")
    return bringsOthers(bytes, { serial: highest.serial, signers }) ? [highest] : []
  }

  async settle(found: FoundRecord, whereabouts: Whereabouts): Promise<void> {
    await this.#settleBranch(found, whereabouts)
    await this.#settleUser(found, whereabouts)
  }

  /** What this branch has seen of a record. */
  async #settleBranch(found: FoundRecord, whereabouts: Whereabouts): Promise<void> {
    const { path, refusing } = found
    for (const mark of refusing) {
      const floors = await this.#floorOf(mark, found, whereabouts, "branch")
      if (floors === undefined) return
      const [floor] = floors
      const note = floor === undefined ? "" : noteOf(path, floor.bytes)
      this.#branchMarks.fallBack(path, [mark], floor?.mark, note)
      this.undone.push({ path, now: found.mark, undone: mark })
    }
  }

  /** What this user has seen of a group or an agent, on whatever branch. */
  async #settleUser(found: FoundRecord, whereabouts: Whereabouts): Promise<void> {
    const { path } = found
    const above = this.#aboveOf(found)
    const floors: Mark[] = []
    for (const mark of above) {
      const own = await this.#floorOf(mark, found, whereabouts, "everywhere")
      if (own === undefined) return
      for (const floor of own) floors.push(floor.mark)
    }
    const [first] = above
    if (first === undefined) return
    // What other branches and clones have seen still counts.
    const { clone } = this.#checkout
    const seen = [true, false].flatMap((elsewhere) =>
      marksOfBranches(this.#vault, path, { clone, elsewhere }, this.#env),
    )
    const others = seen.filter(({ digest }) => above.every((mark) => mark.digest !== digest))
    const [highest] = [...floors, ...others].sort((one, other) => compareReach(other, one))
    this.#userMarks.fallBack(path, above, highest && coarse(path, highest))
    if (this.undone.some((each) => each.path === path)) return
    this.undone.push({ path, now: found.mark, undone: first })
  }

  /** The marks above a group or an agent that keep this user from sealing to it. */
  #aboveOf({ path, mark }: FoundRecord): readonly Mark[] {
    const { is } = classify(path)
    if (is !== "group" && is !== "agent") return []
    const now = coarse(path, mark)
    return this.#userMarks.refusing(path, now).filter((seen) => compareReach(seen, now) > 0)
  }

  /**
   * What a record must not fall behind once a mark of it is let go, the furthest first: what was
   * there before it was made. Goes on from there if that was made here too. Undefined where the mark
   * has to stay.
   */
  #floorOf(
    mark: Mark,
    found: FoundRecord,
    whereabouts: Whereabouts,
    rid: Rid,
  ): Promise<readonly Floor[] | undefined> {
    // What came after several removals is met from each of them.
    const asked = `${rid} ${found.path} ${mark.digest}`
    const known = this.#floors.get(asked) ?? this.#findFloor(mark, found, whereabouts, rid)
    this.#floors.set(asked, known)
    return known
  }

  async #findFloor(
    mark: Mark,
    found: FoundRecord,
    whereabouts: Whereabouts,
    rid: Rid,
  ): Promise<readonly Floor[] | undefined> {
    const { path } = found
    const made = whereabouts.madeOf(path, mark.digest)
    if (made === undefined) return this.#doubt(path, mark, "was not made in this clone")
    const doubt =
      (await whereabouts.publishedBy(made)) ??
      this.#seenElsewhere(path, mark) ??
      (await whereabouts.keptBy(made, found, rid))
    if (doubt !== undefined) return this.#doubt(path, mark, doubt)
    // A record that was made where none was has nothing to fall behind if it is overtaken.
    if (made.floor === undefined && compareReach(found.mark, made.reach) >= 0) return []
    const beneath = await whereabouts.beneath(made)
    if (beneath === undefined) return this.#doubt(path, mark, UNKNOWN)
    const floors: Floor[] = []
    for (const floor of beneath) {
      const stands = await whereabouts.removalStands(made, floor, found, rid)
      if (stands !== undefined) return this.#doubt(path, floor.mark, stands)
      if (isReached(found.mark, floor.mark)) floors.push(floor)
      else if (compareReach(floor.mark, made.reach) >= 0) return this.#doubt(path, mark, UNKNOWN)
      else {
        const deeper = await this.#floorOf(floor.mark, found, whereabouts, rid)
        if (deeper === undefined) return undefined
        for (const each of deeper) floors.push(each)
      }
    }
    return floors.sort((one, other) => compareReach(other.mark, one.mark))
  }

  #doubt(path: string, mark: Mark, doubt: string): undefined {
    this.doubts.set(path, `${reachText(mark)} ${doubt}`)
  }

  /** Whether another clone of this user has read a record. */
  #seenElsewhere(path: string, { digest }: Mark): string | undefined {
    const { clone } = this.#checkout
    const seen = marksOfBranches(this.#vault, path, { clone, elsewhere: true }, this.#env)
    return seen.some((mark) => mark.digest === digest) ? "is known to another clone" : undefined
  }
}

/** Whether a vault.json lists owners whom none of those known before brought. */
function bringsOthers(bytes: Uint8Array, known: KnownOwners): boolean {
  try {
    acceptOwners(decodeRecord("vault", VAULT_RECORD, bytes), known)
    return false
  } catch (error) {
    return VaultError.is(error, "UNTRUSTED")
  }
}

/** As this user's marks have it: of a group, only the epoch. */
function coarse(path: string, mark: Mark): Mark {
  return classify(path).is === "group" ? { ...mark, serial: 0 } : mark
}

function isReached(now: Mark, floor: Mark): boolean {
  const order = compareReach(now, floor)
  return order > 0 || now.digest === floor.digest
}

/** What the mark of a record keeps that a commit of this program made. */
function noteOf(path: string, bytes: Buffer): string {
  if (path === VAULT_RECORD) {
    return signersNote((JSON.parse(bytes.toString("utf8")) as VaultRecord).owners)
  }
  const access = classify(path).is === "group" ? accessIn(bytes) : undefined
  return access === undefined ? "" : revokesNote(access)
}
