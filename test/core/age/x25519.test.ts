import { describe, expect, test } from "vitest"
import type { Stanza } from "../../../src/core/age/stanza.js"
import { x25519Identity, x25519PublicKey } from "../../../src/core/age/x25519.js"
import { x25519Recipient } from "../../../src/core/age/x25519-sealing.js"

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))

// The keys of RFC 7748, section 6.1.
const ALICE = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
const ALICE_PUBLIC = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
const BOB = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
const BOB_PUBLIC = hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")

// Every point whose multiples are all zero (https://cr.yp.to/ecdh.html#validate, with p and p + 1).
const LOW_ORDER = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]

const FILE_KEY = new Uint8Array(16).fill(7)

async function stanzaFor(publicKey: Uint8Array): Promise<Stanza> {
  const [stanza] = await x25519Recipient(publicKey).wrapFileKey(FILE_KEY)
  if (!stanza) throw new Error("no stanza")
  return stanza
}

describe("X25519 on Node's own crypto", () => {
  test("computes the public keys of RFC 7748", () => {
    expect(x25519PublicKey(ALICE)).toEqual(Buffer.from(ALICE_PUBLIC))
    expect(x25519PublicKey(BOB)).toEqual(Buffer.from(BOB_PUBLIC))
  })

  test("wraps in one stanza of the form in the age spec, each time another", async () => {
    const { args, body } = await stanzaFor(ALICE_PUBLIC)
    expect(args).toEqual(["X25519", expect.stringMatching(/^[A-Za-z0-9+/]{43}$/)])
    expect(body).toHaveLength(32)
    expect((await stanzaFor(ALICE_PUBLIC)).args).not.toEqual(args)
  })

  test("unwraps its own stanza among others, and passes over what is not its own", async () => {
    const [forAlice, forBob] = [await stanzaFor(ALICE_PUBLIC), await stanzaFor(BOB_PUBLIC)]
    const grease: Stanza = { args: ["grease"], body: new Uint8Array(3) }
    const alice = x25519Identity(ALICE)
    const fileKey = await alice.unwrapFileKey([grease, forBob, forAlice])
    expect(fileKey).toEqual(Buffer.from(FILE_KEY))
    expect(await alice.unwrapFileKey([grease, forBob])).toBeNull()
    expect(await alice.unwrapFileKey([])).toBeNull()
  })

  test("throws on a stanza that is its own but malformed", async () => {
    const { args, body } = await stanzaFor(ALICE_PUBLIC)
    const share = args[1] ?? ""
    const malformed: Stanza[] = [
      { args: ["X25519"], body },
      { args: ["X25519", share, "more"], body },
      { args: ["X25519", ""], body },
      { args: ["X25519", `${share}=`], body },
      { args: ["X25519", `${share} `], body },
      { args: ["X25519", `${share}AA`], body },
      { args: ["X25519", share.slice(0, -1)], body },
      { args: ["X25519", share.replace(/.$/, "B")], body },
      { args, body: body.subarray(1) },
      { args, body: Buffer.concat([body, body]) },
      { args, body: new Uint8Array() },
    ]
    const alice = x25519Identity(ALICE)
    for (const stanza of malformed) expect(() => alice.unwrapFileKey([stanza])).toThrow(/invalid/)
  })

  test.each(LOW_ORDER)("refuses the low-order point %s, to seal to or to open", (point) => {
    expect(() => x25519Recipient(hex(point)).wrapFileKey(FILE_KEY)).toThrow(/derivation/)
    const share = Buffer.from(point, "hex").toString("base64").replace("=", "")
    const stanza: Stanza = { args: ["X25519", share], body: new Uint8Array(32) }
    expect(() => x25519Identity(ALICE).unwrapFileKey([stanza])).toThrow(/derivation/)
  })
})
