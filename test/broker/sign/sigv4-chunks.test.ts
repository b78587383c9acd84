import { randomBytes } from "node:crypto"
import { describe, expect, test } from "vitest"
import { chunksSignedAnew } from "../../../src/broker/sign/sigv4-chunks.js"
import { type SigV4, signingKey } from "../../../src/broker/sign/sigv4.js"
import { inSignedChunks } from "./aws-signer.js"

/**
 * The uploads of 65 KiB that AWS's documentation signs: "Transferring payload in multiple chunks", and
 * "Including trailing headers".
 */
const KEY = ["wJalrXUtnFEMI", "K7MDENG", "bPxRfiCYEXAMPLEKEY"].join("/")
const SCOPE = "20130524/us-east-1/s3/aws4_request"
const sigV4: SigV4 = {
  in: "authorization",
  accessKey: "AKIAIOSFODNN7EXAMPLE",
  scope: SCOPE,
  time: "20130524T000000Z",
  signedHeaders: ["host"],
  signature: "",
}
const DATA = Buffer.alloc(66_560, "a")
const PLAIN = {
  seed: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
  signatures: [
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
  ],
}
const TRAILED = {
  seed: "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
  signatures: [
    "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
    "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
    "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
  ],
}
const CHECKSUM = "x-amz-checksum-crc32c:sOO8/Q=="
const placeholder = `avp_${randomBytes(20).toString("hex")}`
const seed = randomBytes(32).toString("hex")

/** The same data, as the client sends it who signs with the placeholder. */
const signed = (trailer?: string): Buffer =>
  inSignedChunks([DATA.subarray(0, 65_536), DATA.subarray(65_536)], {
    key: placeholder,
    scope: SCOPE,
    time: sigV4.time,
    signature: seed,
    ...(trailer === undefined ? {} : { trailer }),
  })

async function anew(body: Iterable<Uint8Array>, to: string, key = KEY): Promise<Buffer> {
  async function* pieces() {
    for (const piece of body) yield await Promise.resolve(piece)
  }
  const leaving = chunksSignedAnew(
    pieces(),
    sigV4,
    { key: signingKey(placeholder, SCOPE), signature: seed },
    { key: signingKey(key, SCOPE), signature: to },
  )
  const parts: Uint8Array[] = []
  for await (const part of leaving) parts.push(part)
  return Buffer.concat(parts)
}

const signaturesIn = (body: Buffer): string[] =>
  body.toString("latin1").match(/(?<=signature[=:])[0-9a-f]{64}/g) ?? []

describe("signed chunks", () => {
  test("get the signatures that AWS documents", async () => {
    const leaving = await anew([signed()], PLAIN.seed)
    expect(signaturesIn(leaving)).toEqual(PLAIN.signatures)
    expect(leaving).toHaveLength(66_824)
  })

  test("get the signature of their trailer that AWS documents", async () => {
    const leaving = await anew([signed(CHECKSUM)], TRAILED.seed)
    expect(signaturesIn(leaving)).toEqual(TRAILED.signatures)
    expect(leaving.toString("latin1")).toContain(
      `0;chunk-signature=${TRAILED.signatures[2]}\r\n${CHECKSUM}\r\n`,
    )
  })

  test("stay what they are besides, however they are cut", async () => {
    const small = inSignedChunks([Buffer.from("one"), Buffer.from("\r\n0;x\r\n")], {
      key: placeholder,
      scope: SCOPE,
      time: sigV4.time,
      signature: seed,
      trailer: CHECKSUM,
    })
    // Signed anew with the very placeholder they are as they were, byte for byte.
    for (let at = 0; at <= small.length; at += 1) {
      const cut = [small.subarray(0, at), small.subarray(at)]
      expect((await anew(cut, seed, placeholder)).equals(small)).toBe(true)
    }
  })

  const changed = (from: string, to: string, trailer?: string): Buffer =>
    Buffer.from(signed(trailer).toString("latin1").replace(from, to), "latin1")
  const second = signaturesIn(signed())[1] ?? ""
  test.each<[string, Buffer, RegExp]>([
    ["another byte in a chunk", changed("aaa\r\n", "aab\r\n"), /another key/],
    ["another signature", changed(second, "0".repeat(64)), /another key/],
    ["no signature", changed(`;chunk-signature=${second}`, ""), /is not signed/],
    ["a signature in capitals", changed(second, second.toUpperCase()), /is not signed/],
    [
      "the chunks of another request",
      changed(signaturesIn(signed())[0] ?? "", second),
      /another key/,
    ],
    ["another trailer", changed("sOO8", "sOO9", CHECKSUM), /another key/],
    ["no last chunk", signed().subarray(0, 65_000), /ends amid/],
    ["no chunks", Buffer.from("just text\r\n"), /not in chunks/],
  ])("are refused: %s", async (_what, body, why) => {
    await expect(anew([body], PLAIN.seed)).rejects.toMatchObject({
      code: "PLACEHOLDER_REFUSED",
      message: expect.stringMatching(why) as string,
    })
  })

  test("are refused over 16 MiB, before they are in memory", async () => {
    let given = 0
    function* much() {
      yield Buffer.from(`${(2 ** 30).toString(16)};chunk-signature=${"0".repeat(64)}\r\n`)
      for (; given < 1024; given += 1) yield Buffer.alloc(2 ** 20)
    }
    await expect(anew(much(), seed)).rejects.toMatchObject({ code: "PLACEHOLDER_REFUSED" })
    expect(given).toBeLessThan(20)
  })
})
