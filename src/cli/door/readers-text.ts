import type { GroupReader } from "../../core/owner.js"

/** `ci and deploy until 2026-12-01T00:00:00Z`; undefined where there is nobody. */
export function readersText(readers: readonly GroupReader[]): string | undefined {
  if (readers.length === 0) return undefined
  return readers
    .map(({ agent, until }) => (until === undefined ? agent : `${agent} until ${until}`))
    .join(", ")
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
