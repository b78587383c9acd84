import { SECRET_FIELDS } from "../../../core/index.js"
import type { CommandSpec } from "../call.js"
import { CHANGE, LEASE, METADATA, REPORT, SERVICE_RULE } from "./options.js"

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
    name: "who-could-read",
    words: "<group/name>",
    summary: "show who could open which value of a secret, and when; needs no key",
    options: {
      at: { value: "DATE", describe: "as it was on that UTC date, at its start, or at that time" },
      ...REPORT,
    },
    examples: [
      ["agent-vault who-could-read stripe/api-key", "every value it had, under all its names"],
      [
        "agent-vault who-could-read stripe/api-key --at 2027-01-01",
        "what was open to whom by then",
      ],
      ["agent-vault who-could-read stripe/api-key --json", "one JSON document"],
    ],
    notes:
      "It looks at all branches and tags of this clone. A group's key opens every value since the group's last rekey, also those from before a grant; who lost a group keeps what its key opened. Grants and values have signed times; when a value was sealed to another key, only a commit says. Exit 1: some of the history does not count, and is named.",
  },
  {
    name: "blast",
    words: "<agent> [file..]",
    summary:
      "show what a lost key of an agent opens in all of history, and what to rotate; needs no key",
    options: {
      key: {
        value: "RECIPIENT",
        describe: "only this key was lost: its public half, or how that begins",
      },
      ...REPORT,
    },
    examples: [
      ["agent-vault blast ci", "what its keys open, what of that was used, what to rotate"],
      [
        "agent-vault blast ci ci.jsonl.1",
        "with a file of its audit, of another machine or moved away",
      ],
    ],
    notes:
      "Without --key it takes every key for lost that the agent ever had, its present one too. What was used, the agent's audit on this machine says, and the files that are named. A copy of the key in other hands writes no audit: rotate all that the list has. Exit 1: some of the history or the audit does not count, and is named. See docs/after-a-leak.md.",
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
      ...SERVICE_RULE,
      ...LEASE,
      ...CHANGE,
    },
    examples: [
      ["agent-vault meta stripe/api-key --description 'live mode' --expires 90d", "public"],
      ["agent-vault meta stripe/api-key --reveal never", "no model sees it any more"],
      ["agent-vault meta stripe/api-key --tags pci,prod", "for lists, and for a policy"],
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
