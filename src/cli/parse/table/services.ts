import type { CommandSpec } from "../call.js"
import { JSON_OUT } from "./options.js"

/** What the broker knows of services before anybody says it. */
export const SERVICES: readonly CommandSpec[] = [
  {
    name: "services",
    words: "[service]",
    summary: "list the services of the catalogue, or show how the broker uses a key of one",
    options: JSON_OUT,
    examples: [
      ["agent-vault services", "each with its hosts, and the variable that its clients read"],
      [
        "agent-vault services github",
        "the rule, what a key looks like, and the command that uses it",
      ],
    ],
  },
]
