import type { CommandSpec } from "../call.js"
import { AGENT, DIR, JSON_OUT } from "./options.js"

/** Variables in a shell, as long as it is in a repository that a person allowed. */
export const HOOK: readonly CommandSpec[] = [
  {
    name: "hook",
    words: "<shell>",
    summary: "print the hook for bash, zsh or fish: variables of a vault, while a shell is there",
    options: {},
    examples: [
      ['eval "$(agent-vault hook bash)"', "in ~/.bashrc"],
      ['eval "$(agent-vault hook zsh)"', "in ~/.zshrc"],
      ["agent-vault hook fish | source", "in ~/.config/fish/config.fish"],
    ],
    notes:
      "Nothing of a repository is executed, and nothing is set where `hook allow` was not said.",
  },
  {
    name: "hook allow",
    words: "",
    summary: "let shells with the hook have variables here: a running proxy's, or values",
    options: {
      group: {
        value: "GROUP",
        short: "g",
        many: true,
        describe: "the values of this group; may be repeated (default: placeholders, by a proxy)",
      },
      ...DIR,
      agent: AGENT.agent,
      ...JSON_OUT,
    },
    examples: [
      ["agent-vault hook allow", "placeholders, while agent-vault proxy runs"],
      ["agent-vault hook allow -g stripe --agent ci", "the values themselves, as ci reads them"],
    ],
  },
  {
    name: "hook deny",
    words: "",
    summary: "take back what shells were allowed to have here",
    options: { ...DIR, ...JSON_OUT },
    examples: [["agent-vault hook deny", "shells that are here lose it at their next prompt"]],
  },
  {
    name: "hook env",
    words: "<shell>",
    summary: "print what the hook evaluates here",
    options: DIR,
    examples: [["agent-vault hook env bash", "nothing, where nothing was allowed"]],
  },
]
