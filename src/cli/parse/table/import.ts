import type { CommandSpec } from "../call.js"
import { CHANGE } from "./options.js"

/** The formats of files that are imported. */
export const IMPORT_FORMATS = ["dotenv", "json", "yaml"] as const

/** What comes from other programs. */
export const IMPORT: readonly CommandSpec[] = [
  {
    name: "import",
    words: "<file>",
    summary: "store the values of a .env, JSON or YAML file, as one commit; shows names, no value",
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
      yes: { describe: "do not ask before secrets that are there get new values" },
      ...CHANGE,
    },
    examples: [
      ["agent-vault import .env -g stripe --dry-run", "what it would store, by name"],
      ["agent-vault import .env -g stripe", "STRIPE_API_KEY becomes stripe/stripe-api-key"],
      ["sops decrypt secrets.yaml | agent-vault import - -g db --format yaml", "from stdin"],
    ],
    notes:
      "A variable STRIPE_API_KEY becomes GROUP/stripe-api-key, and `run` gives it to programs as STRIPE_API_KEY. Nested keys become a path. A file that sops sealed is opened by `sops`, which must be installed. The file stays where it is.",
  },
]
