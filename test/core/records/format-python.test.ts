import { spawnSync } from "node:child_process"
import { afterAll, beforeAll, expect, test } from "vitest"
import { Copy, cases, keysOf, trustOf, vaultNames, vectorsFolder } from "./vectors.js"

/**
 * Runs the checker that was written from docs/format.md alone, once for each line that it gets, in
 * one Python: most of its time is signatures, and most of those are the same in many vaults.
 */
const CHECK_ALL = `
import contextlib, functools, io, json, runpy, sys
folder = sys.argv[1]
sys.path.insert(0, folder)
import ed25519
ed25519.verify = functools.cache(ed25519.verify)
for line in sys.stdin:
    sys.argv = ["verify.py", *json.loads(line)]
    status, said, printed = 0, "", io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            runpy.run_path(f"{folder}/verify.py")
        except SystemExit as end:
            status, said = 1, str(end.code)
        except BaseException as error:
            status, said = 2, repr(error)
    print(json.dumps({"status": status, "said": (printed.getvalue() + said).strip()}))
`

interface Checked {
  readonly status: number
  readonly said: string
}

const wholes = new Map(vaultNames.map((vault) => [vault, new Copy(vault)]))
const edited = new Map(cases.map((entry) => [entry, new Copy(entry.vault)]))
const checked = new Map<Copy, Checked>()

beforeAll(() => {
  for (const [{ edits }, copy] of edited) for (const edit of edits) copy.apply(edit)
  const asked: readonly (readonly [Copy, string | undefined])[] = [
    ...[...wholes].map(([vault, copy]) => [copy, keysOf(vault).trust] as const),
    ...[...edited].map(([entry, copy]) => [copy, trustOf(entry)] as const),
  ]
  const input = asked
    .map(([{ root }, trust]) => JSON.stringify(trust === undefined ? [root] : [root, trust]))
    .join("\n")
  const args = ["-B", "-c", CHECK_ALL, vectorsFolder]
  const { stdout, stderr } = spawnSync("python3", args, { input, encoding: "utf8" })
  const answers = stdout.trimEnd().split("\n")
  expect([stderr, answers.length]).toEqual(["", asked.length])
  for (const [at, [copy]] of asked.entries()) {
    checked.set(copy, JSON.parse(answers[at] ?? "") as Checked)
  }
})
afterAll(() => {
  for (const copy of [...wholes.values(), ...edited.values()]) copy.remove()
})

test.each([...wholes])("a second implementation verifies %s", (_, copy) => {
  const records = copy
    .files()
    .filter((path) => path.endsWith(".json") && path !== "policy.json").length
  expect(checked.get(copy)).toEqual({ status: 0, said: `ok ${records} records` })
})

test.each([...edited].map(([entry, copy]) => [entry.name, entry, copy] as const))(
  "and agrees on: %s",
  (_, entry, copy) => {
    const { status, said } = checked.get(copy) ?? { status: 2, said: "nothing" }
    expect(said).toMatch(entry.checker === "ok" ? /^ok \d+ records$/ : /^refused: /)
    expect(status).toBe(entry.checker === "ok" ? 0 : 1)
  },
)
