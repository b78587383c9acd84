import { VaultError, shellWord } from "../../core/index.js"

/** How variables are printed: for a shell, or for a file of them. */
export const LINE_FORMATS = ["sh", "dotenv"] as const

/** What every reader of such files takes for itself: no quotes, no escapes, no references. */
const PLAIN = /^[\w@%+=:,./ -]*$/

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
