import { checkFile } from "./check-file.js"
import { type CheckFinding, attention, restore, toFinding } from "./check-finding.js"
import type { Key } from "../keys/key-files.js"
import {
  ATTRIBUTES,
  MANIFEST,
  POLICY,
  POLICY_WISH,
  VAULT_RECORD,
  type VaultFile,
  classify,
} from "../words/layout.js"
import { VaultError } from "../words/errors.js"
import { givingWay } from "../words/giving-way.js"
import type { PolicyRule } from "../policy/policy-rules.js"
import type { Progress } from "../words/progress.js"
import { parsePolicyWish, policyPlan } from "../policy/policy-wish.js"
import { signedRules } from "../vault/signed-rules.js"
import { parseManifest } from "../records/manifest.js"
import { type SecretName, foldedCollision } from "../words/names.js"
import type { Rotation } from "../records/rotation.js"
import { type Due, whyDue } from "../vault/due.js"
import { describeSecret } from "../vault/listing.js"
import { type GroupPlan, type Plan, type SealedState, makePlan } from "../vault/plan.js"
import { readSealedState, refuseFormerOwners } from "../vault/sealed-state.js"
import { type Vault, findAgent, findSecret } from "../vault/vault.js"

/** What {@link checkVault} found, and how much it looked at. */
export interface CheckReport {
  readonly findings: readonly CheckFinding[]
  readonly secrets: number
  readonly groups: number
  /** But for removed ones, whose records stay and are looked at too. */
  readonly agents: number
  /** The secrets that the broker may send, and to which hosts. */
  readonly goes: readonly SecretGoing[]
  /** The secrets to which programs give new values, by their records: none in another store. */
  readonly rotates: readonly SecretRotating[]
  /** What `apply` would do; absent when the manifest cannot be read, or an owner's removal is missing. */
  readonly pending?: Plan
  /** The rules of the policy; absent where there is none, or it is refused. */
  readonly policy?: readonly PolicyRule[]
}

/** Where the uses of a secret let its value go. */
export interface SecretGoing {
  readonly secret: string
  readonly hosts: readonly string[]
}

/** The programs that rotate a secret, and why they should run now, if they should. */
export interface SecretRotating {
  readonly secret: string
  readonly rotation: Rotation
  readonly due: readonly Due[]
}

/**
 * Looks at everything in a vault whose owners are verified. With an owner's key, opens every
 * escrow and group too. Collects what it finds instead of stopping at the first. `onProgress` hears
 * of each file.
 */
export async function checkVault(
  vault: Vault,
  now: Date,
  owner?: Key,
  onProgress?: Progress,
): Promise<CheckReport> {
  const findings: CheckFinding[] = []
  const add = (found: readonly CheckFinding[]): void => {
    for (const finding of found) findings.push(finding)
  }
  const files = recordsFirst(vault.files.list()).map((path) => ({ path, file: classify(path) }))
  const goes: SecretGoing[] = []
  const rotates: SecretRotating[] = []
  const attempt = attemptInto(findings)
  const turn = givingWay()
  let removed = 0

  const policy = await rulesIn(vault, attempt)
  for (const [index, { path, file }] of files.entries()) {
    await attempt(path, async () => {
      add(await checkFile(vault, path, file, now, owner))
      if (file.is === "agent" && findAgent(vault, file.agent) === undefined) removed += 1
      if (file.is !== "secret") return
      const going = goingOf(vault, file.secret)
      if (going !== undefined) goes.push(going)
      const rotating = rotatingOf(vault, file.secret, now)
      if (rotating !== undefined) rotates.push(rotating)
    })
    onProgress?.(index + 1, files.length, "checking files")
    await turn()
  }
  add(collisions(files.map(({ path }) => path)))
  const pending = await pendingPlan(vault, now, attempt)
  add(pendingFindings(pending))
  await attempt(POLICY_WISH, () => requireWished(vault, policy))
  add(missingFiles(vault))
  return {
    findings,
    ...countsOf(files, removed),
    goes,
    rotates,
    ...(pending === undefined ? {} : { pending }),
    ...(policy === undefined ? {} : { policy }),
  }
}

/** What a vault has, by its files; `removed` agents have them too. */
function countsOf(files: readonly { readonly file: VaultFile }[], removed: number) {
  const count = (is: VaultFile["is"]): number => files.filter(({ file }) => file.is === is).length
  return { secrets: count("secret"), groups: count("group"), agents: count("agent") - removed }
}

/** The signed rules; undefined where there are none, or they are refused. */
async function rulesIn(vault: Vault, attempt: Attempt): Promise<readonly PolicyRule[] | undefined> {
  let rules: readonly PolicyRule[] | undefined
  await attempt(POLICY, () => {
    rules = signedRules(vault)
  })
  return rules
}

/** Throws `PENDING` where policy.yaml wishes another policy than the one that is signed. */
function requireWished(vault: Vault, rules: readonly PolicyRule[] | undefined): void {
  // What is refused is told by itself.
  if (rules === undefined && vault.record.policy !== undefined) return
  const bytes = vault.files.read(POLICY_WISH)
  if (bytes === undefined && rules === undefined) return
  if (bytes === undefined) {
    throw new VaultError("PENDING", "is missing, and the policy is signed all the same", {
      hint: `${restore(POLICY_WISH)}; or take the policy away: agent-vault policy remove`,
    })
  }
  if (policyPlan(rules, parsePolicyWish(bytes).rules) === undefined) return
  throw new VaultError("PENDING", "wishes another policy than the one that is signed", {
    hint: "look at it and sign it: agent-vault policy set; committed, with the manifest: agent-vault apply",
  })
}

/** Does a part of the check; what it throws is a finding about `subject`. */
type Attempt = (subject: string, work: () => unknown) => Promise<void>

function attemptInto(findings: CheckFinding[]): Attempt {
  const told = new Set<string>()
  return async (subject, work) => {
    try {
      await work()
    } catch (error) {
      const finding = toFinding(subject, error)
      // A broken group must be reported once, not once for each of its secrets.
      if (!told.has(finding.message)) findings.push(finding)
      told.add(finding.message)
    }
  }
}

function goingOf(vault: Vault, name: SecretName): SecretGoing | undefined {
  const { use = [] } = findSecret(vault, name) ?? {}
  if (use.length === 0) return undefined
  return { secret: name.full, hosts: [...new Set(use.flatMap(({ hosts }) => hosts))] }
}

function rotatingOf(vault: Vault, name: SecretName, now: Date): SecretRotating | undefined {
  const listing = describeSecret(vault, name)
  const { rotation, source } = listing
  if (rotation === undefined || source !== undefined) return undefined
  return { secret: name.full, rotation, due: whyDue(listing, now) }
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

/** Reports a fault of a record for the record, not for a file that leads to it. */
function recordsFirst(paths: readonly string[]): readonly string[] {
  return [
    ...paths.filter((path) => path.endsWith(".json")),
    ...paths.filter((path) => !path.endsWith(".json")),
  ]
}

function missingFiles(vault: Vault): CheckFinding[] {
  const needed = { [MANIFEST]: "MANIFEST_INVALID", [ATTRIBUTES]: "STRAY_FILE" } as const
  return Object.entries(needed).flatMap(([path, code]) =>
    vault.files.read(path) === undefined
      ? [attention(code, path, "is missing", restore(path))]
      : [],
  )
}

async function pendingPlan(vault: Vault, now: Date, attempt: Attempt): Promise<Plan | undefined> {
  let sealed: SealedState | undefined
  let plan: Plan | undefined
  await attempt(VAULT_RECORD, () => {
    const state = readSealedState(vault, "counted")
    refuseFormerOwners(vault, state)
    sealed = state
  })
  await attempt(MANIFEST, () => {
    const bytes = vault.files.read(MANIFEST)
    if (bytes === undefined) return
    const manifest = parseManifest(bytes, vault.id)
    if (sealed !== undefined) plan = makePlan(manifest, sealed, now)
  })
  return plan
}

function pendingFindings(plan: Plan | undefined): CheckFinding[] {
  const escrows = (plan?.escrows ?? []).map((agent) =>
    notApplied(agent, "an owner cannot open its escrow"),
  )
  const groups = (plan?.groups ?? []).flatMap(pendingOf)
  return [...groups, ...escrows]
}

function pendingOf({
  group,
  is,
  gains,
  losses,
  retimed,
  unknown,
  lacksOwner,
  formerOwners = [],
}: GroupPlan): CheckFinding[] {
  return [
    ...formerOwners.map(({ name }) =>
      notApplied(group, `${name}, who was removed as an owner, can still open it`),
    ),
    ...(lacksOwner === true ? [notApplied(group, "an owner cannot open it")] : []),
    ...(is === "new" ? [notApplied(group, "the group is to be made")] : []),
    ...(is === "gone" ? [notApplied(group, "the group is to go")] : []),
    ...gains.map(({ agent, until, reason }) => {
      const end = until === undefined ? "" : ` until ${until}`
      return notApplied(
        group,
        `${agent} is to open it${end}${reason === undefined ? "" : ` (${reason})`}`,
      )
    }),
    ...losses.map(({ agent }) => notApplied(group, `${agent} is no longer to open it`)),
    ...retimed.map(({ agent, from = "never", until = "never" }) =>
      notApplied(group, `the grant to ${agent} is to end ${until}, not ${from}`),
    ),
    ...unknown.map((agent) =>
      attention(
        "PENDING",
        group,
        `a grant names ${agent}, which is not an agent`,
        `agent-vault agent add ${agent}, or correct the manifest`,
      ),
    ),
  ]
}

function notApplied(group: string, what: string): CheckFinding {
  return attention("PENDING", group, what, "look at it and make it so: agent-vault apply")
}
