import type { CommandSpec } from "../call.js"
import { REPORT } from "./options.js"

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
