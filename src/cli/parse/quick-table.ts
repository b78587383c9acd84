import type { CommandSpec, OptionSpec } from "./call.js"
import { COMMANDS } from "./table.js"

/** What a command line is understood by: a command without what only people read of it. */
export interface QuickSpec extends Pick<CommandSpec, "name" | "words"> {
  readonly options: Readonly<Record<string, Omit<OptionSpec, "describe">>>
}

/**
 * The commands of the table, each on a line: its name, a tab, and its {@link QuickSpec} as JSON. The
 * build puts this text in the place of this module, so that a start reads no table
 * (scripts/build-ahead.mjs).
 */
export const QUICK_LINES: string = COMMANDS.map(
  ({ name, words, options }) =>
    `\n${name}\t${JSON.stringify({ name, words, options: quick(options) } satisfies QuickSpec)}`,
).join("")

function quick(options: CommandSpec["options"]): QuickSpec["options"] {
  return Object.fromEntries(
    Object.entries(options).map(([name, { describe: _describe, ...option }]) => [name, option]),
  )
}
