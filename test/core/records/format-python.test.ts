import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { afterEach, expect, test } from "vitest"
import { Copy, cases, keysOf, trustOf, vaultNames, vectorsFolder } from "./vectors.js"

let copy: Copy
afterEach(() => copy.remove())

/** Runs the checker that was written from docs/format.md alone. */
function check(trust: string | undefined): { status: number | null; said: string } {
  const signer = trust === undefined ? [] : [trust]
  const args = ["-B", join(vectorsFolder, "verify.py"), copy.root, ...signer]
  const { status, stdout, stderr } = spawnSync("python3", args, { encoding: "utf8" })
  return { status, said: `${stdout}${stderr}`.trimEnd() }
}

test.each(vaultNames)("a second implementation verifies %s", (vault) => {
  copy = new Copy(vault)
  const records = copy
    .files()
    .filter((path) => path.endsWith(".json") && path !== "policy.json").length
  expect(check(keysOf(vault).trust)).toEqual({ status: 0, said: `ok ${records} records` })
})

test.each(cases.map((entry) => [entry.name, entry] as const))("and agrees on: %s", (_, entry) => {
  copy = new Copy(entry.vault)
  for (const edit of entry.edits) copy.apply(edit)
  const { status, said } = check(trustOf(entry))
  expect(said).toMatch(entry.checker === "ok" ? /^ok \d+ records$/ : /^refused: /)
  expect(status).toBe(entry.checker === "ok" ? 0 : 1)
})
