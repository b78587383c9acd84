import { hkdfSync } from "node:crypto"
import { isDeepStrictEqual } from "node:util"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { encodeBech32 } from "../../../src/core/age/bech32.js"
import {
  type Signable,
  canonicalJson,
  signingKey,
  verifier,
} from "../../../src/core/records/signature.js"

const identity = encodeBech32("AGE-SECRET-KEY-", Buffer.alloc(32, 7))
const other = encodeBech32("AGE-SECRET-KEY-", Buffer.alloc(32, 8))
const postQuantum = encodeBech32("AGE-SECRET-KEY-PQ-", Buffer.alloc(32, 7))

// Worked out with Python's hmac after RFC 5869, and RFC 8032 in plain Python.
const SEED = "588225c794c85f95a0bf03e620da7c4e784c2723f88ad353e603c029c0a2dfd1"
const SIGNER = "ed25519:rNzdHpgt4dN1usMwi-OWcimxwDx4pH0zXOHWgdqqIn4"
const SIGNATURE =
  "Y6-hS-EUvM-AGOx2qtwUJ9Qlf_IZYeVuQaKXzsg7aoaq7QfSNgVGCUrEL3dz-j0wMGY8uoGimbNrCrxoCt-0Cg"

const text = fc.string({ unit: "binary" })
const signable = fc.letrec<{ value: Signable; list: Signable; map: Signable }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    text,
    fc.maxSafeInteger(),
    fc.boolean(),
    tie("list"),
    tie("map"),
  ),
  list: fc.array(tie("value")),
  map: fc.dictionary(text, tie("value")),
})).value

const plain = (value: Signable): unknown => JSON.parse(JSON.stringify(value))

describe("canonical JSON", () => {
  test("is JSON that means the same", () => {
    fc.assert(
      fc.property(signable, (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  test("does not depend on the order of keys", () => {
    fc.assert(
      fc.property(fc.dictionary(text, signable), fc.infiniteStream(fc.nat()), (map, order) => {
        const shuffled = Object.entries(map)
          .map((entry) => ({ entry, rank: Number(order.next().value) }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ entry }) => entry)
        expect(canonicalJson(Object.fromEntries(shuffled))).toBe(canonicalJson(map))
      }),
    )
  })

  test("is the same for equal values only", () => {
    fc.assert(
      fc.property(signable, signable, (a, b) => {
        const equal = isDeepStrictEqual(plain(a), plain(b))
        expect(canonicalJson(a) === canonicalJson(b)).toBe(equal)
      }),
    )
  })

  // RFC 8785, section 3.2.3.
  test("sorts keys by UTF-16 code units, as the RFC's example has it", () => {
    const value = {
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    const names = canonicalJson(value).match(/(?<=:")[^"]*/g)
    expect(names).toEqual([
      "Carriage Return",
      "One",
      "Control",
      "Latin Small Letter O With Diaeresis",
      "Euro Sign",
      "Emoji: Grinning Face",
      "Hebrew Letter Dalet With Dagesh",
    ])
  })

  // RFC 8785, section 3.2.2.2.
  test("escapes only what the RFC escapes", () => {
    const value = "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/\b\f\r\t\u007f\u2028"
    expect(canonicalJson(value)).toBe(
      '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\\b\\f\\r\\t\u007f\u2028"',
    )
  })

  test("has no spaces, and writes integers plainly", () => {
    const value = { b: [1, -2, 0, true, false], a: { d: "", c: [] }, e: {} }
    expect(canonicalJson(value)).toBe('{"a":{"c":[],"d":""},"b":[1,-2,0,true,false],"e":{}}')
    expect(canonicalJson(Number.MAX_SAFE_INTEGER)).toBe("9007199254740991")
    expect(canonicalJson(-0)).toBe("0")
  })

  test.each([
    [0.5],
    [Number.MAX_SAFE_INTEGER + 1],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    ["\ud800"],
    [["deep", { down: "\udc00\ud800" }]],
    [{ "\ud800": 1 }],
  ])("refuses %j, which JSON cannot carry without loss", (value: Signable) => {
    expect(() => canonicalJson(value)).toThrow(expect.objectContaining({ code: "RECORD_INVALID" }))
  })
})

describe("a signing key", () => {
  test("is HKDF-SHA256 of the identity's bytes", () => {
    expect(
      Buffer.from(
        hkdfSync("sha256", Buffer.alloc(32, 7), "", "agent-vault/v1/signing", 32),
      ).toString("hex"),
    ).toBe(SEED)
    expect(signingKey(identity).signer).toBe(SIGNER)
  })

  test("depends on the 32 bytes alone, not on the kind of the identity", () => {
    expect(signingKey(postQuantum).signer).toBe(SIGNER)
    expect(signingKey(other).signer).not.toBe(SIGNER)
  })

  test("signs a line with the kind, and the canonical JSON", () => {
    expect(signingKey(identity).sign("agent", { b: 1, a: "x" })).toBe(SIGNATURE)
  })

  test("is not made from anything but an identity, which no error repeats", () => {
    const lines = ["", "age1qqqq", identity.toLowerCase(), identity.slice(0, -1), `${identity} `]
    for (const line of lines) {
      expect(() => signingKey(line)).toThrow(
        expect.objectContaining({
          code: "KEY_INVALID",
          message: expect.not.stringContaining("1Q") as string,
        }),
      )
    }
  })
})

describe("a verifier", () => {
  const key = signingKey(identity)
  const verifies = verifier(key.signer)

  test("accepts what was signed, whatever the order of keys", () => {
    fc.assert(
      fc.property(signable, text, (body, kind) => {
        const signature = key.sign(kind, body)
        expect(signature).toMatch(/^[A-Za-z0-9_-]{86}$/)
        expect(verifies(kind, JSON.parse(canonicalJson(body)) as Signable, signature)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  test("refuses another kind, body, signer and any changed character", () => {
    const body = { a: 1 }
    const signature = key.sign("agent", body)
    expect(verifies("group", body, signature)).toBe(false)
    expect(verifies("agent", { a: 2 }, signature)).toBe(false)
    expect(verifier(signingKey(other).signer)("agent", body, signature)).toBe(false)
    for (let at = 0; at < signature.length; at++) {
      const letter = signature[at] === "A" ? "B" : "A"
      const changed = `${signature.slice(0, at)}${letter}${signature.slice(at + 1)}`
      expect(verifies("agent", body, changed)).toBe(false)
    }
  })

  test("accepts one spelling of a signature only", () => {
    const signature = key.sign("agent", {})
    const others = [`${signature}=`, `${signature}==`, ` ${signature}`, `${signature}\n`]
    const last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for (const letter of last) others.push(signature.slice(0, -1) + letter)
    others.push(Buffer.from(signature, "base64url").toString("base64"))
    const accepted = others.filter((spelling) => verifies("agent", {}, spelling))
    expect(accepted).toEqual([signature])
  })

  test("accepts one spelling of a signer only: they are compared as text", () => {
    const last = key.signer.slice(-1)
    const next = String.fromCodePoint((last.codePointAt(0) ?? 0) + 1)
    expect(() => verifier(key.signer.slice(0, -1) + next)).toThrow(
      expect.objectContaining({ code: "RECORD_INVALID" }),
    )
  })
})
