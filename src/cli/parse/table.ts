import { type CommandSpec, longestNamed } from "./call.js"
import { ACCESS, POLICIES } from "./table/access.js"
import { AUDITS } from "./table/audit.js"
import { CANARIES } from "./table/canary.js"
import { EXPORT } from "./table/export.js"
import { GROUPS } from "./table/groups.js"
import { GUARD } from "./table/guard.js"
import { HOOK } from "./table/hook.js"
import { HOOKS } from "./table/hooks.js"
import { IMPORT } from "./table/import.js"
import { KEY } from "./table/key.js"
import { MCP } from "./table/mcp.js"
import { WHO } from "./table/options.js"
import { OWNERS } from "./table/governing.js"
import { OWNER } from "./table/owner.js"
import { OWNER_KEY } from "./table/owner-key.js"
import { PROXY } from "./table/proxy.js"
import { READERS } from "./table/readers.js"
import { ROTATE } from "./table/rotate.js"
import { SECRETS } from "./table/secrets.js"
import { SYNC } from "./table/sync.js"
import { UPKEEP } from "./table/upkeep.js"
import { SERVICES, USE } from "./table/use.js"

/**
 * The one table of commands and options. Both parsers, all help, completion and docs/cli.md are
 * made from it.
 */
export const COMMANDS: readonly CommandSpec[] = [
  ...OWNERS,
  ...OWNER,
  ...OWNER_KEY,
  ...KEY,
  ...GROUPS,
  ...SECRETS,
  ...ROTATE,
  ...READERS,
  ...PROXY,
  ...HOOK,
  ...SYNC,
  ...MCP,
  ...HOOKS,
  ...IMPORT,
  ...EXPORT,
  ...USE,
  ...POLICIES,
  ...SERVICES,
  ...AUDITS,
  ...CANARIES,
  ...ACCESS,
  ...GUARD,
  ...UPKEEP,
]

/** Whether an option of a command says who acts there. `init` makes the first who can. */
export function isAboutWho(options: CommandSpec["options"], option: string): boolean {
  return "identity" in options && option in WHO
}

/** The command that the first words name; `agent add` before `agent`. */
export function commandOf(words: readonly string[]): CommandSpec | undefined {
  return longestNamed(words, (name) => COMMANDS.find((command) => command.name === name))
}

/** The commands that begin as the words do, by as many of them as there are such commands for. */
export function familyOf(words: readonly string[]): {
  readonly name: string
  readonly commands: readonly CommandSpec[]
} {
  const families = [2, 1].map((length) => {
    const name = words.slice(0, length).join(" ")
    return { name, commands: COMMANDS.filter((command) => command.name.startsWith(`${name} `)) }
  })
  return (
    families.find(({ commands }) => commands.length > 0) ?? { name: words[0] ?? "", commands: [] }
  )
}
