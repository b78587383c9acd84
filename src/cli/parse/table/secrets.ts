import { SECRET_FIELDS } from "../../../core/index.js"
import type { CommandSpec } from "../call.js"
import { CHANGE, METADATA, REPORT } from "./options.js"

/** What owners do with secrets that are there. */
export const SECRETS: readonly CommandSpec[] = [
  {
    name: "history",
    words: "<group/name>",
    summary: "show who changed a secret, what and when; needs no key",
    options: REPORT,
    examples: [["agent-vault history stripe/api-key", "also under names that it had before"]],
    notes:
      "Versions, owners and fields come from signed records. Times and authors of commits come from Git, and nobody signs them. An earlier value: `agent-vault get GROUP/NAME@1`.",
  },
  {
    name: "meta",
    words: "<group/name>",
    summary: "change what is known of a secret; its value is not touched",
    options: {
      ...METADATA,
      clear: {
        value: "FIELD",
        choices: Object.keys(SECRET_FIELDS),
        many: true,
        describe: "say nothing of this any more; may be repeated",
      },
      use: {
        value: "SERVICE",
        describe: "let the broker send it to this service, as the catalogue has it; others: use",
      },
      ...CHANGE,
    },
    examples: [
      ["agent-vault meta stripe/api-key --description 'live mode' --expires 90d", "public"],
      ["agent-vault meta stripe/api-key --reveal never", "no model sees it any more"],
      ["agent-vault meta stripe/api-key --clear env --clear expires", "as if it was never said"],
    ],
  },
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
