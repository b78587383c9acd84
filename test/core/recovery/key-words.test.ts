import { createHash } from "node:crypto"
import { expect, test } from "vitest"
import { generateIdentity, identityOf } from "../../../src/core/age/age.js"
import { keyOfPaper, wordsOf } from "../../../src/core/owner.js"
import { VaultError } from "../../../src/core/words/errors.js"

const vault = "0".repeat(32)

async function refusal(text: string): Promise<string> {
  const error: unknown = await keyOfPaper(text, { vault, keys: "x25519" }).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return VaultError.is(error) ? `${error.code}: ${error.message}` : String(error)
}

test.each(["x25519", "mlkem768x25519"] as const)(
  "a key of the kind %s is 24 words, and comes back from them as they may be typed",
  async (keys) => {
    const identity = await generateIdentity(keys)
    const words = wordsOf(identity)
    expect(words).toHaveLength(24)
    const numbered = words.map((word, at) => `${at + 1} ${word.toUpperCase()}`).join("  ")
    for (const typed of [words.join(" "), ` ${words.join("\n")} `, numbered]) {
      expect((await keyOfPaper(typed, { vault, keys })).identity).toBe(identity)
    }
    const scanned = await keyOfPaper(` ${identity.toLowerCase()}\n`, { vault, keys })
    expect(scanned.identity).toBe(identity)
  },
)

test("they are the words of BIP-39: the vectors of its page", () => {
  // https://github.com/trezor/python-mnemonic/blob/master/vectors.json
  const zeros = identityOf("x25519", new Uint8Array(32))
  expect(wordsOf(zeros)).toEqual([...Array.from({ length: 23 }, () => "abandon"), "art"])
  const ones = identityOf("x25519", new Uint8Array(32).fill(0x7f))
  expect(wordsOf(ones).join(" ")).toBe(
    "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title",
  )
})

test("a slip is told by its place, and no word is repeated", async () => {
  const bytes = createHash("sha256").update("not a real key").digest()
  const words = wordsOf(identityOf("x25519", bytes))
  const without = words.slice(1)
  expect(await refusal(without.join(" "))).toBe("KEY_INVALID: there are 23 words, and not 24")
  expect(await refusal([...without, "xyzzy"].join(" "))).toBe(
    "KEY_INVALID: word 24 is not in the list of words",
  )
  const [first = "", second = "", ...rest] = words
  expect(first).not.toBe(second)
  expect(await refusal([second, first, ...rest].join(" "))).toContain("checksum of the words")
  expect(await refusal("AGE-SECRET-KEY-1QQQ")).toContain("KEY_INVALID")
})
