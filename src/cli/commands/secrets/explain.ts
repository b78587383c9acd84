import {
  type AskedRequest,
  type Explanation,
  type Going,
  type PolicyJudge,
  type PolicyVerdict,
  type SecretListing,
  VaultError,
  describeAgent,
  describeLease,
  describeReadable,
  describeSecrets,
  explainRequest,
  parseRequest,
  parseSecretName,
  policyOf,
  projectOf,
  questionOf,
  requestOf,
  useCommandFor,
  whichDecided,
} from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { readingVault } from "../../door/reading.js"
import { asJson, print } from "../../door/render.js"
import { identityIfSet, option, placeOf } from "../../door/who.js"

/** Ends with 1 if no secret goes with the request. */
export async function run(door: Door): Promise<number> {
  const [method = "", url = ""] = door.call.words
  const request = parseRequest(method, url)
  const place = placeOf(door)
  const agent = option(door, "agent")
  const identity = await identityIfSet(door, place).catch((error: unknown) => {
    // Whoever asks about an agent needs no key of it.
    if (agent !== undefined && VaultError.is(error, "KEY_NOT_FOUND")) return undefined
    throw error
  })
  const { secrets, judge } = await readingVault(door, place, identity?.trust, async (vault) => {
    const recipient =
      agent === undefined ? identity?.recipient : describeAgent(vault, agent).recipient
    const listed =
      recipient === undefined
        ? describeSecrets(vault)
        : describeReadable(vault, recipient, door.now)
    return { secrets: listed, judge: await policyOf(vault) }
  })
  const asked = { ...request, ...(agent === undefined ? {} : { agent }) }
  const who = agent ?? identity?.agent
  const access = withAccess(explainRequest(secrets, request), secrets, who)
  const asker = { agent: who, project: projectOf(door.env), now: door.now }
  const explanation = {
    ...access,
    goes: withPolicy(withLeases(access.goes, secrets), judge, secrets, request, asker),
  }
  const { goes, stays } = explanation
  const hint =
    goes.length + stays.length > 0
      ? undefined
      : `an owner: ${await useCommandFor(request, secrets.length > 0)}`
  const code = goes.some(({ ask, policy }) => ask === undefined && policy?.effect !== "deny")
    ? 0
    : 1
  const document = { ...asked, ...explanation, ...(hint === undefined ? {} : { hint }) }
  if (await asJson(door, document)) return code
  await print(door, linesOf(explanation, request, hint))
  return code
}

/** A secret that would go, and what an owner would type first. */
type GoingTold = Going & {
  readonly ask?: string
  /** What the vault's policy says; absent where there is none, or nobody said which agent. */
  readonly policy?: PolicyVerdict
  /** What it is exchanged for on its way. */
  readonly lease?: SecretListing["lease"]
}

interface Access {
  readonly goes: readonly GoingTold[]
  readonly stays: Explanation["stays"]
}

/** Adds what whoever asks may not open: a rule alone lets nobody use a secret. */
function withAccess(
  { goes, stays }: Explanation,
  secrets: readonly (SecretListing & { readonly readable?: boolean })[],
  agent = "AGENT",
): Access {
  const closed = new Set(secrets.flatMap(({ name, readable }) => (readable === false ? name : [])))
  const told = goes.map((each): GoingTold => {
    const [group = ""] = each.secret.split("/")
    return closed.has(each.secret) ? { ...each, ask: `agent-vault grant ${agent} ${group}` } : each
  })
  return { goes: told, stays }
}

/** Adds of each that is leased how: what is sealed does not go. */
function withLeases(
  goes: readonly GoingTold[],
  secrets: readonly SecretListing[],
): readonly GoingTold[] {
  return goes.map((each) => {
    const { lease } = secrets.find(({ name }) => name === each.secret) ?? {}
    return lease === undefined ? each : { ...each, lease }
  })
}

/** For whom, from which folder and when a policy is asked. */
interface PolicyAsker {
  readonly agent: string | undefined
  readonly project: string | undefined
  readonly now: Date
}

/** Adds what the policy says of each, to the agent that is meant. */
function withPolicy(
  goes: readonly GoingTold[],
  judge: PolicyJudge | undefined,
  secrets: readonly SecretListing[],
  { host, method, path }: AskedRequest,
  { agent, project, now }: PolicyAsker,
): readonly GoingTold[] {
  if (judge === undefined || agent === undefined) return goes
  return goes.map((each) => {
    const record = secrets.find(({ name }) => name === each.secret) ?? {}
    const asked = {
      agent,
      door: "broker",
      name: parseSecretName(each.secret),
      record,
      session: { project },
      now,
    } as const
    const request = requestOf({ host, method, path })
    return { ...each, policy: judge.decide(questionOf({ ...asked, request })) }
  })
}

function linesOf(
  { goes, stays }: Access,
  { method, host, port, path }: AskedRequest,
  hint: string | undefined,
): string[] {
  const target = port === 443 ? host : `${host}:${port}`
  return [
    `${method} ${target}${path}`,
    ...goes.flatMap(({ secret, number, rule, ask, policy, lease }) => [
      `  ${secret} goes in ${rule.at.join(" or ")} as ${rule.scheme}: its rule ${number}${ASKS[rule.ask]}`,
      ...(lease === undefined
        ? []
        : [
            `    what ${rule.scheme === "sigv4" ? "signs" : "goes"} is a lease: ${describeLease(lease)}`,
          ]),
      ...(ask === undefined ? [] : [`    its group is closed to the agent; an owner: ${ask}`]),
      ...(policy === undefined
        ? []
        : [`    the policy: ${policy.effect}, ${whichDecided(policy)}`]),
    ]),
    ...stays.flatMap(({ message, hint: way }) => [
      `  ${message}`,
      ...(way === undefined ? [] : [`    ${way}`]),
    ]),
    ...(hint === undefined
      ? []
      : [`  no use names ${target}, so no secret goes there`, `    ${hint}`]),
  ]
}

const ASKS = {
  never: "",
  session: "; a person is asked until they say yes for the session",
  each: "; a person is asked each time",
}
