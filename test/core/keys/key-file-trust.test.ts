import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { generateIdentity, isPassphraseSealed, recipientOf } from "../../../src/core/age/age.js"
import { setKeyFileTrust } from "../../../src/core/keys/key-file-trust.js"
import { type Key, formatKeyFile, readKeyFile } from "../../../src/core/keys/key-files.js"
import { openKeyFile, writeUnderPassphrase } from "../../../src/core/keys/key-passphrase.js"
import { outcome } from "../world.js"

const PASSPHRASE = "a made-up passphrase"
const [BEFORE, AFTER] = [`ed25519:${"a".repeat(43)}`, `ed25519:${"b".repeat(43)}`]
const nobody = (): Promise<string> => Promise.reject(new Error("nobody is to be asked"))
const ask = (): Promise<string> => Promise.resolve(PASSPHRASE)

let folder: string
let file: string
let key: Key
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "agent-vault-key "))
  file = join(folder, "owner.key")
  const identity = await generateIdentity("x25519")
  const recipient = await recipientOf(identity)
  key = { identity, recipient, vault: "0".repeat(32), owner: "bob", trust: BEFORE }
  writeFileSync(file, formatKeyFile(key, "2026-01-01T00:00:00Z"), { mode: 0o600 })
})
afterEach(() => rmSync(folder, { recursive: true }))

test("a key file names another owner to trust, and all else stays", async () => {
  const before = readFileSync(file, "utf8")
  expect(await setKeyFileTrust(file, AFTER, nobody)).toBe(true)
  expect(readFileSync(file, "utf8")).toBe(before.replace(BEFORE, AFTER))
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(await readKeyFile(file, {}, nobody)).toEqual({ ...key, trust: AFTER })
})

test("one that names that owner already, or nobody, stays as it is", async () => {
  expect(await setKeyFileTrust(file, BEFORE, nobody)).toBe(false)
  writeFileSync(file, `${key.identity}\n`)
  expect(await setKeyFileTrust(file, AFTER, nobody)).toBe(false)
  expect(readFileSync(file, "utf8")).toBe(`${key.identity}\n`)
})

test("one that an editor wrote, with other line ends, and the line twice, is corrected whole", async () => {
  const before = readFileSync(file, "utf8")
  const line = `# trust: ${BEFORE}`
  writeFileSync(file, before.replace(line, `${line} \n  ${line}`).replaceAll("\n", "\r\n"))
  expect(await setKeyFileTrust(file, AFTER, nobody)).toBe(true)
  expect(await readKeyFile(file, {}, nobody)).toEqual({ ...key, trust: AFTER })
})

test("one under a passphrase stays under it, and without it nothing is written", async () => {
  await writeUnderPassphrase(await openKeyFile(file, nobody), PASSPHRASE)
  const before = readFileSync(file)
  const wrong = setKeyFileTrust(file, AFTER, () => Promise.resolve("another one"))
  expect(await outcome(wrong)).toBe("PASSPHRASE_WRONG")
  expect(readFileSync(file).equals(before)).toBe(true)
  expect(await setKeyFileTrust(file, AFTER, ask)).toBe(true)
  expect(await isPassphraseSealed(readFileSync(file))).toBe(true)
  expect(await readKeyFile(file, {}, ask)).toMatchObject({ identity: key.identity, trust: AFTER })
})
