import { VaultError, shellWord } from "../../core/index.js"
import type { Door } from "../door/door.js"
import { option } from "../door/who.js"

/** How variables are printed: for a shell, or for a file of them. */
export const LINE_FORMATS = ["sh", "dotenv"] as const

/** What every reader of such files takes for itself: no quotes, no escapes, no references. */
const PLAIN = /^[\w@%+=:,./ -]*$/
const ADDRESS = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/

/** Where something that listens is reached from elsewhere, if it was said. Throws `USAGE`. */
export function addressElsewhere(door: Door): string | undefined {
  const at = option(door, "address")
  if (at === undefined || ADDRESS.test(at)) return at
  throw new VaultError("USAGE", "--address takes HOST:PORT", {
    hint: "for example: --address host.docker.internal:8118",
  })
}

/** The lines that set variables. Throws `USAGE` if a value cannot stand in a file. */
export function variableLines(
  variables: Readonly<Record<string, string>>,
  format: (typeof LINE_FORMATS)[number],
): string {
  const line = format === "sh" ? forShell : forFile
  const lines = Object.entries(variables).map(([name, value]) => line(name, value))
  return `${lines.join("\n")}\n`
}

function forShell(name: string, value: string): string {
  return `export ${name}=${value === "" ? "''" : shellWord(value)}`
}

/** Docker takes quotes literally, and Compose replaces what follows `$`. */
function forFile(name: string, value: string): string {
  if (PLAIN.test(value)) return `${name}=${value}`
  throw new VaultError("USAGE", `${name} cannot stand in a file of variables`, {
    hint: "use --format sh, or name folders without blanks or quotes: --mount PATH",
  })
}
