import { claimedId, localAgents } from "../../core/index.js"
import type { GroupReader } from "../../core/owner.js"
import type { Door } from "./door.js"
import { placeOf } from "./who.js"

/** `ci, deploy until 2026-12-01T00:00:00Z`; undefined where there is nobody. */
export function readersText(readers: readonly GroupReader[]): string | undefined {
  return readers.map(({ agent, until }) => untilText(agent, until)).join(", ") || undefined
}

/** `deploy until 2026-12-01T00:00:00Z`, or the name alone where there is no end. */
export function untilText(name: string, until: string | undefined): string {
  return until === undefined ? name : `${name} until ${until}`
}

/** The line that reads a secret as one of its readers: here, if the key of one is here; or lets one. */
export function nextRead(
  door: Door,
  secret: string,
  readers: readonly Pick<GroupReader, "agent">[],
): string {
  const [group = ""] = secret.split("/")
  if (readers.length === 0) {
    return `No agent can read it yet. Next: agent-vault grant AGENT ${group}`
  }
  const here = new Set(localAgents(claimedId(placeOf(door)), door.env))
  const names = readers.map(({ agent }) => agent)
  const reader = names.find((agent) => here.has(agent))
  const [elsewhere = "AGENT"] = names
  const line = `agent-vault get ${secret} --agent ${reader ?? elsewhere}`
  return reader === undefined ? `Next, where ${elsewhere} runs: ${line}` : `Next: ${line}`
}

/** Who can still read what is gone from the vault, in Git's history. */
export function stillReadable(
  what: "What it held stays" | "Its values stay" | "Their values stay",
  agents: readonly string[],
): string {
  const who = [...new Set(agents)].sort()
  const readers = ["the owners", ...who].join(", ")
  const it = what === "What it held stays" ? "it" : "them"
  return `${what} in Git's history. Who can still read ${it} there: ${readers}.`
}
