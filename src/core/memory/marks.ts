import { type Reach, compareReach, reachOf, reachText } from "../records/reach.js"
import { LIMITS } from "../words/limits.js"
import { hash } from "node:crypto"
import { join } from "node:path"
import { VaultError } from "../words/errors.js"
import { createFile, inFolder, readRegularFile, removeFile } from "../disk/files.js"
import { isMixing } from "../disk/in-progress.js"
import { listFolder, lookAt } from "../disk/at-path.js"
import { type Environment, inHome, stateHome } from "../disk/homes.js"
import { VAULT_RECORD, classify } from "../words/layout.js"
import type { Checkout } from "../disk/place.js"
import {
  type GroupRecord,
  type Member,
  type OwnerEntry,
  type VaultDocument,
  digestOf,
  encodeRecord,
} from "../records/record.js"
import { type Revoke, revokeAgain, revokesIn, undoneBy, undoneText } from "../records/revokes.js"

/** How far a record had come when it was accepted. */
export interface Mark extends Reach {
  /** `sha256:` and 64 hex digits, over the bytes of the record's file. */
  readonly digest: string
  /** Who opens the group, where the record is at hand and is a group's. */
  readonly members?: readonly Member[]
}

/** The way out where a record was set back, whatever set it back. */
export const REWIND = "see what accepting that gives up, and decide: agent-vault trust --rewind"

/** Marks of a record that stay below the highest one. */
const KEPT = 15
/** The folder of the marks over all clones and branches. */
const ANY = "any"
const MARK = /^(\d{1,16})\.(\d{1,16})-([0-9a-f]{64})$/

/**
 * The highest mark of each record that was accepted, as files whose *names* are the marks:
 * `<record path>/<epoch>.<serial>-<digest>`. Making a name is atomic and needs no lock, and only
 * lower names are ever removed, so readers that run at once cannot set a mark back.
 */
export class Marks {
  readonly #folder: string | undefined
  readonly #floors: ReadonlyMap<string, number>
  readonly #isPassing: () => boolean
  /** The digests that are known to have a mark: with each of many secrets, their group is met again. */
  readonly #known = new Map<string, string>()
  #hasRefused = false

  /** `isPassing` says that what lies there now is no state to remember: a merge may be aborted. */
  constructor(
    folder: string | undefined,
    floors: ReadonlyMap<string, number> = new Map(),
    isPassing: () => boolean = () => false,
  ) {
    this.#folder = folder
    this.#floors = floors
    this.#isPassing = isPassing
  }

  /** Whether anything was remembered here so far. */
  isThere(): boolean {
    return this.#folder !== undefined && lookAt(this.#folder) !== undefined
  }

  /** Whether a record was refused here for being older than a mark. */
  get hasRefused(): boolean {
    return this.#hasRefused
  }

  highest(path: string): Mark | undefined {
    return this.#marks(path).at(-1)
  }

  /** The marks of the record at `path` that refuse it as it is now. */
  refusing(path: string, now: Mark): readonly Mark[] {
    const marks = this.#marks(path)
    // What was accepted last is looked at with each reading: its notes need not be.
    if (marks.at(-1)?.digest === now.digest) {
      this.#known.set(path, now.digest)
      return marks.filter((seen) => isOlder(now, seen))
    }
    return marks.filter((seen) => isOlder(now, seen) || this.#undone(path, now, seen).length > 0)
  }

  /** Throws `ROLLED_BACK` if the record at `path` is older than one accepted before. */
  refuseOlder(path: string, mark: Mark): void {
    const floor = this.#floors.get(path)
    if (floor !== undefined && mark.serial < floor) {
      throw belowFloor(path, mark.serial, floor)
    }
    const seen = this.refusing(path, mark).at(-1)
    if (seen === undefined) return
    this.#hasRefused = true
    throw rolledBack(path, mark, seen, this.#undone(path, mark, seen)[0])
  }

  /** Remembers an accepted record; `note` is kept with it. Costs at most a look when nothing is new. */
  remember(path: string, mark: Mark, note = ""): void {
    if (this.#folder === undefined || this.#known.get(path) === mark.digest) return
    const earlier = this.#marks(path)
    if (earlier.some((seen) => compareReach(seen, mark) === 0 && seen.digest === mark.digest)) {
      this.#known.set(path, mark.digest)
      return
    }
    if (this.#isPassing()) return
    this.#create(path, mark, note)
    this.#known.set(path, mark.digest)
    // Some lower ones stay: if this one is undone, they count again.
    const lower = earlier.filter((seen) => compareReach(seen, mark) < 0)
    for (const seen of lower.slice(0, -KEPT)) removeFile(this.#file(path, seen))
  }

  /** The note that was kept with a mark. */
  note(path: string, mark: Mark): string {
    const bytes = inHome("state", () => readRegularFile(this.#file(path, mark), LIMITS.markNote))
    return bytes === undefined ? "" : Buffer.from(bytes).toString("utf8")
  }

  /**
   * Lets marks go that a record need not reach any more. What it still has to reach, `floor`, is
   * there before they are gone.
   */
  fallBack(path: string, marks: readonly Mark[], floor?: Mark, note = ""): void {
    this.#known.delete(path)
    if (floor !== undefined) this.#create(path, floor, note)
    for (const mark of marks) inHome("state", () => removeFile(this.#file(path, mark)))
  }

  /** The revokes of a record that was seen, which a group does not know of, however far it came. */
  #undone(path: string, { members }: Mark, seen: Mark): readonly Revoke[] {
    if (members === undefined) return []
    return undoneBy(members, parseRevokes(this.note(path, seen)))
  }

  #create(path: string, mark: Mark, note: string): void {
    // Without memory an older state could be passed off as this one, so it is not optional.
    inHome("state", () => createFile(this.#file(path, mark), note, 0o600))
  }

  #marks(path: string): Mark[] {
    const folder = this.#folder
    if (folder === undefined) return []
    const names = inHome("state", () => listFolder(inFolder(folder, path)))
    return names.flatMap(parseMark).sort(compareReach)
  }

  #file(path: string, mark: Mark): string {
    const digest = mark.digest.slice("sha256:".length)
    return inFolder(this.#folder ?? ".", `${path}/${mark.epoch}.${mark.serial}-${digest}`)
  }
}

/** What was computed once of a record: encoding one with many members takes longer than all else. */
const computed = new WeakMap<VaultDocument, Mark>()

/** The mark of a record whose file has this digest. */
export function markOf(record: VaultDocument, digest?: string): Mark {
  const known = computed.get(record)
  if (known !== undefined) return known
  const mark = { ...reachOf(record), digest: digest ?? digestOf(encodeRecord(record)) }
  const whole = record.kind === "group" ? { ...mark, members: record.members } : mark
  computed.set(record, whole)
  return whole
}

/** The marks of a vault on the branch that is checked out; none where there is no branch. */
export function branchMarks(
  vault: string,
  checkout: Checkout | undefined,
  env: Environment,
): Marks {
  const floors = parseFloors(env["AGENT_VAULT_MIN_SERIAL"])
  if (checkout?.branch === undefined) return new Marks(undefined, floors)
  const folder = inFolder(
    marksFolder(vault, env),
    `${checkout.clone}/${branchKey(checkout.branch)}`,
  )
  return new Marks(folder, floors, () => isMixing(checkout.gitFolder))
}

/** The marks over all clones and branches of a user: nothing older is ever sealed to. */
export function userMarks(vault: string, env: Environment): Marks {
  return new Marks(inFolder(marksFolder(vault, env), ANY))
}

/** What the mark of vault.json keeps: the signers of its owners who have not ended, a line each. */
export function signersNote(owners: readonly OwnerEntry[]): string {
  return owners
    .filter(({ ended }) => ended === undefined)
    .map(({ signer }) => signer)
    .join("\n")
}

/** A branch, as names in the state folder have it. */
export function branchKey(branch: string): string {
  return hash("sha256", branch).slice(0, 32)
}

/** What the mark of a group keeps: whom it lost, and when, a line each. */
export function revokesNote(record: Pick<GroupRecord, "members" | "revoked">): string {
  return revokesIn(record)
    .map(({ agent, at }) => `${at} ${agent}`)
    .join("\n")
}

/** The marks that branches have of a record: of this clone or, `elsewhere`, of the others. */
export function marksOfBranches(
  vault: string,
  path: string,
  where: { readonly clone: string; readonly elsewhere: boolean },
  env: Environment,
): readonly Mark[] {
  const folder = marksFolder(vault, env)
  const clones = listFolder(folder).filter(
    (name) => name !== ANY && (name === where.clone) !== where.elsewhere,
  )
  return clones.flatMap((clone) =>
    listFolder(join(folder, clone)).flatMap((branch) =>
      listFolder(join(folder, clone, branch, path)).flatMap(parseMark),
    ),
  )
}

function marksFolder(vault: string, env: Environment): string {
  return inFolder(stateHome(env), `${vault}/marks`)
}

/** `7` is a floor for vault.json; `groups/stripe.json=4,vault.json=7` names the records. */
function parseFloors(text: string | undefined): ReadonlyMap<string, number> {
  if (text === undefined) return new Map()
  return new Map(
    text.split(",").map((part) => {
      const [, path = VAULT_RECORD, serial = ""] =
        /^(?:([^=]+)=)?(\d{1,15})$/.exec(part.trim()) ?? []
      // A floor that nothing reaches for, a name mistyped, say, would hold nothing off.
      if (serial === "" || !RECORDS.has(classify(path).is)) {
        throw new VaultError("USAGE", "AGENT_VAULT_MIN_SERIAL is not a list of serials", {
          hint: "write 7, or vault.json=7,groups/stripe.json=4",
        })
      }
      return [path, Number(serial)]
    }),
  )
}

/** What has a serial. */
const RECORDS: ReadonlySet<string> = new Set(["vault", "agent", "group", "secret"])

function parseMark(name: string): Mark[] {
  const [, epoch, serial, digest] = MARK.exec(name) ?? []
  if (epoch === undefined) return []
  return [{ epoch: Number(epoch), serial: Number(serial), digest: `sha256:${digest ?? ""}` }]
}

function parseRevokes(note: string): Revoke[] {
  return note.split("\n").flatMap((line) => {
    const [at, agent] = line.split(" ")
    return at === undefined || agent === undefined ? [] : [{ agent, at }]
  })
}

function belowFloor(path: string, serial: number, floor: number): VaultError {
  return new VaultError(
    "ROLLED_BACK",
    `${path} has the serial ${serial}, and AGENT_VAULT_MIN_SERIAL asks for ${floor}`,
    { hint: "get the newer state (git pull), or correct AGENT_VAULT_MIN_SERIAL" },
  )
}

/** Whether a record is older than what was seen, or another one at the same serial. */
function isOlder(now: Mark, seen: Mark): boolean {
  const order = compareReach(now, seen)
  return order < 0 || (order === 0 && now.digest !== seen.digest)
}

function rolledBack(path: string, now: Mark, seen: Mark, undone: Revoke | undefined): VaultError {
  const [why, hint] =
    isOlder(now, seen) || undone === undefined
      ? [behind(now, seen), REWIND]
      : [`it ${undoneText(undone)}`, `${REWIND}; then ${revokeAgain(path, undone)}`]
  return new VaultError("ROLLED_BACK", `${path} was set back: ${why}`, { hint })
}

function behind(now: Mark, seen: Mark): string {
  return compareReach(now, seen) < 0
    ? `it is at ${reachText(now)}, this clone has seen ${reachText(seen)}`
    : `this clone has seen another record at ${reachText(now)}`
}
