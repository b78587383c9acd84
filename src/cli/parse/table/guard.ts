import type { CommandSpec } from "../call.js"
import { JSON_OUT } from "./options.js"

const TRYING = {
  "run-hooks": { describe: "for the dry run, run the hook although it came with the repository" },
  ...JSON_OUT,
} as const

/** What keeps secrets out of commits. */
export const GUARD: readonly CommandSpec[] = [
  {
    name: "guard",
    words: "[file..]",
    summary: "stop a commit that holds a key, a credential, or a value of the vault",
    options: {
      range: { value: "A..B", describe: "look at what each commit of a range adds" },
      "pre-push": {
        value: "REMOTE",
        describe: "look at what a push adds, in Git's hook pre-push, whose lines are on stdin",
      },
      all: { describe: "look at every file of the index and of HEAD" },
      stdin: { describe: "look at a text on stdin" },
      ...JSON_OUT,
      sarif: { describe: "print SARIF 2.1.0, for code scanning" },
      fingerprints: { describe: "print the entries that would allow what is found" },
      explain: {
        describe: "print every place where a rule matched, and what became of it or silenced it",
      },
    },
    examples: [
      ["agent-vault guard", "what is staged; exit 0: nothing found, 1: findings"],
      ["agent-vault guard --range origin/main..HEAD", "in CI, and before a push"],
      ["agent-vault guard --all --sarif", "everything, for code scanning"],
      ["agent-vault guard --explain .cursor/mcp.json", "why a value in it is found, or is not"],
    ],
    notes: "With no option and no file it looks at what is staged, as the hook does.",
  },
  {
    name: "guard install",
    words: "",
    summary: "guard every commit: husky, lefthook, pre-commit or plain hooks",
    options: {
      push: { describe: "guard every push too: what it adds, past the hook of a commit" },
      ...TRYING,
    },
    examples: [
      ["agent-vault guard install", "other hooks stay, and run first"],
      ["agent-vault guard install --push", "sees what a rebase or --no-verify brought, too"],
    ],
  },
  {
    name: "guard uninstall",
    words: "",
    summary: "take the guard out of the hooks, without a trace",
    options: TRYING,
    examples: [["agent-vault guard uninstall", "brings an earlier hook back as it was"]],
  },
  {
    name: "guard status",
    words: "",
    summary: "prove by a dry run whether a commit with a key would be stopped",
    options: TRYING,
    examples: [["agent-vault guard status", "exit 0: it would be, 1: it would not"]],
  },
]
