/** Options that many commands have. */
export const DIR = {
  dir: { value: "FOLDER", describe: "the folder whose vault is meant (default: here)" },
} as const
export const JSON_OUT = { json: { describe: "print one JSON document" } } as const

/** An agent acts: the owner's key is for people. */
export const AGENT = {
  identity: { value: "FILE", describe: "act with this key file" },
  agent: { value: "AGENT", describe: "act as this agent, with its key on this machine" },
} as const
export const WHO = {
  ...AGENT,
  owner: { describe: "act with the owner's key" },
  "passphrase-fd": { value: "FD", describe: "read the key's passphrase from this file descriptor" },
} as const
export const CHANGE = {
  ...DIR,
  ...WHO,
  "dry-run": { describe: "show what would change, and change nothing" },
  ...JSON_OUT,
} as const
export const REPORT = { ...DIR, ...WHO, ...JSON_OUT } as const
export const AUDIT = {
  audit: {
    value: "FILE",
    describe: "append a line of JSON for each read, never a value (default: the state folder)",
  },
  "no-audit": { describe: "note no reads: for an image in which nothing can be written" },
} as const
