import type { CommandSpec } from "../call.js"
import { DIR, JSON_OUT, REPORT } from "./options.js"

const NEW_PASSPHRASE = {
  "new-passphrase-fd": {
    value: "FD",
    describe: "read the new passphrase from this file descriptor",
  },
} as const
const PASSPHRASE = {
  "passphrase-fd": { value: "FD", describe: "read the key's passphrase from this file descriptor" },
  ...NEW_PASSPHRASE,
} as const

/** The key of an owner, and how it comes back. */
export const OWNER_KEY: readonly CommandSpec[] = [
  {
    name: "owner key",
    words: "",
    summary:
      "show where the owner's key is, prove or print a backup, change its passphrase, or move it to the keychain",
    options: {
      "verify-backup": {
        value: "FILE",
        describe: "prove that this key file opens the vault, in memory, and write nothing",
      },
      print: { describe: "show the key for paper, at a terminal: a QR code, and 24 words" },
      "from-paper": { describe: "write the key file again, from words or a scanned code" },
      passphrase: {
        value: "WHAT",
        choices: ["set", "change", "remove"],
        describe: "the passphrase of the key file on this machine",
      },
      "to-keychain": {
        describe: "move the key into the system's keychain (macOS, Secret Service)",
      },
      "from-keychain": { describe: "move it back into its file" },
      ...DIR,
      ...PASSPHRASE,
      ...JSON_OUT,
    },
    examples: [
      ["agent-vault owner key", "its file, its mode, its fingerprint"],
      ["agent-vault owner key --verify-backup ~/usb/owner.key", "the drill for a backup"],
      ["agent-vault owner key --print", "for paper; never to a pipe or a file"],
      ["agent-vault owner key --from-paper", "asks for the words, and does not show them"],
      ["agent-vault owner key --passphrase set", "asks for it twice, and does not show it"],
      ["agent-vault owner key --to-keychain", "the file names the keychain's entry from then on"],
    ],
    notes:
      "--print shows the key without its passphrase: keep the paper as you would keep the key. --verify-backup opens every group's key and every escrow with the backup, and proves that it signs as an owner of the vault. The key file is replaced as a whole, after the new one was read back and opened: a kill at any moment leaves the old file or the new one. --to-keychain reads the key back out of the keychain before it replaces the file.",
  },
  {
    name: "owner recovery split",
    words: "",
    summary: "split the owner's key into shares for people, some of whom bring it back together",
    options: {
      threshold: { value: "K", describe: "how many shares give the key: 2 at least" },
      holder: {
        value: "NAME",
        many: true,
        describe: "who gets a share; may be repeated",
      },
      "out-dir": {
        value: "FOLDER",
        describe: "write each share to a file in this folder, outside of every repository",
      },
      ...REPORT,
    },
    examples: [
      [
        "agent-vault owner recovery split --threshold 2 --holder bob --holder carol --holder dave",
        "shows one share after the other, at a terminal",
      ],
      [
        "agent-vault owner recovery split --threshold 2 --holder bob --holder carol --out-dir ~/shares",
        "a file for each",
      ],
    ],
    notes:
      "A share is one line with a checksum. It names vault, owner, holder, threshold and set. Fewer shares than the threshold tell nothing of the key. Earlier sets stay good for as long as the key does.",
  },
  {
    name: "owner recovery combine",
    words: "[file..]",
    summary: "bring the owner's key back from shares, to where it belongs on this machine",
    options: { ...DIR, ...NEW_PASSPHRASE, ...JSON_OUT },
    examples: [
      ["agent-vault owner recovery combine", "asks for the shares, and does not show them"],
      ["agent-vault owner recovery combine ~/usb/*.share", "from files; - is stdin"],
    ],
    notes:
      "The key is written only if it opens the vault as a present owner's. A machine that trusts nobody yet trusts the owner whose key it is, if that one brought all other owners; else say first whom: agent-vault trust SIGNER.",
  },
  {
    name: "owner recovery drill",
    words: "[file..]",
    summary: "prove that shares open the vault, in memory, and write nothing",
    options: { ...DIR, ...JSON_OUT },
    examples: [["agent-vault owner recovery drill ~/usb/*.share", "once a year, with the holders"]],
    notes:
      "With more shares than are needed, it proves that any of them would do: all lie on one curve.",
  },
]
