import type { CommandSpec } from "../call.js"
import { DIR, JSON_OUT, REPORT } from "./options.js"

/** What keeps a vault and a machine in order. */
export const UPKEEP: readonly CommandSpec[] = [
  {
    name: "check",
    words: "",
    summary: "verify everything in the vault; needs no key",
    options: {
      history: { describe: "walk all commits: nothing may have been set back" },
      against: {
        value: "REF",
        describe: "compare with the vault of this revision, as a pull request with its base",
      },
      fix: {
        describe: "first end the grants that ran out: an owner's command, for a CI's schedule too",
      },
      "dry-run": { describe: "with --fix: show which grants it would end, and end none" },
      ...REPORT,
    },
    examples: [
      ["agent-vault check", "exit 0: fine, 1: needs attention, 5: a reader would refuse something"],
      ["agent-vault check --owner", "opens every group and escrow as well"],
      ["agent-vault check --against origin/main", "in a pull request"],
      ["agent-vault check --fix --dry-run", "which grants ran out, and what would be done"],
      ["agent-vault check --fix", "gives a new key to what a grant past its end still opens"],
    ],
  },
  {
    name: "status",
    words: "",
    summary: "say who you are here, what you can open, and what needs attention",
    options: REPORT,
    examples: [["agent-vault status", "which identity decided, and why"]],
  },
  {
    name: "doctor",
    words: "-- [command] [arg..]",
    summary:
      "look at what a vault needs of this machine, or try whether a client follows the broker",
    options: {
      fix: {
        describe:
          "mend what needs no key and no answer: who may look into the folders of keys and state, modes of key files, a change left half done, the merge driver, the guard's hook",
      },
      isolate: {
        value: "HOW",
        choices: ["auto", "bwrap", "none"],
        describe: "try the client as `run --blind --isolate HOW` starts it (default: auto)",
      },
      "no-preload": { describe: "try a Node without our preload" },
      "clean-env": {
        describe: "give the client nothing of this environment but what programs need",
      },
      ...REPORT,
    },
    examples: [
      [
        "agent-vault doctor",
        "git, keys, trust, hook, attributes, clock, isolation: what is wrong, and what mends it",
      ],
      ["agent-vault doctor --fix", "mends what needs no key and no answer"],
      [
        "agent-vault doctor -- curl -sS -H 'Authorization: Bearer {key}' {url}",
        "each step to the service and back, and what mends the one that fails",
      ],
    ],
    notes:
      "Without a command it changes nothing, opens no value, and starts git and a hook of its own alone. {url}, {host} and {key} in a client's arguments stand for a service of our own on this machine, and for a placeholder; they are its variables PROBE_URL, PROBE_HOST and PROBE_KEY too. Its output is on stderr. No packet leaves the machine, and no vault is opened.",
  },
  {
    name: "trust",
    words: "[signer]",
    summary: "show, pin or change the owner whom this machine trusts",
    options: {
      yes: { describe: "do not ask" },
      rewind: { describe: "accept that the vault was set back, on purpose" },
      ...REPORT,
    },
    examples: [
      ["agent-vault trust", "shows the signer to compare; at a terminal, offers to pin it"],
      ["agent-vault trust ed25519:SIGNER", "pins this one"],
      ["agent-vault trust --rewind", "after a deliberate reset of the branch"],
    ],
    notes:
      "All that say whom to trust must agree: the pin, AGENT_VAULT_TRUST and the key file. So the key files of this machine are made to name the same owner.",
  },
  {
    name: "repair",
    words: "",
    summary:
      "complete or discard a change that was interrupted, and clear up after it; needs no key",
    options: { ...DIR, ...JSON_OUT },
    examples: [
      ["agent-vault repair", "any changing command does it too; this also gives Git what it lost"],
    ],
  },
  {
    name: "completion",
    words: "<shell> [word..]",
    summary: "print the completion script for bash, zsh or fish",
    options: {},
    examples: [
      ["source <(agent-vault completion bash)", "in ~/.bashrc"],
      ["source <(agent-vault completion zsh)", "in ~/.zshrc, after compinit"],
      ["agent-vault completion fish | source", "in ~/.config/fish/config.fish"],
    ],
    notes:
      "It completes commands, options, secrets, groups, agents and services, and never uses a key.",
  },
]
