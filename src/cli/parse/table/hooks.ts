import type { CommandSpec, OptionSpec } from "../call.js"
import { HOOK_CLIENTS } from "./hook-clients.js"
import { DIR, JSON_OUT } from "./options.js"

const CLIENTS = HOOK_CLIENTS.map(({ name }) => name)

/** What a hook is told of how commands run; `hooks install` writes it into the client's file. */
const HOW = {
  agent: {
    value: "AGENT",
    describe: "whom commands run as (default: the only one with a key here)",
  },
  group: {
    value: "GROUP",
    short: "g",
    many: true,
    describe: "commands may use every secret of this group; may be repeated",
  },
  secret: {
    value: "GROUP/NAME[=ENV]",
    short: "s",
    many: true,
    describe: "commands may use this secret, as the variable ENV; may be repeated",
  },
  redact: { describe: "hand commands the values, and redact their output; else they run blind" },
  isolate: {
    value: "HOW",
    choices: ["auto", "bwrap", "none"],
    describe: "blind: keep commands from going round the broker (default: auto)",
  },
  allow: {
    value: "HOST",
    many: true,
    describe: "blind: let this host through, and look into what is sent; may be repeated",
  },
} as const satisfies Readonly<Record<string, OptionSpec>>

const WHERE = {
  client: { value: "CLIENT", choices: CLIENTS, describe: "whose hooks" },
  global: { describe: "in your own file, for all projects, and not in the repository's" },
  ...DIR,
} as const

/** Hooks of agents' clients. */
export const HOOKS: readonly CommandSpec[] = [
  {
    name: "hooks install",
    words: "",
    summary: "run what a client's model runs blind, and keep keys and values from it",
    options: {
      ...WHERE,
      ...HOW,
      "api-key": {
        value: "GROUP/NAME",
        describe: "claude-code, codex: take the client's own key from this secret, by its use",
      },
      "dry-run": { describe: "show what would change, and change nothing" },
    },
    examples: [
      [
        "agent-vault hooks install --client claude-code --agent ci -g stripe",
        "commands run blind, with the secrets of stripe",
      ],
      [
        "agent-vault hooks install --client cursor --agent ci --dry-run",
        "only shows what it would write",
      ],
    ],
    notes:
      "Before a command of the model's runs, it is put behind `agent-vault run`. Reads of key files, of .env and of agent-vault's own folders are refused. What comes out of a tool is searched for the vault's values. A hook that fails stops the tool.",
  },
  {
    name: "hooks uninstall",
    words: "",
    summary: "take the hooks out of a client's file again",
    options: WHERE,
    examples: [["agent-vault hooks uninstall --client claude-code", "leaves what else is in it"]],
  },
  {
    name: "hooks status",
    words: "",
    summary: "say which clients have the hooks, and try each of them",
    options: { ...DIR, ...JSON_OUT },
    examples: [["agent-vault hooks status", "asks each hook what a client would ask it"]],
    notes:
      "Exit code 1: a hook does not answer as it should, or the command for a client's own key prints none.",
  },
  {
    name: "hooks answer",
    words: "<client>",
    summary: "answer a client's hook: its message is on stdin, the answer goes to stdout",
    options: HOW,
    examples: [
      ["echo '{}' | agent-vault hooks answer claude-code --agent ci", "what the client starts"],
    ],
    notes: `Clients: ${CLIENTS.join(", ")}.`,
  },
]
