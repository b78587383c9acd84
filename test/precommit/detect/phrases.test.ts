import { entropyToMnemonic } from "@scure/bip39"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import { expect, test } from "vitest"
import { findCredentials } from "../../../src/precommit/detect/detect.js"
import { withoutHang } from "../../hang.js"
import { freshPhrases, phraseLookalikes } from "./phrases.js"
import { Generator } from "./template.js"

const SEEDS = Array.from({ length: 20 }, (_, index) => 3000 + index)

const rulesIn = (text: string): string[] => findCredentials(text).map(({ rule }) => rule)
const phraseOf = (entropy: string): string =>
  entropyToMnemonic(Buffer.from(entropy, "hex"), wordlist)

test.each(SEEDS)("each seed phrase of seed %i is found, and none of its look-alikes", (seed) => {
  const generator = new Generator(seed)
  for (const { kind, text } of freshPhrases(generator)) {
    expect(rulesIn(text), `${kind}: ${text}`).toEqual(["seed-phrase"])
  }
  for (const { kind, text } of phraseLookalikes(generator)) {
    expect(rulesIn(text), `${kind}: ${text}`).toEqual([])
  }
})

test("a seed phrase is found as its words, and what it is called is not among them", () => {
  const words = freshPhrases(new Generator(1))[0]?.secret ?? ""
  for (const before of ["", "mnemonic: ", "--seed ", "seed phrase ", "wallet is "]) {
    const [found, ...others] = findCredentials(`${before}${words}\n`)
    expect(others).toEqual([])
    expect(`${before}${words}\n`.slice(found?.start, found?.end), before).toBe(words)
  }
})

test("of several phrases, one in a line, each is found", () => {
  const generator = new Generator(2)
  const phrases = Array.from({ length: 5 }, () => entropyToMnemonic(generator.bytes(16), wordlist))
  const count = phrases.length
  expect(rulesIn(phrases.join("\n"))).toEqual(Array.from({ length: count }, () => "seed-phrase"))
  expect(rulesIn(JSON.stringify(phrases))).toHaveLength(count)
})

test("phrases that everybody knows are no finding, however they are written", () => {
  const known = [
    // BIP-39's first vectors, and the accounts of Hardhat and of Trezor's emulator.
    phraseOf("00".repeat(16)),
    phraseOf("7f".repeat(16)),
    `${"test ".repeat(11)}junk`,
    "all ".repeat(12).trim(),
    // agent-vault: allow seed-phrase the accounts of Substrate's development chains
    "bottom drive obey lake curtain smoke basket hold race lonely fit walk",
  ]
  for (const words of known) {
    expect(rulesIn(`MNEMONIC="${words}"`), words).toEqual([])
    expect(rulesIn(words.replaceAll(" ", "\n")), words).toEqual([])
  }
})

test("the list of words itself is no finding, and neither is what is made to look like phrases", () => {
  for (const between of ["\n", " ", '", "']) {
    expect(rulesIn(wordlist.join(between))).toEqual([])
  }
  const lines = wordlist.map((word, at) => word + (at % 12 === 11 ? "\n" : " "))
  expect(rulesIn(lines.join(""))).toEqual([])
  for (const unit of ["abandon ", "abandon, ", "zoo\n", "1. zone ", "aaa'\"`"]) {
    const long = unit.repeat(Math.ceil(2 ** 20 / unit.length))
    expect(() => withoutHang(() => findCredentials(long)), unit).not.toThrow()
  }
})
