import { REVEAL_POLICIES } from "../../../core/index.js"
import type { CommandSpec } from "../call.js"
import { AGENT, ALLOW_RUN, AUDIT, DIR, REPORT, strictness } from "./options.js"

/** How values reach people, programs and models. */
export const READERS: readonly CommandSpec[] = [
  {
    name: "get",
    words: "<group/name>",
    summary: "print a value, exactly its bytes",
    options: {
      raw: { describe: "send control bytes to a terminal as they are" },
      reference: { describe: "print where the value comes from, and ask no other store" },
      sealed: { describe: "print what leases are taken with, and take none; an owner" },
      agree: {
        value: "FINGERPRINT",
        many: true,
        describe: "agree that this machine fetches the value from where the reference points",
      },
      ...AUDIT,
      ...REPORT,
    },
    examples: [
      ["agent-vault get stripe/api-key", "a person at a terminal, with the owner's key"],
      ["agent-vault get stripe/api-key --agent ci", "as the agent ci"],
      ["agent-vault get stripe/api-key@1 --owner", "an earlier value, out of Git's history"],
    ],
    notes:
      "GROUP/NAME@3 is the third value that the secret had. Only an owner reads it, and what it was sealed with must be in the history here.",
  },
  {
    name: "list",
    words: "[group]",
    summary: "list secrets: version, age, expiry, exposed; needs no key",
    options: {
      exposed: { describe: "only those that somebody could read who no longer may" },
      expiring: {
        value: "WITHIN",
        describe: "only those that expire within this time, 30d, or by this UTC date",
      },
      ...REPORT,
    },
    examples: [
      ["agent-vault list stripe", "one group"],
      ["agent-vault list --exposed", "what to rotate"],
      ["agent-vault list --expiring 30d", "what to renew"],
    ],
  },
  {
    name: "run",
    words: "-- <command> [arg..]",
    summary: "run a program with secrets in its environment, and redact them in its output",
    options: {
      secret: {
        value: "GROUP/NAME[=ENV]",
        short: "s",
        many: true,
        describe: "give it this secret, as the variable ENV; may be repeated",
      },
      group: {
        value: "GROUP",
        short: "g",
        many: true,
        describe: "give it every secret of this group; may be repeated",
      },
      "env-from": {
        value: "FILE",
        many: true,
        describe: "give it the variables of this file, whose values may be av://GROUP/NAME",
      },
      // Node takes an option of this name for itself, wherever it stands; docs/run.md has the trap.
      "env-file": {
        value: "FILE",
        many: true,
        describe: "the same; Node itself looks into FILE as well, so prefer --env-from",
      },
      "clean-env": {
        describe: "give it nothing of this environment but what programs need to run",
      },
      "no-redact": { describe: "give it your own streams, and redact nothing" },
      blind: {
        describe:
          "give it placeholders; a broker puts the values into what it sends, where a use says so",
      },
      isolate: {
        value: "HOW",
        choices: ["auto", "bwrap", "none"],
        describe:
          "blind: keep it from going round the broker (default: auto, which is bwrap on Linux)",
      },
      ...strictness("blind: "),
      "no-preload": { describe: "blind: do not lead each Node to the broker by a preload" },
      ...AUDIT,
      ...DIR,
      ...AGENT,
    },
    examples: [
      [
        "agent-vault run --agent ci -s stripe/api-key -- npm run deploy",
        "as STRIPE_API_KEY, or the name that `set --env` gave it",
      ],
      [
        "agent-vault run --agent ci -s db/url=DATABASE_URL -g stripe -- ./migrate.sh",
        "as DATABASE_URL",
      ],
      [
        "agent-vault run --agent ci --blind -g stripe -- claude",
        "it uses the keys, and never holds them",
      ],
      [
        "agent-vault run --agent ci --env-from .env.vault -- npm start",
        "references, so it can be committed",
      ],
    ],
    notes:
      "Its exit code is the command's; 125, 126 and 127 are our own failures, as env has them. The owner's key is never used.",
  },
  {
    name: "mcp",
    words: "",
    summary: "serve an MCP client: its model lists secrets, and uses them unseen",
    options: {
      reveal: {
        value: "POLICY",
        choices: REVEAL_POLICIES,
        describe: "whether it may show values to the model (default: confirm, which asks a person)",
      },
      blind: { describe: "leave out the tool that shows values" },
      listen: {
        value: "[ADDRESS:]PORT",
        describe: "serve over HTTP, at this port of this machine (0: any that is free)",
      },
      ...ALLOW_RUN,
      ...AUDIT,
      ...DIR,
      ...AGENT,
    },
    examples: [
      ["agent-vault mcp --agent ci", "what the client starts: the protocol is on stdin and stdout"],
      ["agent-vault mcp --agent ci --reveal allow", "where nobody can be asked"],
      ["agent-vault mcp --agent ci --blind --listen 8765", "over HTTP, until Ctrl-C"],
      ["agent-vault mcp --agent ci --blind --allow-run", "its model runs programs, blind"],
    ],
    notes:
      "`agent-vault mcp install` puts it into a client's configuration. A secret's own policy (`set --reveal`) holds if it is stricter. With `--listen` it makes a token at its start, which `agent-vault mcp env` prints. The owner's key is never used.",
  },
  {
    name: "bridge",
    words: "",
    summary: "serve an SDK in another language: JSON-RPC 2.0 over stdin and stdout",
    options: { ...AUDIT, ...DIR, ...AGENT },
    examples: [["agent-vault bridge --agent ci", "the Python package starts it itself"]],
  },
]
