import type { CommandSpec } from "../call.js"
import { CHANGE } from "./options.js"

/** What owners do with secrets that are there. */
export const SECRETS: readonly CommandSpec[] = [
  {
    name: "rm",
    words: "<group/name..>",
    summary: "remove secrets; says who can still read them in Git's history",
    options: CHANGE,
    examples: [
      ["agent-vault rm stripe/api-key", "its values stay in Git's history"],
      ["agent-vault rm stripe/api-key db/url --dry-run", "what would go"],
    ],
    notes:
      "To remove a secret is not to rotate it: a value that was read goes on working until it is ended at its source. `git revert` brings a removed secret back.",
  },
  {
    name: "mv",
    words: "<group/name> <group/name>",
    summary: "give a secret another name, in its group or in another one",
    options: CHANGE,
    examples: [
      ["agent-vault mv stripe/api-key stripe/live-key", "the same agents read it"],
      ["agent-vault mv stripe/api-key shop/stripe --dry-run", "who would gain and lose it"],
    ],
    notes:
      "In another group it is sealed to that group's key, and exposed to the agents that lose it until its value is rotated. What is known of it, and where the broker may send it, goes with it.",
  },
]
