import { LIMITS } from "../words/limits.js"
import { createHash } from "node:crypto"
import { join } from "node:path"
import { createFile, readRegularFile, removeFile } from "../disk/files.js"
import { listFolder } from "../disk/at-path.js"
import { type Environment, inHome, stateHome } from "../disk/homes.js"
import type { Checkout } from "../disk/place.js"
import { branchKey } from "../memory/marks.js"
import type { Tracked } from "./remote-branches.js"

/** A commit that this program made in this clone. */
export interface MadeHere {
  readonly commit: string
  /** The branch that it was made on, as names in the state folder have it. */
  readonly branch: string
  /** Whether it was made on a branch, `refs/heads/main`. */
  readonly isOf: (branch: string) => boolean
  /** Where the remote-tracking branches stood before; undefined if that is not known any more. */
  readonly before: () => Tracked | undefined
}

/** Changes that are remembered of a clone. Of older ones nobody can say that they were made here. */
const KEPT = 500
const ENTRY = /^(\d{15})-([0-9a-f]{32})-([0-9a-f]{40,64})-([0-9a-f]{32})$/

/**
 * Remembers that a commit was made here, and where the remote-tracking branches stood `before`. As
 * the name of an empty file, like a mark; what stood where is a file by its digest, since it is
 * often the same. A remote has no part in either.
 */
export function rememberMade(
  vault: string,
  { clone, branch }: Checkout,
  commit: string,
  before: Tracked,
  env: Environment,
): void {
  if (branch === undefined) return
  const folder = folderOf(vault, clone, env)
  const stood = JSON.stringify(before)
  const digest = createHash("sha256").update(stood).digest("hex").slice(0, 32)
  const at = String(Date.now()).padStart(15, "0")
  inHome("state", () => {
    createFile(stoodFile(folder, digest), stood, 0o600)
    createFile(join(folder, `${at}-${branchKey(branch)}-${commit}-${digest}`), "", 0o600)
    forgetOld(folder)
  })
}

/** The commits that were made in a clone, the oldest first. */
export function madeHere(vault: string, { clone }: Checkout, env: Environment): MadeHere[] {
  const folder = folderOf(vault, clone, env)
  const entries = inHome("state", () => entriesIn(folder))
  return entries.map(({ branch, commit, stood }) => {
    const isOf = (ref: string): boolean => branchKey(ref) === branch
    return { commit, branch, isOf, before: () => readStood(stoodFile(folder, stood)) }
  })
}

interface MadeEntry {
  readonly name: string
  readonly branch: string
  readonly commit: string
  readonly stood: string
}

function entriesIn(folder: string): MadeEntry[] {
  return [...listFolder(folder)].sort().flatMap((name) => {
    const [, , branch, commit, stood] = ENTRY.exec(name) ?? []
    if (branch === undefined || commit === undefined || stood === undefined) return []
    return [{ name, branch, commit, stood }]
  })
}

function forgetOld(folder: string): void {
  const entries = entriesIn(folder)
  if (entries.length <= KEPT) return
  const kept = entries.slice(-KEPT)
  for (const { name } of entries.slice(0, -KEPT)) removeFile(join(folder, name))
  const inUse = new Set(kept.map(({ stood }) => stood))
  for (const name of listFolder(join(folder, STOOD))) {
    if (!inUse.has(name)) removeFile(join(folder, STOOD, name))
  }
}

function readStood(file: string): Tracked | undefined {
  const bytes = inHome("state", () => readRegularFile(file, LIMITS.tracked))
  if (bytes === undefined) return undefined
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8")) as Tracked
  } catch {
    return undefined
  }
}

/** The folder of files that say where the remote-tracking branches stood. */
const STOOD = "stood"

function stoodFile(folder: string, digest: string): string {
  return join(folder, STOOD, digest)
}

function folderOf(vault: string, clone: string, env: Environment): string {
  return join(stateHome(env), vault, "made", clone)
}
