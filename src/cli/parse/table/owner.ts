import type { CommandSpec } from "../call.js"
import { REPORT } from "./options.js"

/** The owners themselves. */
export const OWNER: readonly CommandSpec[] = [
  {
    name: "owner list",
    words: "",
    summary: "list the owners: who added whom, their fingerprints, and which one is you",
    options: REPORT,
    examples: [["agent-vault owner list", "needs no key"]],
  },
]
