import { describe, expect, test } from "vitest"
import { brotliCompressSync, gzipSync } from "node:zlib"
import { Undecodable, decoded } from "../../../src/broker/coding/decode.js"
import { ENCODE, all, pieces } from "../bodies.js"

const MIB = 2 ** 20

describe("a bomb", () => {
  const zeros = Buffer.alloc(256 * MIB)
  const bombs = {
    gzip: [gzipSync(zeros)],
    br: [brotliCompressSync(zeros)],
    "gzip twice": [gzipSync(gzipSync(zeros))],
    "gzip, member after member": Array.from({ length: 32 }, () =>
      gzipSync(zeros.subarray(0, 8 * MIB)),
    ),
  }

  test.each(Object.entries(bombs))("of %s goes no further than its bound", async (name, bomb) => {
    const coding = name === "br" ? "br" : "gzip"
    const codings = name === "gzip twice" ? ([coding, coding] as const) : ([coding] as const)
    let length = 0
    const taking = async (): Promise<void> => {
      for await (const piece of decoded(pieces(...bomb), codings)) length += piece.length
    }
    await expect(taking()).rejects.toThrow(Undecodable)
    expect(length).toBeLessThan(56 * MIB)
  })

  test("is not decoded further than it is taken", async () => {
    const pieceByPiece = decoded(pieces(...bombs.gzip), ["gzip"])
    await pieceByPiece.next()
    const before = process.memoryUsage().arrayBuffers
    await pieceByPiece.next()
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * MIB)
    await pieceByPiece.return()
  })

  test("is not what is large and repeats itself: 64 MiB of lines of a log", async () => {
    const lines = Array.from({ length: 2 * MIB }, (_, n) => `${n % 997} GET /index.html 200 ok\n`)
    const log = Buffer.from(lines.join(""))
    let length = 0
    for await (const piece of decoded(pieces(gzipSync(log)), ["gzip"])) length += piece.length
    expect(length).toBe(log.length)
  })
})

describe("after the end of what is encoded", () => {
  test.each(Object.entries(ENCODE))(
    "more bytes do not stop %s, and do not come out",
    async (name, encode) => {
      const coding = name === "br" ? "br" : name === "gzip" ? "gzip" : "deflate"
      const sent = Buffer.concat([encode(Buffer.from("text")), Buffer.from("more of it")])
      const out = await all(decoded(pieces(sent), [coding])).catch((error: unknown) => error)
      if (Buffer.isBuffer(out)) expect(out.toString()).toBe("text")
      else expect(out).toBeInstanceOf(Undecodable)
    },
  )
})
