import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import {
  VAULT_FOLDER,
  VAULT_RECORD,
  findCheckout,
  runQuickly,
  vaultPath,
} from "../../core/guard.js"
import { type ChangedFile, allFiles, rangeChanges, stagedChanges } from "./changes.js"
import { filesAt, refuseFolders } from "./work-files.js"
import { firstOfEach } from "./finding-of.js"
import type { Finding } from "../report/finding.js"
import { type Repository, listVaults, openRepository } from "./repository.js"
import { type OwnValueSearch, searchOwnValues } from "./own-value-search.js"
import type { GuardRequest, Subject } from "../../serving/guarding.js"
import { SETTINGS_FILE, type Report } from "../report/request.js"
import type { Finders } from "./findings-in.js"
import type { Scanned } from "./scan.js"

/** How many contents the guard asks of git at once. */
const AT_ONCE = 64

/** Looks at the subject of a request. Throws `NO_REPOSITORY`, `NO_GIT`, `GIT_FAILED`, `USAGE`. */
export async function look(request: GuardRequest): Promise<Report> {
  const { subject, cwd, env } = request
  if (subject.is === "text" || subject.is === "paths") return lookAtFiles(request, subject)
  const repository = openRepository(cwd, env)
  try {
    if (subject.is === "push") return await lookAtPush(repository, request, subject)
    return await lookAtChanges(repository, request)
  } finally {
    repository.blobs.end()
  }
}

/** Each ref by itself, since each ends with exceptions of its own. */
async function lookAtPush(
  repository: Repository,
  request: GuardRequest,
  { remote, lines }: Extract<Subject, { is: "push" }>,
): Promise<Report> {
  const { pushedRefs, reportOnAll } = await import("./pushed.js")
  const reports: Report[] = []
  for (const { tip, without } of await pushedRefs(repository, remote, lines)) {
    const subject = { is: "range", range: tip, without } as const
    reports.push(await lookAtChanges(repository, { ...request, subject }))
  }
  return reportOnAll(reports)
}

async function lookAtChanges(repository: Repository, request: GuardRequest): Promise<Report> {
  const { subject } = request
  // The scanner loads while git works.
  const [changes, { scanChange }, own, file] = await Promise.all([
    changesOf(repository, subject),
    import("./scan.js"),
    ownValuesOf(repository, request),
    readSettings(repository, subject),
  ])
  const finders = await findersFor(own, file)
  const scanned: (Scanned & { readonly known: readonly Finding[] })[] = []
  for (let at = 0; at < changes.length; at += AT_ONCE) {
    const some = changes.slice(at, at + AT_ONCE)
    const done = await Promise.all(some.map((each) => scanChange(repository, each, finders)))
    for (const [index, one] of done.entries()) scanned.push(ofCommit(one, some[index]))
  }
  const paths = changes.flatMap(({ path, mode }) => (mode === undefined ? [] : [path]))
  const judged = await withoutAllowed(file, scanned, paths, subject.is === "all")
  const inVault = await vaultFindings(repository, changes)
  const findings = [...(await withoutNames(inVault, scanned)), ...judged.findings]
  const settings = { read: file !== undefined, ...whyUnread(repository.top, file, findings) }
  return summary(scanned, { ...judged, findings, settings }, own)
}

async function lookAtFiles(
  request: GuardRequest,
  subject: Extract<Subject, { is: "text" | "paths" }>,
): Promise<Report> {
  const { cwd } = request
  const checkout = findCheckout(cwd)
  const top = checkout?.top ?? cwd
  const git = (args: readonly string[]): Promise<Buffer> => runQuickly(top, request.env, args)
  const [{ scanBytes }, own] = await Promise.all([
    import("./scan.js"),
    searchOwnValues(request, top, async () => (checkout === undefined ? [] : listVaults({ git }))),
  ])
  const files =
    subject.is === "text"
      ? [{ path: "<stdin>", bytes: Buffer.from(subject.bytes) }]
      : filesAt(subject.paths, cwd, top)
  const file = await settingsAt(top)
  const explainer = await explainerFor(request)
  const finders = { ...(await findersFor(own, file)), explainer }
  const scanned: Scanned[] = []
  for (const { path, bytes } of files) {
    const one = scanBytes(path, bytes, finders)
    explainer?.end(one)
    scanned.push(one)
  }
  const judged = await withoutAllowed(file, scanned, [], false)
  const settings = { read: file !== undefined, ...whyUnread(top, file, judged.findings) }
  const report = summary(scanned, { ...judged, settings }, own)
  return explainer ? { ...report, explained: explainer.explain(judged.findings) } : report
}

function changesOf(repository: Repository, subject: Subject): Promise<readonly ChangedFile[]> {
  if (subject.is === "range") return rangeChanges(repository, subject.range, subject.without)
  return subject.is === "all" ? allFiles(repository) : stagedChanges(repository)
}

/** The own values of the repository's vaults. A vault only in the index cannot be read. */
async function ownValuesOf(repository: Repository, request: GuardRequest): Promise<OwnValueSearch> {
  const { top, blobs } = repository
  const own = await searchOwnValues(request, top, () => listVaults(repository))
  if (own.find !== undefined || own.why !== undefined) return own
  const record = await blobs.read(`:${VAULT_FOLDER}/${VAULT_RECORD}`)
  return record === undefined ? {} : { why: "the vault is not in the work tree" }
}

/** The finders that run beside the built-in rules. */
async function findersFor(
  { find }: OwnValueSearch,
  file: Uint8Array | undefined,
): Promise<Finders> {
  // Parsing takes time, and most settings define no rules.
  if (file === undefined || !Buffer.from(file).includes("rules")) return { own: find }
  const { parseSettings } = await import("../allow/settings.js")
  const { rules } = await parseSettings(file)
  if (rules.length === 0) return { own: find }
  const { compileRules } = await import("../allow/custom-rules.js")
  return { own: find, custom: compileRules(rules) }
}

/** What writes down what became of each match: slower, and most often nobody asks. */
async function explainerFor({ explain, subject, cwd }: GuardRequest) {
  if (explain !== true) return undefined
  if (subject.is === "paths") refuseFolders(subject.paths, cwd)
  const { Explainer } = await import("./explainer.js")
  return new Explainer()
}

/** The settings as this commit will hold them, or as the end of a range holds them. */
async function readSettings(
  { blobs }: Repository,
  subject: Subject,
): Promise<Uint8Array | undefined> {
  const end = subject.is === "range" ? endOf(subject.range) : ""
  // A revision with a line break names nothing.
  if (end.includes("\n")) return undefined
  const revision = subject.is === "range" && end === "" ? "HEAD" : end
  const blob = await blobs.read(`${revision}:${SETTINGS_FILE}`)
  if (blob === undefined || blob.bytes !== undefined) return blob?.bytes
  return refuseSettings(`it has ${blob.size} bytes`)
}

/** Says why the guard did not read settings that may have been written to allow a finding. */
function whyUnread(
  top: string,
  file: Uint8Array | undefined,
  findings: readonly Finding[],
): { why?: string } {
  if (file !== undefined || findings.length === 0) return {}
  if (existsSync(join(top, SETTINGS_FILE))) {
    return { why: `${SETTINGS_FILE} is read as it is committed: git add ${SETTINGS_FILE}` }
  }
  const other = SETTINGS_FILE.replace(/yaml$/, "yml")
  return existsSync(join(top, other))
    ? { why: `${other} is not read: call it ${SETTINGS_FILE}` }
    : {}
}

async function refuseSettings(why: string): Promise<never> {
  const { refusal } = await import("../allow/settings.js")
  throw refusal(why)
}

/** The revision that a range ends with: `A..B`, `B`, `B^!`. */
function endOf(range: string): string {
  const end = range.split(/\.{2,3}/).at(-1) ?? ""
  return end.replace(/\^(?:[!@]|-\d*)$/, "")
}

async function settingsAt(top: string): Promise<Uint8Array | undefined> {
  const file = join(top, SETTINGS_FILE)
  if (!existsSync(file)) return undefined
  try {
    return readFileSync(file)
  } catch {
    return refuseSettings("it cannot be read")
  }
}

/** Applies the exceptions, if any could apply. */
async function withoutAllowed(
  file: Uint8Array | undefined,
  scanned: readonly (Scanned & { readonly known?: readonly Finding[] })[],
  paths: readonly string[],
  all: boolean,
): Promise<Pick<Report, "findings" | "allowed" | "stale">> {
  const findings = firstOfEach(scanned.flatMap((each) => each.findings))
  if (file === undefined || !mayMatter(file, findings, paths, all)) {
    return { findings, allowed: 0, stale: [] }
  }
  const [{ parseSettings }, { applyExceptions }] = await Promise.all([
    import("../allow/settings.js"),
    import("../allow/exceptions.js"),
  ])
  const known = scanned.flatMap((each) => each.known ?? [])
  const { allow } = await parseSettings(file)
  return applyExceptions(allow, findings, known, { paths: new Set(paths), all })
}

/** Saves the time of parsing for a commit without findings whose paths no entry names. */
function mayMatter(
  file: Uint8Array,
  findings: readonly Finding[],
  paths: readonly string[],
  all: boolean,
): boolean {
  if (all || findings.length > 0 || paths.includes(SETTINGS_FILE)) return true
  const text = Buffer.from(file).toString("utf8")
  return paths.some((path) => text.includes(path))
}

async function vaultFindings(
  repository: Repository,
  changes: readonly ChangedFile[],
): Promise<readonly Finding[]> {
  if (!changes.some(({ path }) => vaultPath(path) !== undefined)) return []
  const { judgeVaults } = await import("./vault-files.js")
  return judgeVaults(repository, changes)
}

/** Hides credentials in file names from the findings about a vault's files as well. */
async function withoutNames(
  findings: readonly Finding[],
  scanned: readonly Scanned[],
): Promise<readonly Finding[]> {
  const inNames = scanned.flatMap(({ inName }) => inName ?? [])
  if (findings.length === 0 || inNames.length === 0) return findings
  const { withoutFound } = await import("./file-name.js")
  return findings.map(({ path, message = "", hint = "", ...rest }) => ({
    ...rest,
    path: withoutFound(path, inNames),
    message: withoutFound(message, inNames),
    hint: withoutFound(hint, inNames),
  }))
}

function ofCommit<T extends Scanned>(scanned: T, change: ChangedFile | undefined): T {
  const commit = change?.commit
  if (commit === undefined) return scanned
  return { ...scanned, findings: scanned.findings.map((finding) => ({ ...finding, commit })) }
}

type Judgement = Pick<Report, "findings" | "allowed" | "stale" | "settings">

function summary(
  scanned: readonly Scanned[],
  { findings, allowed, stale, settings }: Judgement,
  own: OwnValueSearch,
): Report {
  return {
    findings: findings.filter((finding) => finding.public !== true),
    public: findings.filter((finding) => finding.public === true),
    files: scanned.length,
    allowed: allowed + scanned.reduce((sum, each) => sum + each.allowed.length, 0),
    stale: [...stale, ...scanned.flatMap((each) => each.stale)],
    settings,
    ownValues: {
      looked: own.find !== undefined,
      ...(own.why === undefined ? {} : { why: own.why }),
    },
  }
}
