import { USE_ASKS, USE_ENCODINGS, USE_SCHEMES } from "../../../core/index.js"
import type { CommandSpec } from "../call.js"
import { CHANGE, JSON_OUT, REPORT } from "./options.js"

/** Where the broker may send secrets, said and asked. */
export const USE: readonly CommandSpec[] = [
  {
    name: "use",
    words: "[group/name] [service]",
    summary: "say where the broker may send a secret: host, method, path and place",
    options: {
      host: {
        value: "HOST",
        many: true,
        describe:
          "a host: api.example.com, *.example.com for one label, HOST:PORT; may be repeated",
      },
      method: { value: "METHOD", many: true, describe: "a method: GET; may be repeated" },
      path: {
        value: "PATTERN",
        many: true,
        describe:
          "a path: /v1/**, where ** is one or more segments and * any text within one; may be repeated",
      },
      at: {
        value: "PLACE",
        many: true,
        describe:
          "a place in the request: header:NAME, query:NAME, path, body:json, body:form; may be repeated",
      },
      scheme: {
        value: "SCHEME",
        choices: USE_SCHEMES,
        describe:
          "how the value is written there (default: bearer in header:authorization, else raw)",
      },
      ask: {
        value: "WHEN",
        choices: USE_ASKS,
        describe:
          "whether a person is asked: never (the default), until they say yes for the session, or each time",
      },
      user: {
        value: "NAME",
        describe: "for basic: the user name; for sigv4: the access key's id, but of a lease",
      },
      template: {
        value: "TEXT",
        describe: String.raw`for hmac-sha256: what is signed, with {method}, {path}, {query}, {host}, {body}, {body-sha256}, {header:NAME}, {\n}`,
      },
      encoding: {
        value: "ENCODING",
        choices: USE_ENCODINGS,
        describe: "for hmac-sha256: how the signature is written (default: hex)",
      },
      list: { describe: "show the rules, of one secret or of all; needs no key" },
      remove: { describe: "take out rules: all, or those of a number in --list, or of a service" },
      yes: { describe: "do not ask" },
      ...CHANGE,
    },
    examples: [
      [
        "agent-vault use github/token github",
        "as the catalogue has it: agent-vault services github",
      ],
      [
        "agent-vault use shop/key --host api.example.com --method GET --path '/v1/**' --at header:x-api-key",
        "a rule of your own",
      ],
      ["agent-vault use --list", "what may go where"],
      ["agent-vault use github/token --remove 1", "the first of its rules; without a number, all"],
    ],
    notes:
      "A rule stands in the secret's signed record, so a pull request shows it. Each is whole: two rules do not add up to a third. Without a rule, the broker sends the secret nowhere.",
  },
  {
    name: "explain",
    words: "<method> <url>",
    summary: "say which secret the broker would send with a request, or why none; sends nothing",
    options: REPORT,
    examples: [
      ["agent-vault explain POST https://api.stripe.com/v1/charges", "needs no key"],
      [
        "agent-vault explain GET https://api.github.com/user --agent ci",
        "and whether ci may use it; ends with 1 if nothing goes",
      ],
    ],
  },
]

/** What the broker knows of services before anybody says it. */
export const SERVICES: readonly CommandSpec[] = [
  {
    name: "services",
    words: "[service]",
    summary: "list the services of the catalogue, or show how the broker uses a key of one",
    options: JSON_OUT,
    examples: [
      ["agent-vault services", "each with its hosts, and the variable that its clients read"],
      [
        "agent-vault services github",
        "the rule, what a key looks like, and the command that uses it",
      ],
    ],
  },
]
