import { LEASE_KINDS, SECRET_FIELDS } from "../../../core/index.js"

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
/** What a record says of its secret. */
export const METADATA = Object.fromEntries(
  Object.entries(SECRET_FIELDS).map(([name, { about, takes, choices }]) => [
    name,
    { value: takes, ...(choices === undefined ? {} : { choices }), describe: about },
  ]),
)
/** A rule of the catalogue, and that it is signed. */
export const SERVICE_RULE = {
  use: {
    value: "SERVICE",
    describe: "let the broker send it to this service, as the catalogue has it; others: use",
  },
  yes: { describe: "sign this rule without asking" },
} as const

/** How a value is leased. */
export const LEASE = {
  lease: {
    value: "KIND",
    choices: [...Object.keys(LEASE_KINDS), "none"],
    describe: "readers get a short-lived value in exchange for what is sealed, or no more",
  },
  with: {
    value: "NAME=VALUE",
    many: true,
    describe: "what else the lease needs, see docs/leases.md; may be repeated",
  },
} as const
export const REPORT = { ...DIR, ...WHO, ...JSON_OUT } as const
export const AUDIT = {
  audit: {
    value: "FILE",
    describe: "append a line of JSON for each read, never a value (default: the state folder)",
  },
  "no-audit": { describe: "note no reads: for an image in which nothing can be written" },
} as const
/** What the model at an MCP server may run. */
export const ALLOW_RUN = {
  "allow-run": { describe: "let its model run programs with secrets: the tool run_command" },
  isolate: {
    value: "HOW",
    choices: ["auto", "bwrap", "none"],
    describe: "how these are kept from going round the broker, as with `run --blind`",
  },
} as const
/** What `audit` and `audit suggest` look at. */
export const NOTED_OF = {
  agent: { value: "AGENT", describe: "only what this agent did" },
  secret: {
    value: "NAME",
    short: "s",
    many: true,
    describe: "only this secret, or this group's",
  },
} as const

/** How strictly the broker serves; `only` is put before what an option says, where it is for some runs. */
export const strictness = (only = "") =>
  ({
    unbound: {
      value: "WHAT",
      choices: ["deny", "tunnel"],
      describe: `${only}what happens to hosts that no use names (default: deny)`,
    },
    allow: {
      value: "HOST",
      many: true,
      describe: `${only}let this host through, and look into what is sent; may be repeated`,
    },
    "gate-models": {
      value: "MODE",
      choices: ["off", "redact", "refuse"],
      describe: `${only}values in what is sent to those who run models (default: redact)`,
    },
    "gate-others": {
      value: "MODE",
      choices: ["off", "redact", "refuse"],
      describe: `${only}values in what is sent to any other host (default: refuse)`,
    },
  }) as const
