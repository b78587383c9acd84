import type { Audit } from "../audit/audit.js"
import { judgeIn } from "../policy/policy-judge.js"
import { NO_REQUEST, type PolicyJudge, type PolicyQuestion } from "../policy/policy-question.js"
import { type SecretRecord, digestOf } from "../records/record.js"
import { VaultError } from "../words/errors.js"
import { POLICY, VAULT_RECORD, bringBack } from "../words/layout.js"
import type { SecretName } from "../words/names.js"
import { tagsOf } from "../words/tags.js"
import type { Vault } from "./vault.js"

/** Judges that were made before, by their vault and the digest that is signed for them. */
const judges = new Map<string, PolicyJudge>()
/** So many of them: a process that lives for days sees many policies. */
const KEPT = 20

/**
 * The judge of a vault's policy, where its vault.json says that there is one: the file has to be the
 * one whose digest is signed there. Nothing is looked for in a vault without a policy. Rejects with
 * `DIGEST_MISMATCH`, `RECORD_INVALID`, `FORMAT_NEWER`.
 */
export async function policyOf(vault: Vault): Promise<PolicyJudge | undefined> {
  const bytes = signedPolicy(vault)
  if (bytes === undefined) return undefined
  const key = `${vault.id} ${vault.record.policy ?? ""}`
  const known = judges.get(key)
  if (known !== undefined) return known
  const judge = await judgeIn(bytes, vault.id)
  if (judges.size >= KEPT) judges.clear()
  judges.set(key, judge)
  return judge
}

/** The bytes of the policy that vault.json signs; undefined where there is none. */
export function signedPolicy({ record, files }: Vault): Uint8Array | undefined {
  const digest = record.policy
  if (digest === undefined) return undefined
  const bytes = files.read(POLICY)
  if (bytes !== undefined && digestOf(bytes) === digest) return bytes
  const why = bytes === undefined ? "is missing" : "is not the one that an owner signed"
  throw new VaultError("DIGEST_MISMATCH", `${POLICY} ${why}`, {
    hint: bringBack(VAULT_RECORD, POLICY),
  })
}

/** Who asks for which secret, by which door. */
interface PolicyAsked {
  readonly agent: string
  readonly door: string
  readonly name: SecretName
  readonly record: Pick<SecretRecord, "reveal" | "tags">
  readonly request?: PolicyQuestion["request"] | undefined
  /** What the caller says of itself, where somebody said it. */
  readonly session?: Partial<Pick<Audit, "client" | "project">> | undefined
  readonly now: Date
}

/** The question that a policy is asked. */
export function questionOf(asked: PolicyAsked): PolicyQuestion {
  const { agent, door, name, record, request = NO_REQUEST, session, now } = asked
  return {
    agent,
    door,
    secret: {
      name: name.full,
      group: name.group,
      reveal: record.reveal ?? "allow",
      tags: tagsOf(record.tags),
    },
    request,
    session: { client: session?.client ?? "", project: session?.project ?? null },
    time: now,
  }
}
