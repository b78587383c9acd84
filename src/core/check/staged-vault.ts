import { VaultError } from "../words/errors.js"
import type { VaultFiles } from "../disk/files.js"
import { type Reach, compareReach, reachIn, reachText } from "../records/reach.js"
import { strayProblem, takeOut } from "./stray.js"
import { ageFileForm, sealedProblem } from "../age/age-file.js"
import { readSigned } from "../vault/group-key.js"
import {
  MANIFEST,
  POLICY,
  VAULT_RECORD,
  type VaultFile,
  classify,
  escrowPath,
  groupKeyPath,
  groupPastPath,
  groupRecordPath,
  secretPath,
} from "../words/layout.js"
import { fileWord } from "../words/shell-word.js"
import { pathsOf, unitOf } from "../words/unit.js"
import { parseManifest } from "../records/manifest.js"
import { noMemory } from "../memory/memory.js"
import { signedRules } from "../vault/signed-rules.js"
import { decodeRecord } from "../records/record.js"
import { type Vault, findAgentRecord, findGroup, findSecret, verifyVault } from "../vault/vault.js"

/** A file of a vault in a commit to be. All paths are relative to the vault. */
export interface StagedFile {
  readonly path: string
  /** Undefined: the commit removes it. */
  readonly bytes: Uint8Array | undefined
  /** The versions in the commits that this one follows. */
  readonly before: readonly Uint8Array[]
  /** Whether a commit to be puts it in the place of another version. */
  readonly isReplaced: boolean
  /** Not a plain file, but a link or a submodule. */
  readonly isOdd: boolean
}

/** Why a file of a vault may not be committed as it is. */
export interface VaultProblem {
  readonly path: string
  readonly is: "plaintext" | "invalid" | "set-back"
  readonly message: string
  readonly hint: string
}

/** The files that must be at hand to judge the one at `path`. */
export function neededFor(path: string): readonly string[] {
  const file = classify(path)
  const unit = pathsOf(unitOf(path))
  if (file.is === "secret" || file.is === "sealed") {
    return [VAULT_RECORD, groupRecordPath(file.secret.group), ...unit]
  }
  if (file.is === "vault" || file.is === "policy") return [...unit, MANIFEST]
  // A manifest without the record of its vault is a vault that lost its head.
  return unit.length > 1 ? [VAULT_RECORD, ...unit] : [VAULT_RECORD, MANIFEST, path]
}

/**
 * Judges the files of a vault that a commit changes. `after` is the vault as the commit will hold
 * it, at least what {@link neededFor} names; without it, each file is judged by itself.
 */
export function vaultProblems(
  changed: readonly StagedFile[],
  after: VaultFiles | undefined,
): readonly VaultProblem[] {
  const alone = changed.flatMap(problemsAlone)
  if (after === undefined) return alone
  const bad = new Set(alone.map(({ path }) => path))
  const rest = changed.filter(({ path }) => !bad.has(path) && classify(path).is !== "stray")
  return [...alone, ...problemsTogether(rest, after)]
}

/** What can be said of a file from its own bytes and those it replaces. */
function problemsAlone(file: StagedFile): readonly VaultProblem[] {
  const { path, bytes, before } = file
  const { is } = classify(path)
  if (bytes === undefined) return []
  if (file.isOdd) return [plaintext(path, "is a link or a submodule, and no file of a vault")]
  if (is === "stray") return [stray(path, bytes)]
  if (path.endsWith(".age")) {
    const what = sealedProblem(bytes)
    if (what === undefined) return []
    return [notSealed(file, bytes, what)]
  }
  if (is !== "vault" && is !== "agent" && is !== "group" && is !== "secret") return []
  const problem = refusal(path, () => decodeRecord(is, path, bytes))
  return problem === undefined ? setBacks(path, bytes, before) : [problem]
}

/** What can be said of a file from the records that must speak of it. */
function problemsTogether(
  changed: readonly StagedFile[],
  after: VaultFiles,
): readonly VaultProblem[] {
  if (changed.length === 0 || after.list().length === 0) return []
  let vault: Vault
  try {
    vault = verifyVault(after, noMemory())
  } catch (error) {
    return [asProblem(VAULT_RECORD, error)]
  }
  const problems = changed.flatMap(({ path, bytes }) => {
    const file = classify(path)
    const problem = refusal(path, () => {
      if (file.is === "manifest" && bytes !== undefined) parseManifest(bytes, vault.id)
      else if (file.is === "policy") checkWithRecords(vault, path, file)
      else if (bytes === undefined && !mayGo(path, file)) throw gone(path)
      else checkWithRecords(vault, path, file)
    })
    return problem === undefined ? [] : [problem]
  })
  // A record and its ciphertext, changed together, have the same to say.
  return [...new Map(problems.map((problem) => [problem.message, problem])).values()]
}

function checkWithRecords(vault: Vault, path: string, file: VaultFile): void {
  if (file.is === "agent" || file.is === "escrow") {
    const record = findAgentRecord(vault, file.agent)
    if (record?.escrow !== undefined) {
      readSigned(vault, escrowPath(file.agent), record.escrow)
    } else refuseUnnamed(vault, escrowPath(file.agent))
  } else if (file.is === "secret" || file.is === "sealed") {
    const record = findSecret(vault, file.secret)
    if (record === undefined) refuseUnnamed(vault, secretPath(file.secret))
    else readSigned(vault, secretPath(file.secret), record.digest)
    if (record !== undefined && findGroup(vault, file.secret.group) === undefined) {
      throw invalid(`${path} belongs to a group that has no record`)
    }
  } else if (file.is === "group" || file.is === "group-key" || file.is === "group-past") {
    const record = findGroup(vault, file.group)
    if (record === undefined) refuseUnnamed(vault, groupKeyPath(file.group))
    else readSigned(vault, groupKeyPath(file.group), record.digest)
    if (record?.past === undefined) refuseUnnamed(vault, groupPastPath(file.group))
    else readSigned(vault, groupPastPath(file.group), record.past)
  } else if (file.is === "vault" || file.is === "policy") {
    if (signedRules(vault) === undefined) refuseUnnamed(vault, POLICY)
  }
}

/** A ciphertext that no record asks for: somebody's own, or half of a change. */
function refuseUnnamed(vault: Vault, path: string): void {
  if (vault.files.read(path) === undefined) return
  throw invalid(`${path} is named in no record`)
}

/** Secrets and groups may go; an agent or the vault itself only ends, and a vault has a manifest. */
function mayGo(path: string, { is }: VaultFile): boolean {
  return is !== "agent" && is !== "vault" && path !== MANIFEST
}

/** Epochs first, as freshness compares; a version never falls either. */
function setBacks(
  path: string,
  bytes: Uint8Array,
  before: readonly Uint8Array[],
): readonly VaultProblem[] {
  const now = progressionIn(bytes)
  const highest = before
    .map(progressionIn)
    .sort((a, b) => compareReach(b, a) || b.version - a.version)[0]
  if (highest === undefined) return []
  const order = compareReach(now, highest)
  const isSame = order === 0 && before.some((old) => Buffer.from(old).equals(bytes))
  if ((order > 0 && now.version >= highest.version) || isSame) return []
  const message =
    order === 0
      ? `${path} is another record at the same serial ${now.serial}`
      : `${path} is set back from ${progressionText(highest)} to ${progressionText(now)}`
  const hint = "take the newer record and its .age files, or make the change with agent-vault"
  return [{ path, is: "set-back", message, hint }]
}

/** As far as a record has come, and how many values it has had. */
interface Progression extends Reach {
  readonly version: number
}

/** What is not a record has come nowhere. */
function progressionIn(bytes: Uint8Array): Progression {
  const reach = reachIn(bytes)
  if (reach === undefined) return { epoch: 0, serial: 0, version: 0 }
  const { version = 0 } = JSON.parse(Buffer.from(bytes).toString("utf8")) as { version?: number }
  return { ...reach, version }
}

function progressionText(progression: Progression): string {
  const { version } = progression
  return version > 0 ? `${reachText(progression)}, version ${version}` : reachText(progression)
}

function refusal(path: string, work: () => unknown): VaultProblem | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    return asProblem(path, error)
  }
}

function asProblem(path: string, error: unknown): VaultProblem {
  if (!(error instanceof VaultError)) throw error
  const hint = error.hint ?? "look at it with: agent-vault check"
  return { path, is: "invalid", message: error.message, hint }
}

function stray(path: string, bytes: Uint8Array): VaultProblem {
  const what = strayProblem(bytes)
  if (ageFileForm(bytes) === undefined) return plaintext(path, what)
  return { path, is: "invalid", message: `${path} ${what}`, hint: takeOut(path) }
}

function plaintext(path: string, what: string): VaultProblem {
  const hint = `${takeOut(path)}; a value is stored with: agent-vault set GROUP/NAME`
  return { path, is: "plaintext", message: `${path} ${what}`, hint }
}

/** What is no age file as the vault's are. To take it out would remove a signed file. */
function notSealed(file: StagedFile, bytes: Uint8Array, what: string): VaultProblem {
  const { path } = file
  const isShown = ageFileForm(bytes) === undefined
  if (!file.isReplaced) return isShown ? plaintext(path, what) : stray(path, bytes)
  const hint = `bring back the signed version: git restore --source=HEAD --staged --worktree -- ${fileWord(path)}`
  return { path, is: isShown ? "plaintext" : "invalid", message: `${path} ${what}`, hint }
}

function gone(path: string): VaultError {
  return invalid(`${path} is removed, and records of this kind only end`)
}

function invalid(message: string): VaultError {
  return new VaultError("RECORD_INVALID", message, {
    hint: "commit what agent-vault wrote as a whole, or bring back the rest with git restore",
  })
}
