import type { CanaryState } from "../../../core/owner.js"
import { canariesOf } from "../../door/canaries-here.js"
import type { Door } from "../../door/door.js"
import { asJson, print, table, tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"

const HEAD = ["CANARY", "MADE FOR", "LOOKS LIKE", "SINCE", "IS"]

export async function run(door: Door): Promise<void> {
  const { all, knownTo } = await canariesOf(door, placeOf(door))
  if (await asJson(door, { canaries: all, knownTo })) return
  if (all.length === 0) {
    tell(door, "There is no canary here. Next: agent-vault canary add AGENT")
    return
  }
  await print(door, table([HEAD, ...all.map(row)]))
  tell(
    door,
    ...knownTo.map(
      (agent) =>
        `${agent} opens owner-notes, and so knows them: agent-vault revoke ${agent} owner-notes`,
    ),
  )
}

function row(canary: CanaryState): string[] {
  const { secret, agent, service, placed } = canary
  return [secret, agent, service, placed, standing(canary)]
}

function standing({ is, agent, openedBy, removed = "" }: CanaryState): string {
  if (is === "removed") return `removed ${removed}`
  if (is === "replaced") return "another value now: no canary"
  if (is === "gone") return "not there any more"
  const others = openedBy.filter((name) => name !== agent)
  if (others.length > 0) return `also opened by ${others.join(", ")}: it does not tell them apart`
  return openedBy.length === 0 ? "opened by no agent" : "placed"
}
