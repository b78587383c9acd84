import { kindOfRecipient } from "../age/age.js"
import { type CheckFinding, attention, restore } from "./check-finding.js"
import { decodeHead } from "../audit/audit-head.js"
import { strayProblem, takeOut } from "./stray.js"
import { VaultError } from "../words/errors.js"
import { openEscrow } from "../vault/escrow.js"
import { openGroupKey, openPastKeys, readSigned } from "../vault/group-key.js"
import { endDue } from "../vault/due.js"
import { type Exposed, stillExposed } from "../vault/exposed.js"
import { signedRules } from "../vault/signed-rules.js"
import { conditionProblem } from "../policy/policy-judge.js"
import type { Key } from "../keys/key-files.js"
import {
  POLICY,
  type VaultFile,
  escrowPath,
  groupKeyPath,
  groupPastPath,
  groupRecordPath,
  secretPath,
} from "../words/layout.js"
import type { SecretName } from "../words/names.js"
import { type GroupRecord, type Member, type SecretRecord, digestOf } from "../records/record.js"
import { hasPassed, utc } from "../words/time.js"
import { sealedOwners } from "../vault/sealed-state.js"
import {
  type Vault,
  findAgent,
  findAgentRecord,
  findGroup,
  findSecret,
  remember,
} from "../vault/vault.js"

/** What is wrong with one file of a vault. Throws what a reader would refuse, or ask for. */
export async function checkFile(
  vault: Vault,
  path: string,
  file: VaultFile,
  now: Date,
  owner: Key | undefined,
): Promise<readonly CheckFinding[]> {
  if (file.is === "agent") return checkAgent(vault, file.agent, owner)
  if (file.is === "group") return checkGroup(vault, file.group, now, owner)
  if (file.is === "secret") return checkSecret(vault, file.secret, now)
  if (file.is === "audit-head") return checkHead(vault, path)
  if (file.is === "vault") return checkPolicy(vault)
  return belongs(vault, file) ? [] : [stray(vault, path)]
}

/**
 * The policy that vault.json signs. A rule that cannot be asked denies everything, so it is told here.
 * Throws what a read does.
 */
async function checkPolicy(vault: Vault): Promise<readonly CheckFinding[]> {
  const rules = signedRules(vault)
  if (rules === undefined) return []
  const problem = await conditionProblem(rules)
  if (problem === undefined) return []
  const hint = "no agent gets a value until it is corrected: agent-vault policy set"
  return [attention("CONFIG_INVALID", POLICY, problem, hint)]
}

/** No reader looks at one, so a false one refuses nothing. */
function checkHead(vault: Vault, path: string): CheckFinding[] {
  try {
    decodeHead(path, vault.files.read(path) ?? new Uint8Array(), vault.id)
    return []
  } catch (error) {
    if (!VaultError.is(error)) throw error
    return [attention(error.code, path, error.message, takeOut(path))]
  }
}

async function checkAgent(
  vault: Vault,
  agent: string,
  owner: Key | undefined,
): Promise<CheckFinding[]> {
  const record = findAgentRecord(vault, agent)
  if (record === undefined) return []
  remember(vault, record)
  refuseMixed(vault, record.path, [record.recipient])
  if (record.escrow === undefined) return []
  readSigned(vault, escrowPath(agent), record.escrow)
  if (owner !== undefined) await openEscrow(vault, agent, record, owner.identity)
  return sealedOwners(vault, record).formerOwners.map(({ name }) =>
    attention(
      "EXPOSED",
      agent,
      `its key is known to ${name}, who was removed as an owner`,
      `give it a new one: agent-vault agent rekey ${agent}`,
    ),
  )
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
  readSigned(vault, groupKeyPath(group), record.digest)
  if (record.past !== undefined) readSigned(vault, groupPastPath(group), record.past)
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
  readSigned(vault, secretPath(name), record.digest)
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
  const exposed = stillExposed(vault, name, record)
  if (exposed.length > 0) {
    const to = exposed.map(whoCouldRead).join(", ")
    findings.push(attention("EXPOSED", full, `could be read by ${to}`, newValueHint(full, record)))
  }
  const { expires } = record
  const due = endDue(expires, now)
  if (due !== undefined) {
    const isPast = due === "expired"
    const message = `${isPast ? "expired" : "expires"} at ${expires ?? ""}`
    // Without a new end the new value would have the old one.
    const hint = `${newValueHint(full, record)} --expires 90d`
    findings.push(attention(isPast ? "EXPIRED" : "EXPIRING", full, message, hint))
  }
  return findings
}

function newValueHint(name: string, { rotation, source }: SecretRecord): string {
  if (source !== undefined) {
    return `change the value in its store (${source.store}), then say so: agent-vault set ${name} --source REFERENCE`
  }
  return rotation === undefined
    ? `make a new value at its source, then: agent-vault set ${name}`
    : `have its programs make a new value: agent-vault rotate ${name}`
}

/** After a rekey it is the agent's old key that may no longer read, not the agent. */
function whoCouldRead(exposed: Exposed): string {
  const { at, why } = exposed
  if (!("agent" in exposed)) return `${exposed.owner}, an owner until ${at}`
  return why === "rekeyed" ? `an earlier key of ${exposed.agent}` : `${exposed.agent}, until ${at}`
}

/**
 * A secret whose group has no record cannot be opened by anyone. Nothing but the file may be gone; or a
 * rebase, or the like, brought the secret on top of the group's end. Throws `RECORD_INVALID`.
 */
export function groupOf(vault: Vault, name: SecretName): GroupRecord {
  const group = findGroup(vault, name.group)
  if (group !== undefined) return group
  throw new VaultError(
    "RECORD_INVALID",
    `${name.full} belongs to ${name.group}, which has no record`,
    {
      hint: `${restore(groupRecordPath(name.group))}; if it was removed while this was set: agent-vault resolve`,
    },
  )
}

function endedGrant(group: string, { agent, until }: Member, now: Date): CheckFinding[] {
  if (!hasPassed(until, utc(now))) return []
  const message = `the grant to ${agent} ended at ${until}; the key is still the one it knows`
  return [attention("GRANT_ENDED", group, message, "take it away: agent-vault check --fix")]
}

/** Whether a file that holds no record is one that a record asks for. */
function belongs(vault: Vault, file: VaultFile): boolean {
  if (file.is === "policy") return vault.record.policy !== undefined
  if (file.is === "escrow") return findAgent(vault, file.agent)?.escrow !== undefined
  if (file.is === "group-key") return findGroup(vault, file.group) !== undefined
  if (file.is === "group-past") return findGroup(vault, file.group)?.past !== undefined
  if (file.is === "sealed") return findSecret(vault, file.secret) !== undefined
  return file.is !== "stray"
}

function stray(vault: Vault, path: string): CheckFinding {
  const bytes = vault.files.read(path) ?? new Uint8Array()
  return attention("STRAY_FILE", path, strayProblem(bytes), takeOut(path))
}

function refuseMixed(vault: Vault, path: string, recipients: readonly string[]): void {
  if (recipients.every((recipient) => kindOfRecipient(recipient) === vault.record.keys)) return
  throw new VaultError("KEYS_MIXED", `${path} mixes classic and post-quantum keys`)
}
