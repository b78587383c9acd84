import { type ChangeRequest, type Outcome, change } from "../change/change.js"
import { type Session, putRecord } from "../change/session.js"
import { requirePassed, tryPolicy } from "../policy/policy-cases.js"
import { type PolicyRule, encodePolicy } from "../policy/policy-rules.js"
import {
  type PolicyPlan,
  type PolicyWish,
  parsePolicyWish,
  policyPlan,
} from "../policy/policy-wish.js"
import { type VaultRecord, digestOf, unsigned } from "../records/record.js"
import { signedRules } from "../vault/signed-rules.js"
import { VaultError } from "../words/errors.js"
import { POLICY, POLICY_WISH } from "../words/layout.js"

/** What became of a vault's policy. */
interface PolicyChanged {
  /** Absent: nothing. */
  readonly plan?: PolicyPlan | undefined
  /** How many rules it has now. */
  readonly rules: number
  /** How many cases it was tried with. */
  readonly cases: number
}

/** A policy's text, if not the one in policy.yaml, and what its errors call it. */
export interface PolicyText {
  readonly file: string
  readonly bytes: Uint8Array
}

/**
 * Signs the policy that policy.yaml wishes, an uncommitted edit of it included; or another text, which
 * becomes policy.yaml. All of its cases have to come out as they say. Throws `CONFIG_INVALID`,
 * `UNCONFIRMED`.
 */
export function setPolicy(
  request: ChangeRequest,
  text?: PolicyText,
): Promise<Outcome<PolicyChanged>> {
  return change(request, async (session) => {
    const { file = POLICY_WISH, bytes = wishIn(session) } = text ?? {}
    const wish = parsePolicyWish(bytes, file)
    const result = await signWish(session, wish, file)
    session.draft.write(POLICY_WISH, bytes)
    const done = { result, message: "policy set" }
    return text === undefined ? { ...done, wish: POLICY_WISH } : done
  })
}

/** Takes a vault's policy away, and policy.yaml with it. Throws `UNCONFIRMED`, `USAGE` without one. */
export function removePolicy(request: ChangeRequest): Promise<Outcome<PolicyChanged>> {
  return change(request, (session) => {
    const before = signedRules(session.vault)
    if (before === undefined) throw none()
    session.requirePerson("take the policy away, which refuses what it refuses")
    putPolicy(session, undefined)
    session.draft.remove(POLICY_WISH)
    const result = { plan: policyPlan(before, undefined), rules: 0, cases: 0 }
    return Promise.resolve({ result, message: "policy remove" })
  })
}

/** Signs a wish in the draft, if it is another policy than the present one. */
export async function signWish(
  session: Session,
  wish: PolicyWish,
  file: string,
): Promise<PolicyChanged> {
  requirePassed(await tryPolicy(wish, file), file)
  const plan = policyPlan(signedRules(session.vault), wish.rules)
  if (plan !== undefined) {
    session.requirePerson("sign another policy")
    putPolicy(session, wish.rules)
  }
  return { plan, rules: wish.rules.length, cases: wish.cases.length }
}

/** The rules, and their digest in vault.json: so nobody without an owner's key can take them away. */
function putPolicy(session: Session, rules: readonly PolicyRule[] | undefined): void {
  const { vault, draft } = session
  const { policy: _policy, ...body } = unsigned<VaultRecord>(vault.record)
  const bytes = rules && encodePolicy(vault.id, rules)
  if (bytes === undefined) draft.remove(POLICY)
  else draft.write(POLICY, bytes)
  putRecord<VaultRecord>(session, {
    ...body,
    ...(bytes && { policy: digestOf(bytes) }),
    serial: vault.record.serial + 1,
  })
}

function wishIn(session: Session): Uint8Array {
  const bytes = session.draft.read(POLICY_WISH)
  if (bytes !== undefined) return bytes
  throw new VaultError("USAGE", `there is no ${session.folder}/${POLICY_WISH}`, {
    hint: "write one, or name a file: agent-vault policy set FILE; an example: agent-vault policy show --example",
  })
}

/** The refusal where a vault has no policy. */
function none(): VaultError {
  return new VaultError("USAGE", "this vault has no policy", {
    hint: "write one and sign it: agent-vault policy set FILE",
  })
}
