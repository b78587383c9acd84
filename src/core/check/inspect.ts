import { type CheckReport, checkVault } from "./check.js"
import { type CheckFinding, attention, isTold, toFinding } from "./check-finding.js"
import { VaultError } from "../words/errors.js"
import { FolderFiles } from "../disk/files.js"
import { type Git, checkoutAround, openGit } from "../git/git.js"
import { commitOf, isShallowClone, resolveCommit } from "../git/git-objects.js"
import { lackingFiles } from "../git/object-health.js"
import { baseVault } from "./base-vault.js"
import { type Comparison, checkAgainst } from "./history.js"
import { contains } from "../git/git-merge.js"
import { shellWord } from "../words/shell-word.js"
import { findUndoneRevokes } from "./past-revokes.js"
import { findSetbacks } from "./setbacks.js"
import type { Environment } from "../disk/homes.js"
import { VAULT_RECORD } from "../words/layout.js"
import { journalExists } from "../disk/journal-file.js"
import type { Key } from "../keys/key-files.js"
import { type Place, gitPath } from "../disk/place.js"
import { type Anchor, findAnchor } from "../memory/trust.js"
import { type Vault, openVaultFiles, readVaultRecord, verifyVault } from "../vault/vault.js"
import { type Attempted, acceptingUndone } from "../vault/open.js"
import type { OnNote } from "../words/note.js"
import type { Progress } from "../words/progress.js"
import { memoryOf, noMemory } from "../memory/memory.js"

export interface InspectRequest {
  readonly place: Place
  /** A key whose file may name whom to trust; an owner's opens groups and escrows too. */
  readonly key?: Key | undefined
  readonly env: Environment
  readonly now: Date
  /** Walks all commits that HEAD contains. */
  readonly history?: boolean | undefined
  /** Compares with the vault of this revision, as a pull request with its base. */
  readonly against?: string | undefined
  readonly onProgress?: Progress | undefined
  readonly onNote?: OnNote | undefined
}

/** Everything that `check` reports; what changed since `against`, if that is given. */
export interface Inspection extends CheckReport, Partial<Omit<Comparison, "findings">> {
  /** False: the vault agrees with itself, but nothing says that its owners are the right ones. */
  readonly anchored: boolean
  /** The serial of vault.json, for a floor in AGENT_VAULT_MIN_SERIAL. */
  readonly serial: number
}

/** Checks a vault in full; what is wrong with its owners ends the check at once, with that error. */
export async function inspect(request: InspectRequest): Promise<Inspection> {
  const { place, env } = request
  if (journalExists(place)) {
    throw new VaultError("BUSY", "a change of this vault is not complete", {
      hint: "agent-vault repair",
    })
  }
  const { vault, anchor, report } = await acceptingUndone(place, env, request.onNote, () =>
    inspectPresent(request),
  )
  const past = await inspectPast(request, vault, anchor)
  const lacking = await gitLacks(request)
  const more = past.findings.filter((each) => !isTold(each, report.findings))
  const findings = [...report.findings, ...more, ...lacking].sort(bySeverity)
  const { findings: _findings, ...changed } = past
  return {
    ...report,
    findings,
    anchored: anchor !== undefined,
    serial: vault.record.serial,
    ...changed,
  }
}

/** What is there now, and whether some of it is refused as set back. */
async function inspectPresent({
  place,
  key,
  env,
  now,
  onProgress,
}: InspectRequest): Promise<
  Attempted<{ vault: Vault; anchor: Anchor | undefined; report: CheckReport }>
> {
  const { vault, anchor, setBack } = openToInspect(place, key, env)
  const isOwner = vault.owners.some(({ recipient }) => recipient === key?.recipient)
  const found = await checkVault(vault, now, isOwner ? key : undefined, onProgress)
  vault.verifiedBefore.save()
  const report = { ...found, findings: [...setBack, ...found.findings] }
  const hasRefused = setBack.length > 0 || vault.memory.branchMarks.hasRefused
  return { result: { vault, anchor, report }, hasRefused }
}

/** Owners that are genuine and trusted, but set back, end no check: it says so, and goes on. */
function openToInspect(place: Place, key: Key | undefined, env: Environment): Opened {
  const files = new FolderFiles(place.root)
  const id = readVaultRecord(files).vault
  const anchor = findAnchor(id, key?.trust, env)
  if (anchor === undefined) return { vault: verifyVault(files, noMemory()), anchor, setBack: [] }
  const memory = memoryOf(id, place, env)
  try {
    return { vault: openVaultFiles(files, anchor, memory), anchor, setBack: [] }
  } catch (error) {
    if (!VaultError.is(error, "ROLLED_BACK")) throw error
    return { vault: verifyVault(files, memory), anchor, setBack: [toFinding(VAULT_RECORD, error)] }
  }
}

interface Opened {
  readonly vault: Vault
  readonly anchor: Anchor | undefined
  readonly setBack: readonly CheckFinding[]
}

async function inspectPast(
  { place, env, history, against, onProgress }: InspectRequest,
  vault: Vault,
  anchor: Anchor | undefined,
): Promise<Partial<Comparison> & Pick<Comparison, "findings">> {
  if (history !== true && against === undefined) return { findings: [] }
  const { git, folder } = await openRepository(place, env)
  const walked = history === true ? await walkHistory(git, folder, vault, onProgress) : []
  if (against === undefined) return { findings: walked }
  try {
    const commit = await resolveCommit(git, against)
    const base = await baseVault(git, commit, folder, vault, anchor)
    const { findings, ...changed } = checkAgainst(base, vault)
    const told = (await isBehind(git, commit))
      ? findings.map((finding) => behind(finding, against))
      : findings
    return { findings: [...walked, ...told], ...changed }
  } catch (error) {
    if (VaultError.is(error, "USAGE")) throw error
    return { findings: [...walked, toFinding(against, error)] }
  }
}

/** Whether what is checked out is known to lack commits. Where nothing is committed yet, it lacks none. */
async function isBehind(git: Git, commit: string): Promise<boolean> {
  const { branch } = git.checkout
  const isBegun = branch === undefined || (await commitOf(git, branch)) !== undefined
  // Of a history that is cut off, nobody can tell.
  return isBegun && !(await contains(git, "HEAD", commit)) && !(await isShallowClone(git))
}

/** A branch that has not all of what it is compared with may only not know of it. */
function behind(finding: CheckFinding, against: string): CheckFinding {
  const merge = `git merge ${shellWord(against)}`
  const hint = `this branch lacks commits of ${against}, and that may be all: ${merge}; then check again`
  return { hint, ...finding }
}

/** What was set back on the way here, and what revokes on the way count no more. */
async function walkHistory(
  git: Git,
  folder: string,
  vault: Vault,
  onProgress: Progress | undefined,
): Promise<CheckFinding[]> {
  const setbacks = await findSetbacks(git, folder, onProgress)
  const undone = await findUndoneRevokes(git, folder, { to: "HEAD" }, vault, onProgress)
  return [...setbacks, ...undone, ...((await isShallowClone(git)) ? [CUT_OFF] : [])]
}

const CUT_OFF = attention(
  "SHALLOW",
  "this clone",
  "this clone is shallow: what came before its first commits was not checked",
  "git fetch --unshallow; in a CI, fetch the whole history (fetch-depth: 0)",
)

/** What Git could not hand out to anybody who clones: a disk that failed, say, took it. */
async function gitLacks({ place, env, onProgress }: InspectRequest): Promise<CheckFinding[]> {
  if (place.checkout?.branch === undefined) return []
  try {
    const { git, folder } = await openRepository(place, env)
    const commit = await commitOf(git, place.checkout.branch)
    return (await lackingFiles(git, commit, folder, onProgress)).map(({ path, state }) =>
      attention("OBJECT_MISSING", path, `Git's copy is ${state}`, "agent-vault repair"),
    )
  } catch (error) {
    // A copy of a vault is read, and checked, where there is no Git.
    if (VaultError.is(error, "NO_GIT")) return []
    if (VaultError.is(error, "GIT_FAILED")) return [toFinding(place.root, error)]
    throw error
  }
}

async function openRepository(
  place: Place,
  env: Environment,
): Promise<{ git: Git; folder: string }> {
  const hint = "the past of a vault can be checked in a clone of its repository"
  const checkout = checkoutAround(place, hint)
  const folder = gitPath(checkout, place.root)
  return { git: await openGit(checkout, env), folder }
}

function bySeverity(a: CheckFinding, b: CheckFinding): number {
  return Number(a.severity === "attention") - Number(b.severity === "attention")
}
