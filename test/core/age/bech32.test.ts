import { bech32 } from "@scure/base"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { decodeBech32, encodeBech32 } from "../../../src/core/age/bech32.js"

const LIMIT = 4096
const LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
const PREFIXES = ["age", "age1pq", "AGE-SECRET-KEY-", "AGE-SECRET-KEY-PQ-", "agent-vault-share-1:s"]

const prefix = fc.constantFrom(...PREFIXES)
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.uint8Array({ minLength: 1216, maxLength: 1216 }),
)

/** The same by @scure/base. */
function encoded(head: string, content: Uint8Array): string {
  const text = bech32.encode(head, bech32.toWords(content), LIMIT)
  return head === head.toUpperCase() ? text.toUpperCase() : text
}

function decoded(text: string, head: string, length: number): Uint8Array | undefined {
  try {
    const { bytes: content } = bech32.decodeToBytes(text, LIMIT)
    return content.length === length && encoded(head, content) === text ? content : undefined
  } catch {
    return undefined
  }
}

test("bytes are encoded as @scure/base encodes them", () => {
  fc.assert(
    fc.property(prefix, bytes, (head, content) => {
      const text = encodeBech32(head, content)
      expect(text).toBe(encoded(head, content))
      expect(decodeBech32(text, head, content.length)).toEqual(Uint8Array.from(content))
    }),
  )
})

describe("only the one text of some bytes is decoded", () => {
  test.each([
    ["a letter is another", (text: string, at: number, letter: string) => put(text, at, letter, 1)],
    ["a letter comes in", (text: string, at: number, letter: string) => put(text, at, letter, 0)],
    ["a letter is gone", (text: string, at: number) => put(text, at, "", 1)],
    ["a letter has another case", (text: string, at: number) => put(text, at, other(text[at]), 1)],
    ["all have", (text: string) => other(text)],
  ])("not where %s", (_what, change) => {
    const letter = fc.constantFrom(...LETTERS.split(""), "b", "1", "İ", "\u{1f511}", "")
    fc.assert(
      fc.property(prefix, bytes, fc.nat(), letter, (head, content, place, by) => {
        const right = encoded(head, content)
        const text = change(right, place % right.length, by)
        const found = decodeBech32(text, head, content.length)
        expect(found).toEqual(decoded(text, head, content.length))
        if (text !== right) expect(found).toBeUndefined()
      }),
    )
  })

  test("not as of another prefix or length", () => {
    fc.assert(
      fc.property(prefix, prefix, bytes, fc.integer({ min: -2, max: 2 }), (a, b, content, more) => {
        const length = Math.max(0, content.length + more)
        const text = encoded(a, content)
        expect(decodeBech32(text, b, length)).toEqual(decoded(text, b, length))
      }),
    )
  })

  test("not where the bits that fill the last letter up are not zero", () => {
    const words = [...bech32.toWords(new Uint8Array(32)).slice(0, -1), 1]
    const text = bech32.encode("age", words, LIMIT)
    expect(decodeBech32(text, "age", 32)).toBeUndefined()
  })
})

function put(text: string, at: number, letter: string, instead: number): string {
  return text.slice(0, at) + letter + text.slice(at + instead)
}

function other(text = ""): string {
  return text === text.toUpperCase() ? text.toLowerCase() : text.toUpperCase()
}
