import type { CommandSpec } from "./call.js"
import { COMMANDS } from "./table.js"

/** What commands are about, in the order in which people come to it; a family stands in one part. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  Begin: ["init", "join", "trust", "key"],
  "Use secrets": ["list", "get", "run", "proxy", "hook", "export"],
  "Keep secrets": [
    "set",
    "import",
    "meta",
    "mv",
    "rm",
    "use",
    "explain",
    "services",
    "rotate",
    "rotation",
    "roll",
    "agreement",
    "canary",
  ],
  "Agents and access": ["agent", "group", "grant", "revoke", "apply", "access", "ui"],
  Govern: ["owner", "policy"],
  "Look back": ["history", "who-could-read", "blast", "audit"],
  "Keep it whole": ["status", "sync", "resolve", "check", "doctor", "repair", "git"],
  Integrations: ["guard", "mcp", "hooks", "bridge", "completion"],
}

/** All commands, by what they are about. */
export function commandParts(): readonly (readonly [title: string, specs: CommandSpec[]])[] {
  return Object.entries(PARTS).map(([title, families]) => [title, families.flatMap(familyNamed)])
}

function familyNamed(family: string): CommandSpec[] {
  return COMMANDS.filter(({ name }) => name.split(" ")[0] === family)
}
