import type { CommandSpec } from "../call.js"
import { CHANGE } from "./options.js"

/** The formats of files that are imported. */
export const IMPORT_FORMATS = ["dotenv", "json", "yaml"] as const

/** What comes from other programs. */
export const IMPORT: readonly CommandSpec[] = [
  {
    name: "import",
    words: "[file]",
    summary:
      "store the values of a .env, JSON or YAML file, or of another program's vault, as one commit; shows names, no value",
    options: {
      group: { value: "GROUP", short: "g", many: true, describe: "the group that they go into" },
      prefix: {
        value: "TEXT",
        describe: "put this before each name: live/ makes GROUP/live/NAME",
      },
      format: {
        value: "FORMAT",
        choices: IMPORT_FORMATS,
        describe: "what the file is (default: by its name)",
      },
      "from-agent-vault": {
        value: "FOLDER",
        describe:
          "in place of a file: a vault of ewimsatt/agent-vault, with its groups if no -g is given",
      },
      "owner-key": {
        value: "FILE",
        describe: "the key of that vault's owner (default: ~/.agent-vault/owner.key)",
      },
      yes: { describe: "do not ask before secrets that are there get new values" },
      ...CHANGE,
    },
    examples: [
      ["agent-vault import .env -g stripe --dry-run", "what it would store, by name"],
      ["agent-vault import .env -g stripe", "STRIPE_API_KEY becomes stripe/stripe-api-key"],
      ["agent-vault import --from-agent-vault ../agent-secrets --dry-run", "its secrets, by name"],
      ["sops decrypt secrets.yaml | agent-vault import - -g db --format yaml", "from stdin"],
    ],
    notes:
      "A variable STRIPE_API_KEY becomes GROUP/stripe-api-key, and `run` gives it to programs as STRIPE_API_KEY; of a .env file, each name stays as it is written there, in small letters too. A variable that no program is given (PATH, NODE_OPTIONS) is refused, and nothing is imported. Nested keys become a path. A file that sops sealed is opened by `sops`, which must be installed. The file stays where it is. A vault of ewimsatt/agent-vault 0.1.0 is opened with its owner's key: stripe/api-key stays that name, or becomes GROUP/stripe/api-key with -g; the expiry comes along, agents and their access do not. Each value is marked exposed, until it is rotated, to that vault's owner and to the agents that its files name; whom it was taken from before, they do not say.",
  },
]
