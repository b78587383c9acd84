import { type ChangeRequest, type Done, type Outcome, change } from "./change.js"
import { planAccess, planEdit, summary } from "./draft-plan.js"
import { type Applied, executePlan } from "./execute-plan.js"
import { VaultError } from "../words/errors.js"
import { NOTES_GROUP, isNote } from "../records/canary.js"
import type { ManifestEdit } from "../records/manifest-edits.js"
import { parseAgentName, parseGroupName, parseNote } from "../words/names.js"
import { type Session, editDraftManifest, readManifest } from "./session.js"
import { hasPassed, utc } from "../words/time.js"
import { refuseReplacedKeys } from "./replaced-keys.js"
import { refuseKnownKey } from "../vault/sealed-state.js"
import { isExpiryOnly } from "../vault/plan.js"
import {
  type Vault,
  findAgent,
  findGroup,
  getAgent,
  getGroup,
  listSecrets,
} from "../vault/vault.js"

export interface GrantRequest extends ChangeRequest {
  readonly agent: string
  readonly groups: readonly string[]
  /** UTC, `YYYY-MM-DDTHH:MM:SSZ`; without it the grant has no end. */
  readonly until?: string | undefined
  readonly reason?: string | undefined
}

export interface RevokeRequest extends ChangeRequest {
  readonly agent: string
  readonly groups: readonly string[] | "all"
}

/**
 * Lets an agent open groups. Granting what is granted changes nothing. Throws `PENDING`, and `USAGE`
 * for the group that tells owners which secrets are canaries.
 */
export function grant(request: GrantRequest): Promise<Outcome<Applied>> {
  const agent = parseAgentName(request.agent)
  const groups = [...new Set(request.groups.map(parseGroupName))]
  const { until, reason } = request
  if (reason !== undefined) parseNote(reason)
  if (hasPassed(until, utc(request.now))) {
    throw new VaultError("USAGE", `the grant would end at ${until}, which is past`, {
      hint: "give a later end (--until, or --for 30d; in the SDK: until)",
    })
  }
  return change(request, (session) => {
    refuseNoAgent(session.vault, agent, groups, "grant")
    refuseKnownKey(session.vault, agent)
    for (const group of groups) getGroup(session.vault, group)
    if (groups.includes(NOTES_GROUP)) refuseNotes(session.vault)
    const edits = groups.flatMap((group): ManifestEdit[] => {
      const line = { agent, group, ...(until && { until }), ...(reason && { reason }) }
      return isGranted(session, line) ? [] : [{ do: "put-grant", grant: line }]
    })
    return editAndApply(session, edits, groups)
  })
}

/** Takes groups from an agent, and rekeys them. Revoking what is not granted changes nothing. */
export function revoke(request: RevokeRequest): Promise<Outcome<Applied>> {
  const agent = parseAgentName(request.agent)
  const named = request.groups === "all" ? "all" : [...new Set(request.groups.map(parseGroupName))]
  return change(request, (session) => {
    refuseNoAgent(session.vault, agent, named === "all" ? [] : named, "revoke")
    if (named !== "all") for (const group of named) getGroup(session.vault, group)
    const granted = readManifest(session).grants.filter((line) => line.agent === agent)
    const groups = named === "all" ? granted.map(({ group }) => group) : named
    const edits = groups.map((group): ManifestEdit => ({ do: "drop-grant", agent, group }))
    return editAndApply(session, edits, groups)
  })
}

/**
 * Gives a new key to each group that a grant which ran out still opens, and changes nothing else. A
 * group whose manifest takes out somebody besides waits for `apply`.
 */
export function endGrants(request: ChangeRequest): Promise<Outcome<Applied>> {
  return change(request, async (session) => {
    const { id, groups } = planAccess(session)
    const plan = { id, groups: groups.filter(isExpiryOnly) }
    const exposed = await executePlan(session, plan)
    return { result: { plan, exposed }, message: `end ${summary(plan)}` }
  })
}

/** Throws `AGENT_NOT_FOUND`, and the line that was meant where agent and group changed places. */
function refuseNoAgent(
  vault: Vault,
  agent: string,
  groups: readonly string[],
  verb: "grant" | "revoke",
): void {
  if (findAgent(vault, agent) !== undefined) return
  const meant = groups.find((group) => findAgent(vault, group) !== undefined)
  if (meant === undefined || findGroup(vault, agent) === undefined) {
    getAgent(vault, agent)
    return
  }
  throw new VaultError("AGENT_NOT_FOUND", `there is no agent ${agent}, it is a group`, {
    hint: `the agent comes first: agent-vault ${verb} ${meant} ${agent}`,
  })
}

/** Whoever opens the notes knows each canary. Other things that owners keep beside them can move. */
function refuseNotes(vault: Vault): void {
  if (!listSecrets(vault, NOTES_GROUP).some(isNote)) return
  throw new VaultError(
    "USAGE",
    `${NOTES_GROUP} says which secrets are canaries, and is for owners`,
    {
      hint: `what an agent is to read goes into another group: agent-vault mv ${NOTES_GROUP}/NAME GROUP/NAME`,
    },
  )
}

async function editAndApply(
  session: Session,
  edits: readonly ManifestEdit[],
  groups: readonly string[],
): Promise<Done<Applied>> {
  const plan = planEdit(session, () => editDraftManifest(session, edits), groups)
  await refuseReplacedKeys(session, plan)
  const exposed = await executePlan(session, plan)
  return { result: { plan, exposed }, message: commitMessage(plan, edits) }
}

function commitMessage(plan: Applied["plan"], edits: readonly ManifestEdit[]): string {
  const verb = edits.some((edit) => edit.do === "drop-grant") ? "revoke" : "grant"
  return `${verb} ${summary(plan)}`
}

function isGranted(
  session: Session,
  wanted: { agent: string; group: string; until?: string; reason?: string },
): boolean {
  return readManifest(session).grants.some(
    (line) =>
      line.agent === wanted.agent &&
      line.group === wanted.group &&
      line.until === wanted.until &&
      (wanted.reason === undefined || line.reason === wanted.reason),
  )
}
