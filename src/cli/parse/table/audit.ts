import type { CommandSpec } from "../call.js"
import { AGENT, DIR, JSON_OUT, NOTED_OF, WHO } from "./options.js"

const FILES = "[file..]"

/** What was noted, and whether it is still as it was written. */
export const AUDITS: readonly CommandSpec[] = [
  {
    name: "audit",
    words: FILES,
    summary: "show who used which secret, where to, and what was decided; needs no key",
    options: {
      ...NOTED_OF,
      host: { value: "HOST", many: true, describe: "only what went to this host" },
      since: { value: "TIME", describe: "from this UTC time on, or this long ago: 2h, 30d" },
      until: { value: "TIME", describe: "before this UTC time, or this long ago" },
      canaries: {
        describe: "only what tells of a canary, and for whom it was made; needs an owner's key",
      },
      owner: { describe: "with --canaries: look up with the owner's key which they are" },
      "passphrase-fd": WHO["passphrase-fd"],
      follow: { describe: "go on with what is noted from now on; Ctrl-C ends it" },
      ...DIR,
      ...JSON_OUT,
    },
    examples: [
      ["agent-vault audit", "all agents and owners of this vault on this machine"],
      ["agent-vault audit --agent ci --since 1d --json", "one JSON document"],
      ["agent-vault audit --follow", "as it happens"],
      ["agent-vault audit --canaries --owner", "who used what nobody should use"],
    ],
    notes: "Files are those that --audit named, or that a rotation moved away.",
  },
  {
    name: "audit verify",
    words: FILES,
    summary: "tell whether lines were changed, moved or taken out; needs no key",
    options: {
      agent: { value: "AGENT", describe: "compare with this agent's key on this machine" },
      ...DIR,
      ...JSON_OUT,
    },
    examples: [
      [
        "agent-vault audit verify",
        "exit 0: as it was written, 1: a published chain is not here, 5: it is not",
      ],
      ["agent-vault audit verify ci.jsonl ci.jsonl.1", "files of another machine, or moved away"],
    ],
  },
  {
    name: "audit push",
    words: "",
    summary: "sign how far the agent's audit has come, and commit that to the vault",
    options: { ...AGENT, ...DIR, ...JSON_OUT },
    examples: [
      [
        "agent-vault audit push --agent ci",
        "then: agent-vault sync; what is published cannot be cut off unseen",
      ],
    ],
  },
  {
    name: "audit suggest",
    words: FILES,
    summary: "turn what was sent into the narrowest uses that would let it be sent",
    options: {
      ...NOTED_OF,
      ...DIR,
      ...JSON_OUT,
    },
    examples: [["agent-vault audit suggest", "commands for an owner to look at"]],
  },
]
