import { type ChangeRequest, type Outcome, change } from "../change/change.js"
import { planEdit } from "../change/draft-plan.js"
import { executePlan } from "../change/execute-plan.js"
import { refuseCollisions, refuseGroupCollision } from "../change/free-name.js"
import { type Session, editDraftManifest } from "../change/session.js"
import { SecretStore } from "../change/store-secret.js"
import type { ManifestEdit } from "../records/manifest-edits.js"
import { findService } from "../services/services.js"
import { readersOfGroup } from "../vault/group-readers.js"
import type { Plan } from "../vault/plan.js"
import { findGroup, getAgent, getGroup, getSecret } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { parseAgentName, parseGroupName, parseSecretName } from "../words/names.js"
import { utc } from "../words/time.js"
import type { Canary, CanaryNote } from "../records/canary.js"
import { putNotes } from "./canary-notes.js"
import { type CanaryKind, canaryKindOf } from "./canary-value.js"

/** What a canary looks like where nobody names a service. */
const USUAL_SERVICE = "openai"

export interface AddCanariesRequest extends ChangeRequest {
  /** For this agent, or for each one that opens a group. */
  readonly whose: { readonly agent: string } | { readonly group: string }
  /** The service of the catalogue whose keys they look like. */
  readonly service?: string | undefined
}

/** Canaries that were made, and who gained their groups. */
interface AddedCanaries {
  readonly canaries: readonly Canary[]
  readonly plan: Plan
}

interface MadeFor {
  readonly agent: string
  readonly group: string
}

/**
 * Makes a secret that nobody should use for each agent that is meant: in a group of its own, which
 * opens to it alone, with a note for the owners, all in one commit. The vault shows them as any other
 * secret. Throws `AGENT_NOT_FOUND`, `GROUP_NOT_FOUND`, `SERVICE_NOT_FOUND`, `NAME_INVALID`,
 * `PENDING`, and `EXISTS` for a group that is there already.
 */
export function addCanaries(request: AddCanariesRequest): Promise<Outcome<AddedCanaries>> {
  const { whose } = request
  const service = request.service ?? serviceOf(whose)
  const kind = canaryKindOf(service)
  return change(request, async (session) => {
    const meant = meantBy(session, whose, service)
    for (const { group } of meant) refuseTakenGroup(session, group)
    const edits = meant.flatMap(({ agent, group }): ManifestEdit[] => [
      { do: "add-group", group },
      { do: "put-grant", grant: { agent, group } },
    ])
    const groups = meant.map(({ group }) => group)
    const plan = planEdit(session, () => editDraftManifest(session, edits), groups)
    await executePlan(session, plan)
    const notes: CanaryNote[] = []
    for (const each of meant) notes.push(await place(session, each, kind, service))
    await putNotes(
      session,
      notes.map((note) => ({ note })),
    )
    const canaries = notes.map(({ value: _value, ...canary }) => canary)
    // A commit that says more would tell an agent that reads the history.
    return { result: { canaries, plan }, message: `set ${groups.join(", ")}` }
  })
}

/** A group that is called like a service is of its keys. */
function serviceOf(whose: AddCanariesRequest["whose"]): string {
  const isService = "group" in whose && findService(whose.group) !== undefined
  return isService ? whose.group : USUAL_SERVICE
}

function meantBy(session: Session, whose: AddCanariesRequest["whose"], service: string): MadeFor[] {
  if ("agent" in whose) {
    const agent = parseAgentName(whose.agent)
    getAgent(session.vault, agent)
    return [{ agent, group: parseGroupName(`${service}-${agent}`) }]
  }
  const name = parseGroupName(whose.group)
  const readers = readersOfGroup(getGroup(session.vault, name))
  if (readers.length === 0) {
    throw new VaultError("AGENT_NOT_FOUND", `no agent opens ${name}`, {
      hint: `name an agent: agent-vault canary add AGENT; or let one open the group: agent-vault grant AGENT ${name}`,
    })
  }
  return readers.map(({ agent }) => ({ agent, group: parseGroupName(`${name}-${agent}`) }))
}

function refuseTakenGroup(session: Session, group: string): void {
  refuseGroupCollision(session, group)
  if (findGroup(session.vault, group) === undefined) return
  throw new VaultError("EXISTS", `there is a group ${group} already, and a canary has its own`, {
    hint: "see those that are there: agent-vault canary list; or name another service: --service NAME",
  })
}

async function place(
  session: Session,
  { agent, group }: MadeFor,
  { name, env, make }: CanaryKind,
  service: string,
): Promise<CanaryNote> {
  const secret = parseSecretName(`${group}/${name}`)
  refuseCollisions(session, [secret])
  const value = make()
  const store = await SecretStore.for(session, getGroup(session.vault, group), [secret])
  await store.put(secret, Buffer.from(value), { env })
  const { version } = getSecret(session.vault, secret)
  return { secret: secret.full, version, agent, service, placed: utc(session.now), value }
}
