import type { CommandSpec } from "../call.js"
import { CHANGE, REPORT } from "./options.js"

/** The owners themselves. */
export const OWNER: readonly CommandSpec[] = [
  {
    name: "owner add",
    words: "<name>",
    summary:
      "make a person an owner, who opens everything and signs changes, with a key of their own",
    options: {
      join: {
        value: "LINE",
        describe: "the line that `agent-vault join NAME --owner` printed at the new owner's",
      },
      fingerprint: {
        value: "TEXT",
        describe: "the fingerprint that the new owner tells you; without it you are asked",
      },
      ...CHANGE,
    },
    examples: [
      ["agent-vault owner add bob --join LINE --dry-run", "what would be sealed to bob"],
      ["agent-vault owner add bob --join LINE", "asks you to compare the fingerprint with bob"],
    ],
    notes:
      "Every group, its earlier keys and every escrow are sealed to the new owner as well, in one commit. Their key is made on their machine and never travels.",
  },
  {
    name: "owner remove",
    words: "<name>",
    summary: "take everything from an owner: new keys for all groups, and for the agents in escrow",
    options: CHANGE,
    examples: [
      ["agent-vault owner remove bob --dry-run", "what would get new keys, and what to rotate"],
      ["agent-vault owner remove bob", "then: deliver the agents' keys, and rotate"],
    ],
    notes:
      "Another owner does it, never the one who leaves, and never the last. Agents whose key was made elsewhere (`join`) keep it. What was read cannot be unread: every value stays listed as exposed until it is rotated.",
  },
  {
    name: "owner list",
    words: "",
    summary:
      "list the owners: who added whom, their fingerprints and signers, and which one is you",
    options: REPORT,
    examples: [["agent-vault owner list", "needs no key"]],
  },
]
