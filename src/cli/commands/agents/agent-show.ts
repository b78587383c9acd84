import {
  type AgentListing,
  type SecretListing,
  type Vault,
  describeAgent,
  describeOtherSecrets,
  describeUse,
  hasPassed,
  utc,
} from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { readingKeyless } from "../../door/reading.js"
import { asJson, print, table } from "../../door/render.js"
import { placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [name = ""] = door.call.words
  const place = placeOf(door)
  const now = utc(door.now)
  const { agent, sends } = await readingKeyless(door, place, (vault) => {
    const found = describeAgent(vault, name)
    return { agent: found, sends: sendsOf(vault, found, now) }
  })
  if (await asJson(door, { ...agent, sends })) return
  const groups = agent.groups.map(({ group, since, until }) => {
    const end =
      until === undefined
        ? "without end"
        : hasPassed(until, now)
          ? `ended at ${until}`
          : `until ${until}`
    return [`  ${group}`, `since ${since}`, end]
  })
  await print(door, [
    `${agent.agent}, an agent since ${agent.since}`,
    `key     ${shortened(agent.recipient)}`,
    `escrow  ${agent.escrow ? "yes: an owner can recover the key" : "none: the key was made elsewhere"}`,
    groups.length === 0 ? "opens   nothing yet" : "opens",
    ...table(groups),
    ...(sends.length === 0 ? [] : ["sends   by the broker, unseen"]),
    ...table(sends.flatMap(({ name: secret, use }) => usesOf(secret, use))),
  ])
}

/** A secret that the broker sends for an agent, and where. */
type Sent = Required<Pick<SecretListing, "name" | "use">>

/** What the broker sends for an agent now. A record that is refused is sent nowhere. */
function sendsOf(vault: Vault, { groups }: AgentListing, now: string): Sent[] {
  return groups
    .filter(({ until }) => !hasPassed(until, now))
    .flatMap(({ group }) => describeOtherSecrets(vault, group))
    .flatMap(({ name, use }) => (use === undefined ? [] : [{ name, use }]))
}

function usesOf(secret: string, use: Sent["use"]): string[][] {
  return use.map((rule, at) => [at === 0 ? `  ${secret}` : "", describeUse(rule)])
}

/** A post-quantum key has 2,000 characters; --json has them all. */
function shortened(recipient: string): string {
  return recipient.length <= 80 ? recipient : `${recipient.slice(0, 40)}… (--json has all of it)`
}
