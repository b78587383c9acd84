import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { constants, createBrotliCompress, createDeflate, createGzip, gzipSync } from "node:zlib"
import { scrubHead } from "../../../src/broker/reply/scrub-reply.js"
import {
  ENCODE,
  MARKER,
  NAME,
  VALUE,
  all,
  cutAt,
  liveValues,
  pieces,
  scrubbed,
  textOf,
} from "../bodies.js"

const ENCODINGS = Object.entries(ENCODE).map(([name, encode]) => ({
  name,
  encode,
  headers: ["Content-Encoding", name.split(" ", 1).join()],
}))
const ECHO = JSON.stringify({ headers: { authorization: `Bearer ${VALUE}` }, ok: true })
const CLEAN = JSON.stringify({ headers: { authorization: `Bearer ${MARKER}` }, ok: true })

describe("an echo of the value does not come back", () => {
  test("in the status text, in headers, in cookies", async () => {
    const headers = ["X-Echo", `Bearer ${VALUE}`, "Set-Cookie", `k=${VALUE}; Path=/`, "ETag", '"a"']
    const { head, found } = await scrubbed("", { statusText: `OK ${VALUE}`, headers })
    expect(head.statusText).toBe(`OK ${MARKER}`)
    expect(head.rawHeaders).toEqual([
      "X-Echo",
      `Bearer ${MARKER}`,
      "Set-Cookie",
      `k=${MARKER}; Path=/`,
      "ETag",
      '"a"',
    ])
    expect([...found]).toEqual([NAME])
  })

  test("in a header's name, which goes with its value", async () => {
    const { head } = await scrubbed("", { headers: [`X-${VALUE}`, "1", "A", "b"] })
    expect(head.rawHeaders).toEqual(["A", "b"])
  })

  test("in a header beyond ASCII, whose bytes stay what they are", async () => {
    const live = liveValues({ word: "pässwörd-fake-1" })
    const headers = ["X", latin1("é pässwörd-fake-1 é")]
    const { head } = await scrubbed("", { headers, live })
    expect(head.rawHeaders[1]).toBe(latin1("é [REDACTED word] é"))
  })

  test("in trailers", async () => {
    const { body, trailers } = await scrubbed("x")
    await all(body)
    expect(trailers(["X-Sum", `a ${VALUE}`])).toEqual(["X-Sum", `a ${MARKER}`])
  })

  test("in what comes before a reply, or changes the protocol", () => {
    const head = { status: 103, statusText: "Early", rawHeaders: ["Link", `<${VALUE}>`] }
    expect(scrubHead(head, liveValues()).rawHeaders).toEqual(["Link", `<${MARKER}>`])
  })

  test("in a body, split at every byte", async () => {
    const bytes = Buffer.from(ECHO)
    for (let at = 0; at <= bytes.length; at += 1) expect(await textOf(cutAt(bytes, at))).toBe(CLEAN)
    expect(await textOf(pieces(...Array.from(bytes, (byte) => Buffer.of(byte))))).toBe(CLEAN)
  })

  test.each(ENCODINGS)("under $name, split at every byte", async ({ encode, headers }) => {
    const bytes = encode(Buffer.from(ECHO))
    for (let at = 0; at <= bytes.length; at += 1) {
      const { head, body } = await scrubbed(cutAt(bytes, at), { headers })
      expect((await all(body)).toString()).toBe(CLEAN)
      expect(head.rawHeaders).toEqual([])
    }
  })

  test.each(ENCODINGS)("under $name twice", async ({ encode, headers: [name = "", coding] }) => {
    const bytes = encode(encode(Buffer.from(ECHO)))
    expect(await textOf(bytes, { headers: [name, `${coding}, ${coding}`] })).toBe(CLEAN)
    expect(await textOf(bytes, { headers: [name, `${coding}`, name, `${coding}`] })).toBe(CLEAN)
  })

  test("under one encoding on top of another", async () => {
    const bytes = ENCODE["br"]?.(gzipSync(ECHO)) ?? ""
    expect(await textOf(bytes, { headers: ["content-encoding", "x-GZIP , identity,br"] })).toBe(
      CLEAN,
    )
  })

  test("in several members of gzip", async () => {
    const bytes = Buffer.concat([gzipSync(VALUE.slice(0, 9)), gzipSync(VALUE.slice(9))])
    expect(await textOf(bytes, { headers: ["Content-Encoding", "gzip"] })).toBe(MARKER)
  })

  test("after it was created at one host, and read at another", async () => {
    const live = liveValues({ "github/token": "fake_gh_0123456789abcdef", [NAME]: VALUE })
    expect(await textOf(`fake_gh_0123456789abcdef ${VALUE}`, { live })).toBe(
      `[REDACTED github/token] ${MARKER}`,
    )
  })

  test("as it was put into the request: Basic's name and password", async () => {
    const basic = Buffer.from(`me:${VALUE}`).toString("base64")
    const live = liveValues()
    live.learnPut(NAME, Buffer.from(basic))
    expect(await textOf(`Basic ${basic}`, { live })).toBe(`Basic ${MARKER}`)
    const again = Buffer.from(basic).toString("base64")
    expect(await textOf(again, { live })).not.toContain(again.slice(4, -4))
  })
})

describe("every form that the redactor knows", () => {
  const special = 'fake "p/w+%\\ö\n<2>&='
  const forms: Readonly<Record<string, (value: string) => string | Buffer>> = {
    "base64, from a first byte": (value) => base64(value),
    "base64, from a second byte": (value) => base64(`a${value}`),
    "base64, from a third byte": (value) => base64(`ab${value}`),
    base64url: (value) => Buffer.from(`ab${value}`).toString("base64url"),
    "base64 in lines": (value) => base64(value.repeat(3)).replaceAll(/(.{20})/g, "$1\r\n"),
    hex: (value) => Buffer.from(value).toString("hex"),
    HEX: (value) => Buffer.from(value).toString("hex").toUpperCase(),
    "a URL": (value) => encodeURIComponent(value),
    "a form": (value) => new URLSearchParams({ value }).toString(),
    JSON: (value) => JSON.stringify(value),
    "JSON in JSON": (value) => JSON.stringify(JSON.stringify(value)),
    "JSON in ASCII": (value) => JSON.stringify(value).replaceAll("ö", "\\u00f6"),
    HTML: (value) => value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;"),
    "UTF-16, little end first": (value) => Buffer.from(value, "utf16le"),
    "UTF-16, big end first": (value) => Buffer.from(value, "utf16le").swap16(),
    "JSON in UTF-16, little end first": (value) => Buffer.from(JSON.stringify(value), "utf16le"),
    "JSON in UTF-16, big end first": (value) =>
      Buffer.from(JSON.stringify(value), "utf16le").swap16(),
    "UTF-16 in base64": (value) => Buffer.from(value, "utf16le").toString("base64"),
  }
  const cases = Object.entries(forms).flatMap(([name, form]) => [
    { name, form, value: VALUE },
    { name: `${name}, of what needs escapes`, form, value: special },
  ])

  test.each(cases)("$name", async ({ form, value }) => {
    const bytes = Buffer.from(form(value))
    const live = liveValues({ [NAME]: value })
    for (const headers of [[], ["Content-Encoding", "gzip"]]) {
      const sent = headers.length > 0 ? gzipSync(around(bytes)) : around(bytes)
      const { body, found } = await scrubbed(sent, { headers, live })
      const out = await all(body)
      expect([...found]).toEqual([NAME])
      // At each end some digits may stay, which say next to nothing of the value.
      const middle = bytes.subarray(8, -8)
      expect(out.includes(middle)).toBe(false)
    }
  })

  test.each(["utf16le", "utf16be"])("a text in %s stays one", async (order) => {
    const live = liveValues({ [NAME]: VALUE, other: "fäke-übér-wört-1" })
    const write = (text: string): Buffer => {
      const little = Buffer.from(text, "utf16le")
      return order === "utf16le" ? little : little.swap16()
    }
    const text = `\uFEFFkey=${VALUE}\r\nother=fäke-übér-wört-1\r\n`
    const { body } = await scrubbed(write(text), { live })
    expect(
      (await all(body)).equals(write(`\uFEFFkey=${MARKER}\r\nother=[REDACTED other]\r\n`)),
    ).toBe(true)
  })
})

describe("a body is handed on as it comes", () => {
  const COMPRESSORS = {
    none: undefined,
    gzip: () => createGzip({ flush: constants.Z_SYNC_FLUSH }),
    deflate: () => createDeflate({ flush: constants.Z_SYNC_FLUSH }),
    br: () => createBrotliCompress({ flush: constants.BROTLI_OPERATION_FLUSH }),
  }

  test.each(Object.entries(COMPRESSORS))(
    "each event, under %s, before the next is sent",
    async (coding, make) => {
      const compressor = make?.()
      let next: (() => void) | undefined
      const asked: string[] = []
      const source = async function* (): AsyncGenerator<Buffer> {
        for (let event = 0; event < 5; event += 1) {
          if (event > 0) await new Promise<void>((resolve) => (next = resolve))
          const text = Buffer.from(`data: ${event} ${VALUE}\n\n`)
          asked.push(text.toString())
          if (compressor === undefined) yield text
          else {
            compressor.write(text)
            yield await new Promise<Buffer>((resolve) => {
              const parts: Buffer[] = []
              const read = (): Buffer | null => compressor.read() as Buffer | null
              const take = (): void => {
                for (let part = read(); part !== null; part = read()) parts.push(part)
                if (parts.length === 0) return
                compressor.off("readable", take)
                resolve(Buffer.concat(parts))
              }
              compressor.on("readable", take)
            })
          }
        }
      }
      const headers = ["Content-Type", "text/event-stream; charset=utf-8"]
      if (make) headers.push("Content-Encoding", coding)
      const { head, body } = await scrubbed(source(), { headers })
      expect(head.rawHeaders).toEqual(headers.slice(0, 2))
      let event = 0
      for await (const piece of body) {
        expect(String(piece)).toBe(`data: ${event} ${MARKER}\n\n`)
        expect(asked).toHaveLength(event + 1)
        event += 1
        if (event === 5) break
        next?.()
      }
      compressor?.destroy()
    },
  )

  test("the head of an event stream, before there is an event", async () => {
    const { head } = await scrubbed(never(), {
      headers: ["Content-Type", "text/event-stream", "Content-Encoding", "gzip"],
    })
    expect(head.status).toBe(200)
  })

  test("the head of what has no encoding, before there is a body", async () => {
    expect((await scrubbed(never())).head.status).toBe(200)
  })

  test("no more is read than the program takes", async () => {
    let taken = 0
    const source = async function* (): AsyncGenerator<Buffer> {
      for (;;) {
        taken += 1
        yield await Promise.resolve(Buffer.alloc(64 * 1024))
      }
    }
    const { body } = await scrubbed(source())
    body.on("readable", () => {})
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    expect(taken).toBeLessThan(10)
    body.destroy()
  })

  test("a reply that nobody takes any more is not read on", async () => {
    let isClosed = false
    const source = async function* (): AsyncGenerator<Buffer> {
      try {
        for (;;) yield await Promise.resolve(gzipSync("x"))
      } finally {
        isClosed = true
      }
    }
    const { body } = await scrubbed(source(), { headers: ["Content-Encoding", "gzip"] })
    for await (const piece of body) {
      expect(String(piece)).toContain("x")
      break
    }
    await expect.poll(() => isClosed).toBe(true)
  })

  test("what was learned meanwhile is taken out of the rest", async () => {
    const live = liveValues()
    let learn: (() => void) | undefined
    const source = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from("fake_new_0123456789\n")
      await new Promise<void>((resolve) => (learn = resolve))
      yield Buffer.from(`fake_new_0123456789 ${VALUE}\n`)
    }
    const { body } = await scrubbed(source(), { live })
    const seen: string[] = []
    for await (const piece of body) {
      seen.push(String(piece))
      live.learn("new", Buffer.from("fake_new_0123456789"))
      learn?.()
    }
    expect(seen).toEqual(["fake_new_0123456789\n", `[REDACTED new] ${MARKER}\n`])
  })
})

describe("a reply that holds nothing", () => {
  const digests = ["Content-Digest", "sha-256=:AAAA:", "x-amz-checksum-crc32", "AAAA=="]

  test("is the same, its length and digests too, if it is short", async () => {
    const headers = ["Content-Type", "text/plain", "Content-Length", "5", ...digests]
    const { head, body } = await scrubbed("hello", { headers })
    expect(head.rawHeaders).toEqual(headers)
    expect((await all(body)).toString()).toBe("hello")
  })

  test("has the length that it has then, and no digest, if something was found", async () => {
    const headers = ["Content-Length", String(ECHO.length), ...digests]
    const { head, body } = await scrubbed(ECHO, { headers })
    expect(head.rawHeaders).toEqual(["Content-Length", String(CLEAN.length)])
    expect((await all(body)).toString()).toBe(CLEAN)
  })

  test("has its length also without its encoding", async () => {
    const bytes = gzipSync("hello")
    const headers = ["Content-Length", String(bytes.length), "Content-Encoding", "gzip"]
    expect((await scrubbed(bytes, { headers })).head.rawHeaders).toEqual(["Content-Length", "5"])
  })

  test("says no length where something may be found after its head", async () => {
    const headers = ["Content-Length", "70000", ...digests, "Accept-Ranges", "bytes"]
    const { head, body } = await scrubbed(`${"a".repeat(69_000)}${VALUE}${"b".repeat(974)}`, {
      headers,
    })
    expect(head.rawHeaders).toEqual([])
    expect(await all(body)).toHaveLength(70_000 - VALUE.length + MARKER.length)
  })

  test("is the same byte for byte, whatever it is and however it is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 2000 }),
        fc.array(fc.nat(2000), { maxLength: 5 }),
        fc.constantFrom("", ...Object.keys(ENCODE)),
        async (bytes, cuts, encoding) => {
          const sent = ENCODE[encoding]?.(bytes) ?? Buffer.from(bytes)
          const headers = encoding === "" ? [] : ["Content-Encoding", encoding.split(" ", 1).join()]
          const ends = [...cuts, sent.length]
            .map((cut) => Math.min(cut, sent.length))
            .toSorted((a, b) => a - b)
          const parts = ends.map((end, at) => sent.subarray(ends[at - 1] ?? 0, end))
          const { body, found } = await scrubbed(pieces(...parts), { headers })
          expect((await all(body)).equals(Buffer.from(bytes))).toBe(true)
          expect(found.size).toBe(0)
        },
      ),
    )
  })

  test("is not changed by chance: a picture of 8 MB, as it is and in base64", async () => {
    // Bytes that look random and are always the same (a linear congruential generator).
    const picture = Buffer.alloc(8 * 2 ** 20)
    for (let at = 0, state = 1; at < picture.length; at += 4) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0
      picture.writeInt32LE(state ^ (state >>> 15), at)
    }
    const values = Array.from({ length: 20 }, (_, n) => [`s${n}`, `fake_${n}_${"x7Kq9".repeat(4)}`])
    const live = liveValues(Object.fromEntries(values) as Record<string, string>)
    for (const sent of [picture, Buffer.from(picture.toString("base64"))]) {
      const { body, found } = await scrubbed(sent, { live })
      expect((await all(body)).equals(sent)).toBe(true)
      expect(found.size).toBe(0)
    }
  })
})

describe("a reply that cannot be searched is refused", () => {
  test.each([
    ["zstd", "zstd"],
    ["compress", "compress"],
    ["an unknown encoding", "rot13"],
    ["an encoding that is a word of JavaScript", "constructor"],
    ["a known one on top of an unknown one", "zstd, gzip"],
    ["three encodings", "gzip, gzip, gzip"],
  ])("%s", async (_, encoding) => {
    await expect(scrubbed("x", { headers: ["Content-Encoding", encoding] })).rejects.toMatchObject({
      code: "REPLY_REFUSED",
    })
  })

  test.each([
    ["gzip that is br", "gzip", "br"],
    ["br that is gzip", "br", "gzip"],
    ["deflate that is gzip", "deflate", "gzip"],
    ["gzip that is nothing", "gzip", ""],
    ["br that is nothing", "br", ""],
  ])("%s, and nothing of it is handed on", async (_, says, is) => {
    const bytes = ENCODE[is]?.(Buffer.from(ECHO)) ?? Buffer.from(ECHO)
    await expect(scrubbed(bytes, { headers: ["Content-Encoding", says] })).rejects.toMatchObject({
      code: "REPLY_REFUSED",
    })
  })

  test.each(ENCODINGS)("$name that is cut short, where it is cut", async ({ encode, headers }) => {
    const bytes = encode(Buffer.from(ECHO.repeat(100)))
    const reply = async (): Promise<string> => textOf(bytes.subarray(0, -3), { headers })
    await expect(reply()).rejects.toMatchObject({ code: "REPLY_REFUSED" })
  })

  test("a coding of the transfer", async () => {
    const headers = ["Transfer-Encoding", "gzip, chunked"]
    await expect(scrubbed("x", { headers })).rejects.toMatchObject({ code: "REPLY_REFUSED" })
  })

  test.each([["bytes 0-9/100"], ["multipart"]])("a part: %s", async (range) => {
    const headers = ["Content-Range", range]
    await expect(scrubbed("x", { status: 206, headers })).rejects.toMatchObject({
      code: "REPLY_REFUSED",
    })
  })

  test.each([
    ["HEAD", { method: "HEAD", headers: [] }],
    ["204", { status: 204, headers: [] }],
    ["304", { status: 304, headers: [] }],
    ["a length of 0", { headers: ["Content-Length", "0"] }],
  ])("but not where there is no body: %s", async (_, { headers, ...reply }) => {
    const sent = ["Content-Encoding", "zstd", "X", VALUE, ...headers]
    const { head } = await scrubbed(pieces(), { ...reply, headers: sent })
    expect(head.rawHeaders).toEqual(["Content-Encoding", "zstd", "X", MARKER, ...headers])
  })

  test("HEAD keeps the length of what GET would give", async () => {
    const headers = ["Content-Length", "123456", "Content-Encoding", "gzip"]
    const { head } = await scrubbed(pieces(), { method: "HEAD", headers })
    expect(head.rawHeaders).toEqual(headers)
  })

  test.each(ENCODINGS)("an empty body has no $name", async ({ headers }) => {
    expect(await textOf(pieces(), { headers })).toBe("")
  })

  test("what the network says stays what it is", async () => {
    const text = textOf(broken(), { headers: ["Content-Encoding", "gzip"] })
    await expect(text).rejects.toMatchObject({ code: "ECONNRESET" })
  })
})

describe("expected to leak, and said so in docs/broker.md", () => {
  const leaks: Readonly<Record<string, (value: string) => string | Buffer>> = {
    reversed: (value) => Array.from(value).toReversed().join(""),
    "twice encoded": (value) => base64(base64(value)),
    "hex of base64": (value) => Buffer.from(base64(value)).toString("hex"),
    "rot13, as any cipher": (value) =>
      value.replaceAll(/[a-z]/gi, (c) =>
        String.fromCharCode(c.charCodeAt(0) + (/[a-m]/i.test(c) ? 13 : -13)),
      ),
    "spelled out": (value) => Array.from(value).join(" "),
    "cut in two fields": (value) => JSON.stringify({ a: value.slice(0, 12), b: value.slice(12) }),
    "in an archive, which is no encoding of the reply": (value) => gzipSync(value),
    "half of it": (value) => value.slice(0, value.length / 2),
    UTF_32: (value) => Buffer.from(Array.from(value, (c) => `${c}\0\0\0`).join("")),
  }

  test.each(Object.entries(leaks))("%s", async (_, form) => {
    const sent = Buffer.from(form(VALUE))
    const { body } = await scrubbed(sent)
    expect((await all(body)).equals(sent)).toBe(true)
  })
})

function base64(text: string): string {
  return Buffer.from(text).toString("base64")
}

async function* never(): AsyncGenerator<Buffer> {
  yield await new Promise<Buffer>(() => {})
}

async function* broken(): AsyncGenerator<Buffer> {
  yield gzipSync(ECHO).subarray(0, 20)
  await Promise.reject(Object.assign(new Error("reset"), { code: "ECONNRESET" }))
}

function around(inner: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from("> "), inner, Buffer.from(" <")])
}

function latin1(text: string): string {
  return Buffer.from(text).toString("latin1")
}
