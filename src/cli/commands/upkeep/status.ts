import { existsSync } from "node:fs"
import {
  type Identity,
  type Place,
  agentHarness,
  claimedId,
  describeTrust,
  localAgents,
  mixing,
  ownerKeyFile,
} from "../../../core/index.js"
import {
  type CheckFinding,
  type Standing,
  describeStanding,
  waitingWishes,
} from "../../../core/owner.js"
import { requestLines } from "../../access/request-lines.js"
import type { Door } from "../../door/door.js"
import { inSameFolder } from "../../door/from-here.js"
import { readingVault } from "../../door/reading.js"
import { untilText } from "../../door/readers-text.js"
import {
  asJson,
  counted,
  exitCodeOf,
  findingLines,
  findingsFromHere,
  goingLines,
  print,
} from "../../door/render.js"
import { rotatingLines } from "../../door/rotation-lines.js"
import { identityIfSet, placeOf } from "../../door/who.js"
import { whyUntrusted } from "./trust.js"

const SHOWN = 10

export async function run(door: Door): Promise<number> {
  const place = placeOf(door)
  const id = claimedId(place)
  const identity = await identityIfSet(door, place)
  const trust = describeTrust(place, identity?.trust, door.env)
  const standing = trust.trusted
    ? await readingVault(door, place, identity?.trust, (vault) =>
        describeStanding(vault, identity, door.now),
      )
    : undefined
  const [local, hasOwnerKey] = [localAgents(id, door.env), existsSync(ownerKeyFile(id, door.env))]
  const harness = agentHarness(door.env)
  const isolation = await isolationHere(door)
  const requests = await waitingWishes(place, door.env)
  const document = {
    vault: id,
    root: place.root,
    ...whereInGit(place),
    trust,
    ...(identity === undefined ? {} : { identity: publicIdentity(identity, standing) }),
    ...(harness === undefined ? {} : { harness }),
    localAgents: local,
    isolation,
    requests,
    opens: standing?.opens ?? [],
    goes: standing?.report.goes ?? [],
    rotates: standing?.report.rotates ?? [],
    ...(standing?.report.policy === undefined ? {} : { policy: standing.report.policy }),
    findings: findingsFromHere(standing?.report.findings ?? [], door),
  }
  const held = [...goingLines(document), ...rotatingLines(document)]
  const code = exitCodeOf(document.findings) || (trust.trusted ? 0 : 1)
  if (await asJson(door, document)) return code
  await print(door, [
    `vault     ${id}`,
    `in        ${place.root}`,
    `branch    ${inSameFolder(branchText(place), door.call)}`,
    `trust     ${inSameFolder(trustLine(trust), door.call)}`,
    `identity  ${identityLine(identity, standing, hasOwnerKey ? reading(harness) : undefined)}`,
    ...opensLines(identity, standing),
    `here      ${inSameFolder(keysHere(hasOwnerKey, local), door.call)}`,
    `isolate   ${isolationLine(isolation)}`,
    ...held.map((line) => inSameFolder(line, door.call)),
    ...requestLines(requests),
    ...policyLine(standing),
    ...attentionLines(standing, document.findings),
  ])
  return code
}

/** The branch, and what Git is in the middle of. */
function whereInGit({ checkout }: Place): { readonly branch?: string; readonly during?: string } {
  const branch = checkout?.branch?.replace("refs/heads/", "")
  const during = checkout && mixing(checkout.gitFolder)
  return { ...(branch && { branch }), ...(during && { during }) }
}

function branchText(place: Place): string {
  if (place.checkout === undefined) return "none: not in a Git work tree"
  const { branch, during } = whereInGit(place)
  const name = branch ?? "none: HEAD is detached, so nothing is remembered as seen"
  return during === undefined ? name : `${name}; git ${during} is under way: agent-vault resolve`
}

/** What keeps a blind program from going round the broker, on this machine. */
type Isolation =
  { readonly bubblewrap: string } | { readonly missing: string; readonly hint: string }

async function isolationHere({ others, env }: Door): Promise<Isolation> {
  const broker = await others.broker()
  const found = await broker.findBubblewrap(env)
  return "missing" in found ? found : { bubblewrap: found.version }
}

function isolationLine(isolation: Isolation): string {
  return "missing" in isolation
    ? `none: ${isolation.missing}: ${isolation.hint}`
    : `bubblewrap ${isolation.bubblewrap}, for run --blind`
}

function publicIdentity(
  { decidedBy, recipient }: Identity,
  standing: Standing | undefined,
): object {
  return { decidedBy, recipient, ...(standing?.actor === undefined ? {} : standing.actor) }
}

function trustLine(report: ReturnType<typeof describeTrust>): string {
  const { anchor, trusted } = report
  if (anchor === undefined) return "nobody yet: agent-vault trust"
  const who = `${anchor.signer} (said by ${anchor.from.join(" and ")})`
  return trusted ? who : `${who}, ${whyUntrusted(report)}: agent-vault trust`
}

function keysHere(hasOwnerKey: boolean, agents: readonly string[]): string {
  const owner = hasOwnerKey ? ["an owner's key"] : []
  const keys = [...owner, ...(agents.length > 0 ? [`the keys of ${agents.join(", ")}`] : [])]
  return keys.length > 0 ? keys.join(", ") : "no keys: agent-vault join NAME, or key add FILE"
}

/** Whether the owner's key serves to read as well. */
function reading(harness: string | undefined): string {
  return harness === undefined
    ? "and to read a value at a terminal"
    : `but not to read: ${harness} runs here`
}

/** `ownerReads`: undefined where no owner's key is. */
function identityLine(
  identity: Identity | undefined,
  standing: Standing | undefined,
  ownerReads: string | undefined,
): string {
  if (identity === undefined) {
    return ownerReads === undefined
      ? "none is set, and no owner's key is here"
      : `none is set: the owner's key serves to change the vault, ${ownerReads}`
  }
  const { actor } = standing ?? {}
  const who = actor === undefined ? stranger(identity) : `the ${actor.role} ${actor.name}`
  return `${who}, decided by ${identity.decidedBy}`
}

/** A key file says whose key it was; the vault says whose it is. */
function stranger({ agent }: Identity): string {
  return agent === undefined
    ? "a stranger to this vault"
    : `a key that is not, or no longer, that of ${agent}`
}

function opensLines(identity: Identity | undefined, standing: Standing | undefined): string[] {
  if (identity === undefined || standing === undefined) return []
  const opens = standing.opens.map(({ group, until }) => untilText(group, until))
  const nothing =
    standing.actor === undefined
      ? "nothing: an owner has to let the key in; or use the present one"
      : "nothing: ask an owner for a grant"
  return [`opens     ${opens.join(", ") || nothing}`]
}

function policyLine(standing: Standing | undefined): string[] {
  const rules = standing?.report.policy
  return rules === undefined
    ? []
    : [`policy    ${counted(rules.length, "rule")}: agent-vault policy show`]
}

function attentionLines(
  standing: Standing | undefined,
  findings: readonly CheckFinding[],
): string[] {
  if (standing === undefined) return []
  if (findings.length === 0) return ["state     nothing needs attention"]
  const more =
    findings.length > SHOWN
      ? [`… and ${counted(findings.length - SHOWN, "finding")} more: agent-vault check`]
      : []
  return ["", ...findingLines(findings.slice(0, SHOWN)), ...more]
}
