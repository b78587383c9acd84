import type { CommandSpec } from "../call.js"
import { AGENT, DIR } from "./options.js"

/** The sandboxes whose settings are made. */
export const SANDBOXES = ["claude", "srt"] as const

/** What other programs take of a vault. */
export const EXPORT: readonly CommandSpec[] = [
  {
    name: "export",
    words: "<sandbox>",
    summary: "print the settings of a sandbox of another program's, made from the uses of secrets",
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
      ...DIR,
      ...AGENT,
    },
    examples: [
      [
        "agent-vault export claude --agent ci -g stripe",
        "for Claude Code's settings: start it with agent-vault run",
      ],
      ["agent-vault export srt --agent ci -s stripe/api-key", "for sandbox-runtime"],
    ],
    notes:
      "Sandboxes: claude, srt. They keep to the hosts of a use, not to its methods, paths and places; `agent-vault run --blind` keeps to all of it.",
  },
]
