import type { CommandSpec } from "../call.js"
import { DIR, JSON_OUT } from "./options.js"

const PASSPHRASE = {
  "passphrase-fd": { value: "FD", describe: "read the key's passphrase from this file descriptor" },
} as const

/** The key files of this machine, and what people on it agreed to. */
export const KEY: readonly CommandSpec[] = [
  {
    name: "key add",
    words: "<file>",
    summary: "put a key file that was brought here where it belongs, and trust the owner it names",
    options: { ...DIR, ...PASSPHRASE, ...JSON_OUT },
    examples: [
      ["agent-vault key add ~/usb/ci.key", "the key of an agent, or a backup of an owner's"],
      ["ssh alice@laptop cat ci.key | agent-vault key add -", "from stdin: no file is left behind"],
    ],
    notes:
      "The key must be that of an agent or an owner of the vault. The file is copied, with its passphrase if it has one, so that its user alone can read it. An earlier key of the same holder is renamed, never overwritten.",
  },
  {
    name: "key list",
    words: "",
    summary: "list the keys of this vault on this machine, and whether they open it",
    options: { ...DIR, ...JSON_OUT },
    examples: [["agent-vault key list", "who can act here"]],
  },
  {
    name: "key remove",
    words: "[agent]",
    summary: "remove a key file from this machine",
    options: { owner: { describe: "the owner's key" }, ...DIR, ...JSON_OUT },
    examples: [["agent-vault key remove ci", "an owner can bring it back out of its escrow"]],
    notes:
      "A key that no escrow would bring back is removed only if a person at a terminal says so: an owner's, that of an agent whose key was made elsewhere, and one that was replaced.",
  },
  {
    name: "agreement list",
    words: "",
    summary: "list what people on this machine agreed to fetch from other stores, or to run",
    options: { ...DIR, ...JSON_OUT },
    examples: [
      ["agent-vault agreement list", "sources of values, and programs that rotate secrets"],
    ],
    notes:
      "A fingerprint stands for a secret and what its record named: `agent-vault get NAME --reference` and `agent-vault rotate NAME --dry-run` say of what.",
  },
  {
    name: "agreement remove",
    words: "<group/name>",
    summary: "take back, on this machine, what was agreed to for a secret",
    options: { ...DIR, ...JSON_OUT },
    examples: [
      ["agent-vault agreement remove stripe/api-key", "it is fetched and rotated after a new yes"],
    ],
    notes:
      "A fingerprint of `agent-vault agreement list` in place of the name takes back that one.",
  },
]
