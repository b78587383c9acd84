import type { CommandSpec } from "../call.js"
import { CHANGE, REPORT } from "./options.js"

/** Secrets that nobody should use, which tell who leaked. */
export const CANARIES: readonly CommandSpec[] = [
  {
    name: "canary add",
    words: "[agent]",
    summary: "make a secret that nobody should use, for one agent, so that it tells who leaked",
    options: {
      group: {
        value: "GROUP",
        short: "g",
        describe: "instead of an agent: one for each agent that opens this group",
      },
      service: {
        value: "SERVICE",
        describe:
          "whose keys it looks like, by `agent-vault services` (default: the group's, or openai)",
      },
      ...CHANGE,
    },
    examples: [
      ["agent-vault canary add ci", "openai-ci/openai-api-key, which ci alone opens"],
      ["agent-vault canary add -g stripe", "one for each agent of stripe, shaped like its keys"],
    ],
    notes:
      "It is a secret as any other, in a group of its own. Which ones are canaries stands in notes that nobody opens but the owners. docs/canaries.md says what a careful agent can tell.",
  },
  {
    name: "canary list",
    words: "",
    summary: "list the canaries: for whom each was made, and who opens it now",
    options: REPORT,
    examples: [["agent-vault canary list --owner", "needs an owner's key"]],
  },
  {
    name: "canary check",
    words: "<file..>",
    summary: "look for canaries in files, folders or stdin, in every form, and say whose they are",
    options: REPORT,
    examples: [
      ["agent-vault canary check paste.txt --owner", "ends with 1 if it has one"],
      ["git log -p --all | agent-vault canary check - --owner", "all that a repository ever had"],
    ],
    notes: "Needs an owner's key. Also those that were removed are looked for.",
  },
  {
    name: "canary remove",
    words: "<group/name..>",
    summary: "take canaries out of the vault; what leaked before is still recognised",
    options: CHANGE,
    examples: [["agent-vault canary remove openai-ci/openai-api-key", "its group goes with it"]],
  },
]
