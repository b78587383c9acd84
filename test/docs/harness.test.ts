// docs/harness.md lists what needs a person where a harness runs, and the code says it too.
import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { root } from "../package/pack.js"

/** The files that ask for a person's word, and what of the page's table leads to each. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  "cli/commands/clients/mcp-wrap.ts": ["mcp wrap"],
  "cli/commands/owners/owner-key-keychain.ts": ["--to-keychain", "--from-keychain"],
  "cli/commands/owners/owner-key-passphrase.ts": ["--passphrase"],
  "cli/commands/owners/owner-key-print.ts": ["owner key", "--print"],
  "cli/commands/programs/hook-allow.ts": ["hook allow"],
  "cli/rotation/agreement.ts": ["rotate"],
  "cli/sources/agree-to-source.ts": ["get"],
  "core/canaries/remove-canaries.ts": ["canary remove"],
  "core/change/agents.ts": ["agent add", "agent rekey"],
  "core/change/change-lease.ts": ["set --lease", "meta --lease"],
  "core/change/change-metadata.ts": ["meta --reveal", "meta --use"],
  "core/change/change-use.ts": ["use"],
  "core/change/execute-plan.ts": [
    "grant",
    "apply",
    "set",
    "import",
    "mv",
    "group add",
    "canary add",
  ],
  "core/change/move-secret.ts": ["mv"],
  "core/change/set.ts": ["set --use"],
  "core/change/store-secret.ts": ["set --reveal"],
  "core/govern/change-policy.ts": ["policy set", "policy remove", "apply"],
  "core/owners/add-owner.ts": ["owner add"],
  "core/owners/remove-owner.ts": ["owner remove"],
  "core/recovery/bring-back.ts": ["--from-paper", "owner recovery combine"],
  "core/recovery/split-key.ts": ["owner recovery split"],
  "core/rotation/change-rotation.ts": ["rotation"],
  "core/vault/escrow.ts": ["agent recover"],
  "core/vault/own-keys.ts": ["key add"],
  "core/vault/pin.ts": ["trust"],
  "core/vault/rewind.ts": ["trust --rewind"],
  "core/vault/terms.ts": [
    "get --owner",
    "export --owner",
    "agent-vault/owner",
    "reveal: never",
    "export",
    "run --no-redact",
    "canary list",
    "canary check",
    "audit --canaries",
  ],
}

/** Where the rule itself lies, and what a session hands on. */
const RULE = new Set(["core/policy/person.ts", "core/change/session.ts"])
const ASKS = /(?<!function )\brequirePerson(?:For|ToShow|ToWiden)?\(/

/** The files of src that ask for a person's word. */
function asking(): string[] {
  const src = join(root, "src")
  return readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !RULE.has(file))
    .filter((file) => ASKS.test(readFileSync(join(src, file), "utf8")))
    .toSorted()
}

/** What stands as code in the first column of the page's table. */
function listed(): string[] {
  const page = readFileSync(join(root, "docs/harness.md"), "utf8")
  const [, section = ""] = /\n## What needs a person\n([\s\S]*?)\n## /.exec(page) ?? []
  const cells = section
    .split("\n")
    .flatMap((line) => /^\| (.*?) +\| `[A-Z_]+` +\|$/.exec(line)?.[1] ?? [])
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code))
}

describe("docs/harness.md", () => {
  test("every file that asks for a person's word is known here", () => {
    expect(asking()).toEqual(Object.keys(DOORS).toSorted())
  })

  test("its table has what leads to each of them, and nothing else", () => {
    expect([...new Set(listed())].toSorted()).toEqual(
      [...new Set(Object.values(DOORS).flat())].toSorted(),
    )
  })
})
