import type { GroupReader } from "../../core/owner.js"

/** `ci, deploy until 2026-12-01T00:00:00Z`; undefined where there is nobody. */
export function readersText(readers: readonly GroupReader[]): string | undefined {
  return readers.map(({ agent, until }) => untilText(agent, until)).join(", ") || undefined
}

/** `deploy until 2026-12-01T00:00:00Z`, or the name alone where there is no end. */
export function untilText(name: string, until: string | undefined): string {
  return until === undefined ? name : `${name} until ${until}`
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
