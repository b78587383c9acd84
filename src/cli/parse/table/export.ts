import type { CommandSpec } from "../call.js"
import { AUDIT, DIR, WHO } from "./options.js"

/** The sandboxes whose settings are made. */
export const SANDBOXES = ["claude", "srt"] as const
/** The formats in which values are printed. */
export const VALUE_NAMES = ["dotenv", "json", "shell"] as const

/** What other programs take of a vault. */
export const EXPORT: readonly CommandSpec[] = [
  {
    name: "export",
    words: "[sandbox]",
    summary: "print values for another program, or the settings of its sandbox, which hold none",
    options: {
      secret: {
        value: "GROUP/NAME[=ENV]",
        short: "s",
        many: true,
        describe: "this secret, as the variable ENV; may be repeated",
      },
      group: {
        value: "GROUP",
        short: "g",
        many: true,
        describe: "every secret of this group; may be repeated",
      },
      format: {
        value: "FORMAT",
        choices: VALUE_NAMES,
        describe: "print the values themselves, to stdout only",
      },
      "to-terminal": { describe: "print them even where stdout is a terminal" },
      ...AUDIT,
      ...DIR,
      ...WHO,
    },
    examples: [
      [
        "agent-vault export -g stripe --format dotenv --agent ci | wc -l",
        "the values, for what reads no vault; prefer run",
      ],
      [
        "agent-vault export claude --agent ci -g stripe",
        "for Claude Code's settings: start it with agent-vault run",
      ],
      ["agent-vault export srt --agent ci -s stripe/api-key", "for sandbox-runtime"],
    ],
    notes:
      "With a sandbox it prints settings, made from the uses of secrets, and no value; without one, `--format` prints the values of the secrets themselves. Sandboxes: claude, srt. They keep to the hosts of a use, not to its methods, paths and places; `agent-vault run --blind` keeps to all of it. Programs differ in how they read backslashes, line breaks and mixed quotes of a dotenv file: give such values by `run`, or as json or shell.",
  },
]
