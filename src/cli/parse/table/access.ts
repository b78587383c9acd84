import type { CommandSpec } from "../call.js"
import { CHANGE, DIR, JSON_OUT, REPORT } from "./options.js"

const { json: _json, ...LOOK } = REPORT

/** Looks at a whole vault. */
export const ACCESS: readonly CommandSpec[] = [
  {
    name: "access",
    words: "",
    summary: "show who may open and use what, until when; needs no key",
    options: {
      mermaid: { describe: "print a picture for a pull request, in Mermaid" },
      html: {
        value: "FILE",
        describe: "write one page for a browser, which loads nothing and holds no value",
      },
      ...REPORT,
    },
    examples: [
      ["agent-vault access", "agents, groups, what is pending, exposed or about to end"],
      ["agent-vault access --html access.html", "the same to look at, with the last reads"],
      ["agent-vault access --mermaid", "for the description of a pull request"],
    ],
  },
  {
    name: "ui",
    words: "",
    summary: "serve that page on this machine, and follow the vault and the audit",
    options: {
      "no-open": { describe: "do not open a browser" },
      ...LOOK,
    },
    examples: [["agent-vault ui", "opens your browser; Ctrl-C ends it"]],
    notes:
      "The page is on 127.0.0.1, can only be read, and never has a value. The address that is printed is good once.",
  },
]

/** Rules that every value has to pass before it leaves. */
export const POLICIES: readonly CommandSpec[] = [
  {
    name: "policy set",
    words: "[file]",
    summary: "sign rules that every value has to pass: policy.yaml, or another file",
    options: { yes: { describe: "do not ask" }, ...CHANGE },
    examples: [
      ["agent-vault policy set policy.yaml", "its cases have to come out as they say"],
      ["agent-vault policy set", "signs .agent-vault/policy.yaml, as it was edited there"],
    ],
    notes:
      "Rules are conditions in CEL over agent, door, secret, request, session and time. Each says allow, deny or confirm; deny wins over confirm, and confirm over allow. What no rule allows is refused, and so is everything while a rule cannot be decided. Owners are not asked about.",
  },
  {
    name: "policy show",
    words: "",
    summary: "show the rules that are signed; needs no key",
    options: { example: { describe: "print a policy.yaml to begin with" }, ...REPORT },
    examples: [
      ["agent-vault policy show", "what is signed, which policy.yaml may differ from"],
      ["agent-vault policy show --example", "rules that change nothing, and a case"],
    ],
  },
  {
    name: "policy test",
    words: "[file]",
    summary: "ask the rules of policy.yaml its own cases; needs no key",
    options: { ...DIR, ...JSON_OUT },
    examples: [["agent-vault policy test", "ends with 1 if one comes out otherwise than it says"]],
  },
  {
    name: "policy explain",
    words: "<group/name>",
    summary: "say which rule decides whether an agent gets a secret, at each door; needs no key",
    options: REPORT,
    examples: [
      ["agent-vault policy explain stripe/api-key --agent ci", "ends with 1 if it gets it by none"],
    ],
    notes:
      "What the broker would do with a request says: agent-vault explain METHOD URL --agent AGENT.",
  },
  {
    name: "policy remove",
    words: "",
    summary: "take the policy away: whoever was granted a group reads it at every door",
    options: { yes: { describe: "do not ask" }, ...CHANGE },
    examples: [["agent-vault policy remove", "shows the rules that go, and asks"]],
  },
]
