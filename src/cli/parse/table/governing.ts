import type { CommandSpec } from "../call.js"
import { CHANGE, DIR, JSON_OUT, LEASE, METADATA, REPORT, SERVICE_RULE } from "./options.js"

/** What only an owner does. */
export const OWNERS: readonly CommandSpec[] = [
  {
    name: "init",
    words: "[folder]",
    summary: "make a vault in a Git repository, and the owner's key outside it",
    options: {
      name: {
        value: "NAME",
        describe: "your name as an owner (default: Git's user.name, else your login)",
      },
      "post-quantum": { describe: "hybrid keys throughout: ML-KEM-768 with X25519" },
      "passphrase-fd": {
        value: "FD",
        describe: "read a passphrase for the owner's key from this file descriptor",
      },
      "dry-run": { describe: "show what would be made, and make nothing" },
      ...JSON_OUT,
    },
    examples: [
      ["agent-vault init", "a vault in this repository"],
      ["agent-vault init --name alice --post-quantum", "one that a quantum computer does not open"],
    ],
  },
  {
    name: "agent add",
    words: "<name>",
    summary: "give a new agent a key, with a copy in escrow",
    options: {
      join: {
        value: "LINE",
        describe:
          "enrol the key of this line, which `agent-vault join` printed where the agent lives",
      },
      recipient: {
        value: "AGE1...",
        describe: "enrol a key made elsewhere: there will be no escrow",
      },
      out: {
        value: "FILE",
        describe: "where to write the key file; - prints it (default: the key home)",
      },
      ...CHANGE,
    },
    examples: [
      ["agent-vault agent add ci", "its key goes to this machine's key home"],
      [
        "agent-vault agent add ci --out - | ssh ci 'umask 077; cat > ci.key'",
        "straight to where it runs",
      ],
    ],
  },
  {
    name: "join",
    words: "<name>",
    summary:
      "make the key of an agent where it will live, and the line that asks an owner to let it in",
    options: {
      owner: { describe: "make the key of a second owner, for `owner add`" },
      ...DIR,
      "passphrase-fd": {
        value: "FD",
        describe: "read the key's passphrase from this file descriptor",
      },
      ...JSON_OUT,
    },
    examples: [
      [
        "agent-vault join builder",
        "then, at an owner's: agent-vault agent add builder --join LINE",
      ],
      [
        "agent-vault join bob --owner",
        "on bob's machine; then, at an owner's: agent-vault owner add bob --join LINE",
      ],
    ],
    notes:
      "The key never travels, and no escrow has it. The line holds no secret. The second time it prints the same line.",
  },
  {
    name: "agent list",
    words: "",
    summary: "list the agents and what each may open",
    options: REPORT,
    examples: [["agent-vault agent list", "needs no key"]],
  },
  {
    name: "agent show",
    words: "<agent>",
    summary: "show one agent and what it may open, until when",
    options: REPORT,
    examples: [["agent-vault agent show ci", "needs no key"]],
  },
  {
    name: "agent remove",
    words: "<agent>",
    summary: "take every group from an agent and end it",
    options: CHANGE,
    examples: [["agent-vault agent remove ci", "its groups get new keys; prints what to rotate"]],
  },
  {
    name: "agent recover",
    words: "<agent>",
    summary: "bring an agent's original key back from its escrow",
    options: {
      out: {
        value: "FILE",
        describe: "where to write the key file; - prints it (default: the key home)",
      },
      ...REPORT,
    },
    examples: [
      ["agent-vault agent recover ci --out ~/ci.key", "changes nothing in the repository"],
    ],
  },
  {
    name: "agent rekey",
    words: "<agent>",
    summary: "give an agent a new key; the old one counts as revoked",
    options: {
      join: {
        value: "LINE",
        describe:
          "change to the key of this line, which `agent-vault join` printed where the agent lives",
      },
      fingerprint: {
        value: "TEXT",
        describe:
          "the fingerprint that `agent-vault join` showed there; without it you are asked to compare it",
      },
      recipient: {
        value: "AGE1...",
        describe: "change to a key made elsewhere: there will be no escrow",
      },
      out: {
        value: "FILE",
        describe: "where to write the key file; - prints it (default: the key home)",
      },
      ...CHANGE,
    },
    examples: [["agent-vault agent rekey ci --out ~/ci.new.key", "after ci's machine was lost"]],
  },
  {
    name: "set",
    words: "<group/name>",
    summary: "store a value: from a hidden prompt, stdin or a file",
    options: {
      source: {
        value: "REFERENCE",
        describe:
          "the value lies in another store, and is fetched when it is read: op://, aws-sm://, gcp-sm://, vault://, env:, keychain:",
      },
      keep: {
        value: "DURATION",
        describe: "how long who reads may keep it in memory (default: 5m; 0: not at all)",
      },
      "from-file": { value: "FILE", describe: "take the value from this file, byte for byte" },
      "allow-empty": { describe: "store an empty value" },
      generate: {
        value: "LENGTH",
        implied: "32",
        describe: "make a random value of letters and digits (default length: 32)",
      },
      ...SERVICE_RULE,
      ...LEASE,
      ...METADATA,
      ...CHANGE,
    },
    examples: [
      ["agent-vault set stripe/api-key", "asks for it, and does not show it"],
      ["pbpaste | agent-vault set stripe/api-key", "from stdin, without the newline at its end"],
      [
        "agent-vault set tls/key --from-file key.pem --expires 90d",
        "bytes as they are in the file",
      ],
      ["agent-vault set db/password --generate", "nobody needs to see it"],
      [
        "agent-vault set github/token --from-file app.pem --lease github-app --with app=12345 --with installation=678",
        "the key of a GitHub App, whose tokens are what readers get",
      ],
    ],
    notes:
      "A value is never an argument: arguments end up in the shell's history and in ps. Text from a prompt or a pipe loses one newline at its end (\\n or \\r\\n); --from-file takes every byte, and so does --from-file - from stdin.",
  },
  {
    name: "grant",
    words: "<agent> <group..>",
    summary: "let an agent open groups",
    options: {
      for: { value: "TIME", describe: "end the grant after this time: 12h, 30d, 2w" },
      until: { value: "DATE", describe: "end the grant then: 2026-12-01" },
      reason: { value: "TEXT", describe: "why; stands in the manifest" },
      ...CHANGE,
    },
    examples: [
      ["agent-vault grant ci stripe", "ci opens stripe"],
      ["agent-vault grant deploy stripe db --for 12h --reason release", "for a while"],
    ],
  },
  {
    name: "revoke",
    words: "<agent> [group..]",
    summary: "take groups from an agent: they get new keys",
    options: {
      all: { describe: "every group that the agent opens" },
      ...CHANGE,
    },
    examples: [
      ["agent-vault revoke ci stripe", "prints what to rotate"],
      ["agent-vault revoke ci --all", "everything"],
    ],
  },
  {
    name: "apply",
    words: "",
    summary: "make the sealed state follow the manifest",
    options: {
      yes: { describe: "do not ask; needs --plan without a terminal" },
      plan: { value: "ID", describe: "apply only if this is still the plan (from --dry-run)" },
      ...CHANGE,
    },
    examples: [
      ["agent-vault apply", "shows the plan, asks, does it"],
      ["agent-vault apply --dry-run --json", "the plan and its id"],
      ["agent-vault apply --yes --plan 15c9502bea57", "just what was reviewed"],
    ],
  },
]
