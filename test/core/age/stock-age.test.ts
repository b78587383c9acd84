import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect } from "vitest"
import {
  generateIdentity,
  isPassphraseSealed,
  recipientOf,
  seal,
  sealWithPassphrase,
  unseal,
  unsealWithPassphrase,
  type KeyKind,
} from "../../../src/core/age/age.js"
import { testWithStockAge, type StockAge, type StockAgeFeature } from "../../stock-age.js"

const folder = mkdtempSync(join(tmpdir(), "agent-vault-stock-age-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const KINDS: readonly (readonly [KeyKind, StockAgeFeature, string[]])[] = [
  ["x25519", "classic", []],
  ["mlkem768x25519", "hybrid", ["-pq"]],
]
// Below, at and above the size of a chunk of the payload.
const PLAINTEXTS = [0, 1, 1000, 2 ** 16, 2 ** 16 + 1, 3 * 2 ** 16].map((size) =>
  new Uint8Array(size).map((_, at) => (at * 131) ^ (at >> 8)),
)
const PASSPHRASE = "correct horse – battery"

let files = 0
function keyFile(identity: string): string {
  const file = join(folder, `${++files}.key`)
  writeFileSync(file, `# a comment\n${identity}\n`, { mode: 0o600 })
  return file
}

/** The identity and the recipient in what age-keygen prints. */
function keyPair(keygen: StockAge["keygen"], options: string[]): [string, string] {
  const lines = Buffer.from(keygen(options)).toString().split("\n")
  const recipient = lines.find((line) => line.startsWith("# public key: "))?.slice(14)
  const identity = lines.find((line) => line.startsWith("AGE-SECRET-KEY-"))
  if (recipient === undefined || identity === undefined) throw new Error("no key pair")
  return [identity, recipient]
}

describe.each(KINDS)("with %s keys", (kind, feature, options) => {
  testWithStockAge("age opens what was sealed here, with each key", feature, async ({ age }) => {
    const identities = await Promise.all([1, 2, 3].map(() => generateIdentity(kind)))
    const recipients = await Promise.all(identities.map(recipientOf))
    for (const plaintext of PLAINTEXTS) {
      const file = await seal(plaintext, recipients)
      for (const identity of identities) {
        const opened = age(["--decrypt", "--identity", keyFile(identity)], file)
        expect(Buffer.compare(opened, plaintext)).toBe(0)
      }
    }
  })

  testWithStockAge("what age sealed opens here, with each key", feature, async (stock) => {
    const pairs = [1, 2, 3].map(() => keyPair(stock.keygen, options))
    const to = pairs.flatMap(([, recipient]) => ["--recipient", recipient])
    for (const plaintext of PLAINTEXTS) {
      const file = stock.age(to, plaintext)
      for (const [identity] of pairs) {
        expect(Buffer.compare(await unseal(file, [identity]), plaintext)).toBe(0)
      }
    }
  })

  testWithStockAge("age-keygen agrees on the recipient of a key", feature, async ({ keygen }) => {
    const [theirs, recipient] = keyPair(keygen, options)
    expect(await recipientOf(theirs)).toBe(recipient)
    const ours = await generateIdentity(kind)
    const answer = Buffer.from(keygen(["-y", keyFile(ours)])).toString()
    expect(answer).toBe(`${await recipientOf(ours)}\n`)
  })
})

describe("with both kinds of keys", () => {
  testWithStockAge("age refuses to mix them too", "hybrid", async ({ age }) => {
    const identities = await Promise.all(KINDS.map(([kind]) => generateIdentity(kind)))
    const recipients = await Promise.all(identities.map(recipientOf))
    const to = recipients.flatMap((recipient) => ["--recipient", recipient])
    expect(() => age(to, "value")).toThrow(/incompatible recipients/)
  })
})

describe("with a passphrase", () => {
  const plaintext = new TextEncoder().encode("# comment\nAGE-SECRET-KEY-1…\n")
  const batchpass = ["-j", "batchpass"]
  const environment = { AGE_PASSPHRASE: PASSPHRASE }

  testWithStockAge("age opens what was sealed here", "passphrase", async ({ age }) => {
    const file = await sealWithPassphrase(plaintext, PASSPHRASE)
    expect(age(["--decrypt", ...batchpass], file, environment)).toEqual(plaintext)
    const wrong = { AGE_PASSPHRASE: "wrong" }
    expect(() => age(["--decrypt", ...batchpass], file, wrong)).toThrow(/incorrect passphrase/)
  })

  testWithStockAge("what age sealed opens here, armored or not", "passphrase", async ({ age }) => {
    for (const armor of [[], ["--armor"]]) {
      const file = age(["--encrypt", ...armor, ...batchpass], plaintext, environment)
      expect(await isPassphraseSealed(file)).toBe(true)
      expect(await unsealWithPassphrase(file, PASSPHRASE)).toEqual(plaintext)
    }
  })
})
