import { describeAgents } from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { readingVault } from "../../door/reading.js"
import { asJson, print, table, tell } from "../../door/render.js"
import { identityIfSet, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const key = await identityIfSet(door, place)
  const agents = await readingVault(door, place, key?.trust, describeAgents)
  if (await asJson(door, { agents })) return
  if (agents.length === 0) {
    tell(door, "There are no agents yet. Next: agent-vault agent add NAME")
    return
  }
  const rows = agents.map(({ agent, groups, escrow }) => [
    agent,
    groups
      .map(({ group, until }) => (until === undefined ? group : `${group} until ${until}`))
      .join(", ") || "nothing yet",
    escrow ? "" : "no escrow",
  ])
  await print(door, table([["AGENT", "OPENS", ""], ...rows]))
}
