import { type AccessOverview, describeOverview } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { readingKeyless } from "../../door/reading.js"
import { readersText } from "../../door/readers-text.js"
import { asJson, print, table, tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const overview = await readingKeyless(door, place, (vault) => describeOverview(vault, door.now))
  const groups = overview.groups.map((group) => ({
    ...group,
    readers: readersIn(overview, group.group),
  }))
  if (await asJson(door, { groups })) return
  if (groups.length === 0) {
    tell(door, "There are no groups yet. Next: agent-vault set GROUP/NAME")
    return
  }
  const rows = groups.map(({ group, secrets, readers, description = "" }) => [
    group,
    String(secrets),
    readersText(readers) ?? "no agent",
    description,
  ])
  await print(door, table([["GROUP", "SECRETS", "OPENED BY", "DESCRIPTION"], ...rows]))
}

/** Who may open a group now. */
function readersIn({ grants }: AccessOverview, group: string): { agent: string; until?: string }[] {
  return grants
    .filter((grant) => grant.group === group && !grant.isEnded)
    .map(({ agent, until }) => ({ agent, ...(until === undefined ? {} : { until }) }))
}
