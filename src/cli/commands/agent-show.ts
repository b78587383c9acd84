import { describeAgent, hasPassed, utc } from "../../core/index.js"
import type { Door } from "../door/door.js"
import { readingVault } from "../door/reading.js"
import { asJson, print, table } from "../door/render.js"
import { identityIfSet, placeOf } from "../door/who.js"

export async function run(door: Door): Promise<void> {
  const [name = ""] = door.call.words
  const place = placeOf(door)
  const key = await identityIfSet(door, place)
  const agent = await readingVault(door, place, key?.trust, (vault) => describeAgent(vault, name))
  if (await asJson(door, agent)) return
  const now = utc(door.now)
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
  ])
}

/** A post-quantum key has 2,000 characters; --json has them all. */
function shortened(recipient: string): string {
  return recipient.length <= 80 ? recipient : `${recipient.slice(0, 40)}… (--json has all of it)`
}
