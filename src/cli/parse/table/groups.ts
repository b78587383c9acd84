import type { CommandSpec } from "../call.js"
import { CHANGE, REPORT } from "./options.js"

/** The units of access. */
export const GROUPS: readonly CommandSpec[] = [
  {
    name: "group add",
    words: "<name>",
    summary: "make a group, which nobody opens yet but the owners",
    options: {
      description: { value: "TEXT", describe: "what it is for; stands in the manifest" },
      ...CHANGE,
    },
    examples: [
      ["agent-vault group add mail --description 'what sends mail'", "`set` makes one as well"],
    ],
  },
  {
    name: "group list",
    words: "",
    summary: "list the groups: how many secrets each has, and who opens it; needs no key",
    options: REPORT,
    examples: [["agent-vault group list", "needs no key"]],
  },
  {
    name: "group remove",
    words: "<group>",
    summary: "remove a group, its grants and its keys; one with secrets only if they go too",
    options: {
      "with-secrets": { describe: "remove its secrets too, and do not ask" },
      ...CHANGE,
    },
    examples: [
      ["agent-vault group remove db --with-secrets --dry-run", "who would lose what"],
      ["agent-vault group remove db --with-secrets", "what it held stays in Git's history"],
    ],
  },
  {
    name: "group rekey",
    words: "<group>",
    summary: "give a group a new key, for one whose key somebody may know",
    options: CHANGE,
    examples: [
      ["agent-vault group rekey stripe", "the same agents open it; prints what to rotate"],
    ],
    notes:
      "Every secret of the group is sealed anew, and listed as exposed until it is rotated: whoever had the earlier key could read it. An agent whose own key is lost needs `agent rekey`.",
  },
]
