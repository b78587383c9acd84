import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { parseEnvFile } from "../../src/cli/run/env-file.js"
import { parseKey } from "../../src/core/keys/key-files.js"
import { parseManifest } from "../../src/core/records/manifest.js"
import { decodeRecord } from "../../src/core/records/record.js"
import { VaultError } from "../../src/core/words/errors.js"
import {
  parseAgentName,
  parseGroupName,
  parseNote,
  parseSecretName,
  parseVariableName,
} from "../../src/core/words/names.js"
import { parseDuration, parseTime } from "../../src/core/words/time.js"

// Whatever is written where a program of this project reads: it is read, or refused with a code and
// a way out. Nothing else comes of it: no other error, and no fault of our own.

const VAULT = "5b0c1f6e2a9d4c7783e1d0b4a6f2c95e"
const ROOT = new URL("../vectors/classic/vault/", import.meta.url).pathname
const RECORDS = readdirSync(ROOT, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".json"))
  .map((path) => readFileSync(join(ROOT, path)))
const MANIFEST = `version: 1
vault: ${VAULT}
groups:
  a: { description: "b: c" } # d
grants:
  - { agent: ci, group: a, until: "2026-12-01T00:00:00Z", reason: 'r' }
`
const ENV = `# a\nexport A=b\nB="c\\n$d" # e\nC='f\ng'\nD=av://h/i\n`
const KEY = "# created: 2026-01-01\n# vault: v\nAGE-SECRET-KEY-1QQQQ\n"

const PARSERS: Readonly<
  Record<string, readonly [parse: (text: Buffer) => unknown, seeds: Buffer[]]>
> = {
  "a manifest": [(bytes) => parseManifest(bytes, VAULT), [Buffer.from(MANIFEST)]],
  "a record of a secret": [(bytes) => decodeRecord("secret", "secrets/a/b.json", bytes), RECORDS],
  "a record of a vault": [(bytes) => decodeRecord("vault", "vault.json", bytes), RECORDS],
  "a record of a group": [(bytes) => decodeRecord("group", "groups/a.json", bytes), RECORDS],
  "a record of an agent": [(bytes) => decodeRecord("agent", "agents/a.json", bytes), RECORDS],
  "an env file": [(bytes) => parseEnvFile(bytes.toString(), "x.env"), [Buffer.from(ENV)]],
  "a key": [(bytes) => parseKey(bytes.toString(), "x.key"), [Buffer.from(KEY)]],
  "the name of an agent": [(bytes) => parseAgentName(bytes.toString()), [Buffer.from("ci")]],
  "the name of a group": [(bytes) => parseGroupName(bytes.toString()), [Buffer.from("a.b")]],
  "the name of a secret": [(bytes) => parseSecretName(bytes.toString()), [Buffer.from("a/b/c")]],
  "a variable": [(bytes) => parseVariableName(bytes.toString()), [Buffer.from("A_B")]],
  "a note": [(bytes) => parseNote(bytes.toString()), [Buffer.from("why")]],
  "a time": [(bytes) => parseTime(bytes.toString()), [Buffer.from("2026-12-01T09:30:00Z")]],
  "a span": [(bytes) => parseDuration(bytes.toString()), [Buffer.from("30d")]],
}

test.each(Object.entries(PARSERS))("%s", async (_, [parse, seeds]) => {
  const inputs = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    changed(seeds),
  )
  await fc.assert(
    fc.asyncProperty(inputs, async (bytes) => {
      const error = await errorOf(() => parse(bytes))
      if (error === undefined) return
      expect(error).toBeInstanceOf(VaultError)
      expect((error as VaultError).code).not.toBe("BUG")
      expect((error as VaultError).hint).toBeTruthy()
    }),
    { numRuns: 400 },
  )
})

/** What is right, with a few places changed, cut out, repeated, or put elsewhere. */
function changed(seeds: Buffer[]): fc.Arbitrary<Buffer> {
  const piece = fc.constantFrom(
    ..."{ } [ ] : , - ? & * ! # | > % @ ` ' \" \\ \n \t \0 \r 0 1e999 -0 null true ~ << __proto__ \uFEFF \u2028 \u202E é 😀".split(
      " ",
    ),
  )
  const change = fc.tuple(fc.nat(), fc.nat({ max: 20 }), fc.oneof(piece, fc.constant("")))
  return fc
    .tuple(fc.constantFrom(...seeds), fc.array(change, { maxLength: 4 }))
    .map(([seed, changes]) =>
      changes.reduce((bytes, [place, size, text]) => {
        const at = place % (bytes.length + 1)
        const [before, after] = [bytes.subarray(0, at), bytes.subarray(at + size)]
        return Buffer.concat([before, Buffer.from(text), after])
      }, seed),
    )
}

async function errorOf(act: () => unknown): Promise<unknown> {
  try {
    await act()
    return undefined
  } catch (error) {
    return error
  }
}
