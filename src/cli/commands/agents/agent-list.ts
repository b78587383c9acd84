import { describeAgents } from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { readingKeyless } from "../../door/reading.js"
import { untilText } from "../../door/readers-text.js"
import { asJson, print, table, tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const agents = await readingKeyless(door, place, describeAgents)
  if (await asJson(door, { agents })) return
  if (agents.length === 0) {
    tell(door, "There are no agents yet. Next: agent-vault agent add NAME")
    return
  }
  const rows = agents.map(({ agent, groups, escrow }) => [
    agent,
    groups.map(({ group, until }) => untilText(group, until)).join(", ") || "nothing yet",
    escrow ? "" : "no escrow",
  ])
  await print(door, table([["AGENT", "OPENS", ""], ...rows]))
}
