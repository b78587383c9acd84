import type { CommandSpec } from "../call.js"
import { DIR, JSON_OUT } from "./options.js"

const PASSPHRASE = {
  "passphrase-fd": { value: "FD", describe: "read the key's passphrase from this file descriptor" },
  "new-passphrase-fd": {
    value: "FD",
    describe: "read the new passphrase from this file descriptor",
  },
} as const

/** The key of an owner, and how it comes back. */
export const OWNER_KEY: readonly CommandSpec[] = [
  {
    name: "owner key",
    words: "",
    summary: "show where the owner's key is, prove a backup of it, or change its passphrase",
    options: {
      "verify-backup": {
        value: "FILE",
        describe: "prove that this key file opens the vault, in memory, and write nothing",
      },
      passphrase: {
        value: "WHAT",
        choices: ["set", "change", "remove"],
        describe: "the passphrase of the key file on this machine",
      },
      ...DIR,
      ...PASSPHRASE,
      ...JSON_OUT,
    },
    examples: [
      ["agent-vault owner key", "its file, its mode, its fingerprint"],
      ["agent-vault owner key --verify-backup ~/usb/owner.key", "the drill for a backup"],
      ["agent-vault owner key --passphrase set", "asks for it twice, and does not show it"],
    ],
    notes:
      "--verify-backup opens every group's key and every escrow with the backup, and proves that it signs as an owner of the vault. The key file is replaced as a whole, after the new one was read back and opened: a kill at any moment leaves the old file or the new one.",
  },
]
