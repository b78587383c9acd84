import { kindOfRecipient } from "../age/age.js"
import { type ErrorCode, VaultError } from "../words/errors.js"
import { openEscrow } from "../vault/escrow.js"
import { openGroupKey, openPastKeys, readSigned } from "../vault/group-key.js"
import type { Key } from "../keys/key-files.js"
import {
  ATTRIBUTES,
  KEY_LIMIT,
  MANIFEST,
  MANIFEST_LIMIT,
  SEALED_LIMIT,
  type VaultFile,
  classify,
  escrowPath,
  groupKeyPath,
  groupPastPath,
  groupRecordPath,
  secretPath,
} from "../words/layout.js"
import { parseManifest } from "../records/manifest.js"
import { type SecretName, foldedCollision } from "../words/names.js"
import { type Plan, makePlan } from "../vault/plan.js"
import { type Exposure, type GroupRecord, type Member, digestOf } from "../records/record.js"
import { readSealedState } from "../vault/sealed-state.js"
import { later, utc } from "../words/time.js"
import {
  type Vault,
  findAgent,
  findAgentRecord,
  findGroup,
  findSecret,
  remember,
} from "../vault/vault.js"

/** Something a check found. `refused` is what a reader would refuse; the rest needs attention. */
export interface CheckFinding {
  readonly severity: "refused" | "attention"
  readonly code: ErrorCode | "EXPOSED" | "EXPIRED" | "EXPIRING" | "STRAY_FILE" | "REMOVED"
  /** The path or name that it is about. */
  readonly subject: string
  readonly message: string
  readonly hint?: string
}

/** What {@link checkVault} found, and how much it looked at. */
export interface CheckReport {
  readonly findings: readonly CheckFinding[]
  readonly secrets: number
  readonly groups: number
  readonly agents: number
  /** What `apply` would do; absent when the manifest cannot be read. */
  readonly pending?: Plan
}

const SOON_SECONDS = 30 * 86_400

/**
 * Looks at everything in a vault whose owners are verified. With an owner's key, opens every
 * escrow and group too. Collects what it finds instead of stopping at the first.
 */
export async function checkVault(vault: Vault, now: Date, owner?: Key): Promise<CheckReport> {
  const findings: CheckFinding[] = []
  const files = recordsFirst(vault.files.list()).map((path) => ({ path, file: classify(path) }))
  const told = new Set<string>()
  const attempt = async (subject: string, work: () => unknown): Promise<void> => {
    try {
      await work()
    } catch (error) {
      const finding = toFinding(subject, error)
      // One broken group must not be told once for each of its secrets.
      if (!told.has(finding.message)) findings.push(finding)
      told.add(finding.message)
    }
  }

  for (const { path, file } of files) {
    await attempt(path, () => checkFile(vault, path, file, now, owner, findings))
  }
  findings.push(...collisions(files.map(({ path }) => path)))
  const pending = await pendingPlan(vault, now, attempt)
  findings.push(...pendingFindings(pending))
  findings.push(...missingFiles(vault))
  const count = (is: VaultFile["is"]): number => files.filter(({ file }) => file.is === is).length
  const counts = { secrets: count("secret"), groups: count("group"), agents: count("agent") }
  return { findings, ...counts, ...(pending === undefined ? {} : { pending }) }
}

/** An error as a finding: what is refused stays what it is. */
export function toFinding(subject: string, error: unknown): CheckFinding {
  if (!(error instanceof VaultError)) throw error
  const { code, message, hint } = error
  const severity = error.exitCode === 5 && code !== "MANIFEST_INVALID" ? "refused" : "attention"
  return { severity, code, subject, message, ...(hint === undefined ? {} : { hint }) }
}

async function checkFile(
  vault: Vault,
  path: string,
  file: VaultFile,
  now: Date,
  owner: Key | undefined,
  findings: CheckFinding[],
): Promise<void> {
  if (file.is === "agent") await checkAgent(vault, file.agent, owner)
  else if (file.is === "group") findings.push(...(await checkGroup(vault, file.group, now, owner)))
  else if (file.is === "secret") findings.push(...checkSecret(vault, file.secret, now))
  else if (!belongs(vault, file)) findings.push(stray(vault, path))
}

async function checkAgent(vault: Vault, agent: string, owner: Key | undefined): Promise<void> {
  const record = findAgentRecord(vault, agent)
  if (record === undefined) return
  remember(vault, record)
  refuseMixed(vault, record.path, [record.recipient])
  if (record.escrow === undefined) return
  readSigned(vault, escrowPath(agent), KEY_LIMIT, record.escrow)
  if (owner !== undefined) await openEscrow(vault, agent, record, owner.identity)
}

async function checkGroup(
  vault: Vault,
  group: string,
  now: Date,
  owner: Key | undefined,
): Promise<CheckFinding[]> {
  const record = findGroup(vault, group)
  if (record === undefined) return []
  remember(vault, record)
  refuseMixed(vault, record.path, [
    record.recipient,
    ...record.members.map(({ recipient }) => recipient),
  ])
  readSigned(vault, groupKeyPath(group), KEY_LIMIT, record.digest)
  if (record.past !== undefined) readSigned(vault, groupPastPath(group), KEY_LIMIT, record.past)
  if (owner !== undefined) {
    await openGroupKey(vault, group, record, [owner.identity])
    await openPastKeys(vault, group, record, [owner.identity])
  }
  return record.members.flatMap((member) => endedGrant(group, member, now))
}

function checkSecret(vault: Vault, name: SecretName, now: Date): CheckFinding[] {
  const record = findSecret(vault, name)
  if (record === undefined) return []
  const group = groupOf(vault, name)
  readSigned(vault, secretPath(name), SEALED_LIMIT, record.digest)
  const findings: CheckFinding[] = []
  const { full } = name
  if (record.sealedTo !== digestOf(group.recipient)) {
    findings.push(
      attention(
        "SEALED_TO_OLD_KEY",
        full,
        "is sealed to an earlier key of its group",
        "agent-vault apply",
      ),
    )
  }
  if (record.exposed !== undefined) {
    const to = record.exposed.map(whoCouldRead).join(", ")
    const hint = `make a new value at its source, then: agent-vault set ${full}`
    findings.push(attention("EXPOSED", full, `could be read by ${to}`, hint))
  }
  const { expires } = record
  if (expires !== undefined && expires <= later(now, SOON_SECONDS)) {
    const isPast = expires <= utc(now)
    const message = isPast ? `expired at ${expires}` : `expires at ${expires}`
    findings.push(
      attention(isPast ? "EXPIRED" : "EXPIRING", full, message, `agent-vault set ${full}`),
    )
  }
  return findings
}

/** After a rekey it is the agent's old key that may no longer read, not the agent. */
function whoCouldRead({ agent, at, why }: Exposure): string {
  return why === "rekeyed" ? `an earlier key of ${agent}` : `${agent}, until ${at}`
}

/** A secret whose group has no record cannot be opened by anyone. */
function groupOf(vault: Vault, name: SecretName): GroupRecord {
  const group = findGroup(vault, name.group)
  if (group !== undefined) return group
  throw new VaultError(
    "RECORD_INVALID",
    `${name.full} belongs to ${name.group}, which has no record`,
    {
      hint: restore(groupRecordPath(name.group)),
    },
  )
}

function endedGrant(group: string, { agent, until }: Member, now: Date): CheckFinding[] {
  if (until === undefined || until > utc(now)) return []
  const message = `the grant to ${agent} ended at ${until}; the key is still the one it knows`
  return [attention("GRANT_ENDED", group, message, "rekey it away: agent-vault apply")]
}

/** Whether a file that holds no record is one that a record asks for. */
function belongs(vault: Vault, file: VaultFile): boolean {
  if (file.is === "escrow") return findAgent(vault, file.agent)?.escrow !== undefined
  if (file.is === "group-key") return findGroup(vault, file.group) !== undefined
  if (file.is === "group-past") return findGroup(vault, file.group)?.past !== undefined
  if (file.is === "sealed") return findSecret(vault, file.secret) !== undefined
  return file.is !== "stray"
}

function stray(vault: Vault, path: string): CheckFinding {
  const bytes = vault.files.read(path, SEALED_LIMIT) ?? new Uint8Array()
  const isSealed =
    Buffer.from(bytes.subarray(0, 22)).toString("latin1") === "age-encryption.org/v1\n"
  const what = isSealed ? "is named in no record" : "is plaintext, and no file of a vault"
  return attention("STRAY_FILE", path, what, `move it out: git rm --cached -- .agent-vault/${path}`)
}

function collisions(paths: readonly string[]): CheckFinding[] {
  const seen = new Map<string, string>()
  return paths.flatMap((path) => {
    const other = seen.get(path.toLowerCase())
    seen.set(path.toLowerCase(), path)
    if (other === undefined || foldedCollision(path, [other]) === undefined) return []
    return [
      attention("NAME_INVALID", path, `differs from ${other} only in case`, "rename one of them"),
    ]
  })
}

/** What is wrong with a record is told of the record, not of a file that leads to it. */
function recordsFirst(paths: readonly string[]): readonly string[] {
  return [
    ...paths.filter((path) => path.endsWith(".json")),
    ...paths.filter((path) => !path.endsWith(".json")),
  ]
}

function missingFiles(vault: Vault): CheckFinding[] {
  const needed = { [MANIFEST]: "MANIFEST_INVALID", [ATTRIBUTES]: "STRAY_FILE" } as const
  return Object.entries(needed).flatMap(([path, code]) =>
    vault.files.read(path, MANIFEST_LIMIT) === undefined
      ? [attention(code, path, "is missing", restore(path))]
      : [],
  )
}

async function pendingPlan(
  vault: Vault,
  now: Date,
  attempt: (subject: string, work: () => unknown) => Promise<void>,
): Promise<Plan | undefined> {
  let plan: Plan | undefined
  await attempt(MANIFEST, () => {
    const bytes = vault.files.read(MANIFEST, MANIFEST_LIMIT)
    if (bytes === undefined) return
    plan = makePlan(parseManifest(bytes, vault.id), readSealedState(vault, "counted"), now)
  })
  return plan
}

function pendingFindings(plan: Plan | undefined): CheckFinding[] {
  return (plan?.groups ?? []).flatMap(({ group, is, gains, losses, retimed, unknown }) => [
    ...(is === "new" ? [notApplied(group, "the group is to be made")] : []),
    ...(is === "gone" ? [notApplied(group, "the group is to go")] : []),
    ...gains.map(({ agent }) => notApplied(group, `${agent} is to open it`)),
    ...losses.map(({ agent }) => notApplied(group, `${agent} is no longer to open it`)),
    ...retimed.map(({ agent }) =>
      notApplied(group, `the grant to ${agent} is to end at another time`),
    ),
    ...unknown.map((agent) =>
      attention(
        "PENDING",
        group,
        `a grant names ${agent}, who is no agent`,
        `agent-vault agent add ${agent}, or correct the manifest`,
      ),
    ),
  ])
}

function notApplied(group: string, what: string): CheckFinding {
  return attention("PENDING", group, what, "look at it and make it so: agent-vault apply")
}

function refuseMixed(vault: Vault, path: string, recipients: readonly string[]): void {
  if (recipients.every((recipient) => kindOfRecipient(recipient) === vault.record.keys)) return
  throw new VaultError("KEYS_MIXED", `${path} mixes classic and post-quantum keys`)
}

function attention(
  code: CheckFinding["code"],
  subject: string,
  message: string,
  hint: string,
): CheckFinding {
  return { severity: "attention", code, subject, message, hint }
}

function restore(path: string): string {
  return `bring it back: git restore -- .agent-vault/${path}`
}
