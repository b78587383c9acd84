import { entropyToMnemonic } from "@scure/bip39"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import type { Fresh } from "./fresh.js"
import type { Generator } from "./template.js"

// Keys of wallets in words (BIP-39), made anew by a seed.

/** How many bytes 12, 15, 18, 21 and 24 words stand for. */
const SIZES = [16, 20, 24, 28, 32]

/** How a phrase is written down. */
const contexts: Record<string, (words: readonly string[]) => string> = {
  "an env file": (words) => `PORT=3000\nMNEMONIC=${words.join(" ")}\nNETWORK=main\n`,
  JSON: (words) => JSON.stringify({ hd: { mnemonic: words.join(" "), path: "m/44" } }),
  "a list in JSON": (words) => JSON.stringify({ words }, null, 2),
  YAML: (words) => `wallet:\n${words.map((word) => `  - ${word}\n`).join("")}`,
  "a numbered list": (words) => words.map((word, at) => `${at + 1}. ${word}\n`).join(""),
  "numbers on a line": (words) => words.map((word, at) => `${at + 1}. ${word}`).join(" "),
  "two lines": (words) => `${words.slice(0, 7).join(" ")}\n${words.slice(7).join(" ")}\n`,
  code: (words) =>
    `const phrase = "${words.slice(0, 6).join(" ")} " +\n  "${words.slice(6).join(" ")}"\n`,
  "a command": (words) => `wallet restore --seed ${words.join(" ")}\n`,
  "a note": (words) => `The old wallet (do not lose it): seed phrase ${words.join(" ")}.\n`,
  capitals: (words) => `MNEMONIC="${words.join(" ").toUpperCase()}"\n`,
  "capitals of words": (words) => `${words.map(titled).join(" ")}\n`,
  "a numbered list in capitals": (words) =>
    words.map((word, at) => `${at + 1}. ${word.toUpperCase()}\n`).join(""),
  CSV: (words) => `${words.join(",")}\n`,
  Base64: (words) => `MNEMONIC_B64: ${Buffer.from(words.join(" ")).toString("base64")}\n`,
}

function titled(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

/** Fresh phrases of each length, each in one context; and where they stand there in one piece. */
export function freshPhrases(generator: Generator): Fresh[] {
  return Object.entries(contexts).map(([context, write]) => {
    const words = phrase(generator)
    return { kind: `a seed phrase in ${context}`, text: write(words), secret: words.join(" ") }
  })
}

/** Rows of the same words, in the same contexts, that open no wallet. */
export function phraseLookalikes(generator: Generator): Fresh[] {
  return Object.entries(contexts).flatMap(([context, write]) =>
    lookalikes(generator).map(([kind, words]) => ({
      kind: `${kind} in ${context}`,
      text: write(words),
    })),
  )
}

function phrase(generator: Generator): string[] {
  return entropyToMnemonic(generator.bytes(generator.pick(SIZES)), wordlist).split(" ")
}

function lookalikes(generator: Generator): (readonly [kind: string, words: string[]])[] {
  const words = phrase(generator)
  const from = generator.below(2000)
  return [
    ["words with a wrong checksum", [...words.slice(0, -1), beside(words.at(-1) ?? "")]],
    ["a word too few", words.slice(1)],
    ["words in the order of the list", wordlist.slice(from, from + words.length)],
    ["one word again and again", words.map(() => words[0] ?? "")],
    ["words of which one is no such word", [...words.slice(0, 6), "the", ...words.slice(7)]],
    ["a test vector", published(generator)],
  ]
}

/** Its neighbour in the list: the last bit is one of the checksum. */
function beside(word: string): string {
  return wordlist[wordlist.indexOf(word) ^ 1] ?? ""
}

/** Vectors of BIP-39: one byte again and again. */
function published(generator: Generator): string[] {
  const bytes = Buffer.alloc(generator.pick([16, 24, 32]), generator.pick([0, 0x7f, 0x80, 0xff]))
  return entropyToMnemonic(bytes, wordlist).split(" ")
}
