import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { gunzipSync, gzipSync } from "node:zlib"
import { VaultError, loadModelHosts } from "../../../src/core/index.js"
import { Gate, type GateModes } from "../../../src/broker/gate/gate.js"
import type { RequestHead } from "../../../src/broker/placing/request-head.js"
import { ENCODE, MARKER, NAME, VALUE, all, cutAt, liveValues, pieces } from "../bodies.js"

const OTHER = "fake_gh_0123456789abcdef"
const MODEL = "api.anthropic.com"
const OWN = "api.stripe.com"
const ELSEWHERE = "paste.example.com"
const USUAL_GATE: GateModes = { models: "redact", others: "refuse" }

/** A gate before which `stripe/api-key` is bound to its own host, and to that of a model. */
async function gateOf(modes: GateModes = USUAL_GATE) {
  const { modelHostTest } = await loadModelHosts()
  return new Gate({
    live: liveValues({ [NAME]: VALUE, "github/token": OTHER, "db/name": "postgres" }),
    modes,
    isModel: modelHostTest(),
  })
}

function boundTo(host: string): ReadonlySet<string> {
  return new Set([OWN, MODEL].includes(host) ? [NAME] : [])
}

async function passage(host: string, modes?: GateModes) {
  return (await gateOf(modes)).towards(host, boundTo(host))
}

function headOf(...rawHeaders: string[]): RequestHead {
  return { method: "POST", target: "/v1/messages", rawHeaders }
}

function sized(body: string | Uint8Array, ...more: string[]): RequestHead {
  return headOf("Content-Length", String(Buffer.byteLength(body)), ...more)
}

const CHUNKED = headOf("Transfer-Encoding", "chunked")
const PROMPT = JSON.stringify({ messages: [{ role: "user", content: `the file says ${VALUE}` }] })

describe("towards a host that it is not meant for, a value is refused", () => {
  const heads: Readonly<Record<string, RequestHead>> = {
    "the path": { method: "GET", target: `/${VALUE}`, rawHeaders: [] },
    "the query": { method: "GET", target: `/?k=${VALUE}`, rawHeaders: [] },
    "the query, escaped": {
      method: "GET",
      target: `/?k=${Array.from(VALUE, (c) => `%${Buffer.from(c).toString("hex")}`).join("")}`,
      rawHeaders: [],
    },
    "a header": headOf("X-Debug", VALUE),
    "a header's name": headOf(`X-${VALUE}`, "1"),
    "a cookie": headOf("Cookie", `a=1; k=${VALUE}`),
    Basic: headOf("Authorization", `Basic ${Buffer.from(`me:${VALUE}`).toString("base64")}`),
    "hex in a header": headOf("X-Debug", Buffer.from(VALUE).toString("hex")),
  }

  test.each(Object.entries(heads))("in %s", async (_, head) => {
    const gate = await passage(ELSEWHERE)
    expect(refusalOf(() => gate.head(head))).toMatchObject({ code: "GATE_REFUSED" })
    expect([...gate.found]).toEqual([NAME])
  })

  test("in a short body, before any of it leaves; the error names the secret, not its value", async () => {
    const gate = await passage(ELSEWHERE)
    const error = await gate.body(sized(PROMPT), pieces(PROMPT)).catch((reason: unknown) => reason)
    if (!VaultError.is(error, "GATE_REFUSED")) throw error
    expect(error.message).toContain(`${NAME}, not meant for ${ELSEWHERE}`)
    expect(JSON.stringify([error.message, error.hint, error.stack])).not.toContain(VALUE.slice(5))
  })

  test("in a body of chunks, split at every byte: never does all of it leave", async () => {
    const bytes = Buffer.from(PROMPT)
    for (let at = 0; at <= bytes.length; at += 1) {
      const gate = await passage(ELSEWHERE)
      const { body } = await gate.body(CHUNKED, cutAt(bytes, at))
      const left: Uint8Array[] = []
      const sending = async (): Promise<void> => {
        for await (const part of body) left.push(part as Uint8Array)
      }
      await expect(sending()).rejects.toMatchObject({ code: "GATE_REFUSED" })
      expect(PROMPT.startsWith(Buffer.concat(left).toString())).toBe(true)
      expect(Buffer.concat(left).includes(VALUE.slice(0, 6))).toBe(false)
    }
  })

  test("in a body that no end is said of, far in", async () => {
    const gate = await passage(ELSEWHERE)
    const parts = Array.from({ length: 100 }, () => Buffer.alloc(10_000, "a"))
    const { body } = await gate.body(CHUNKED, pieces(...parts, `x${VALUE}`, "never"))
    let length = 0
    const sending = async (): Promise<void> => {
      for await (const part of body) length += (part as Uint8Array).length
    }
    await expect(sending()).rejects.toMatchObject({ code: "GATE_REFUSED" })
    expect(length).toBeLessThanOrEqual(1_000_001)
  })

  test.each(Object.entries(ENCODE))("in a body under %s", async (coding, encode) => {
    const gate = await passage(ELSEWHERE)
    const bytes = encode(Buffer.from(PROMPT))
    const head = sized(bytes, "Content-Encoding", coding.split(" ", 1).join())
    await expect(gate.body(head, pieces(bytes))).rejects.toMatchObject({ code: "GATE_REFUSED" })
    expect([...gate.found]).toEqual([NAME])
  })

  test("in a message of WebSocket", async () => {
    const gate = await passage(ELSEWHERE)
    expect(gate.text("hello")).toBe("hello")
    expect(refusalOf(() => gate.text(PROMPT))).toMatchObject({ code: "GATE_REFUSED" })
  })

  test("in a multipart upload, also as base64 at each alignment and in UTF-16", async () => {
    for (const hidden of [
      VALUE,
      ...["", "a", "ab"].map((before) => Buffer.from(before + VALUE).toString("base64")),
      Buffer.from(VALUE, "utf16le"),
      Buffer.from(VALUE, "utf16le").swap16(),
    ]) {
      const gate = await passage(ELSEWHERE)
      const part = '--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
      const upload = Buffer.concat([
        Buffer.from(part),
        Buffer.from(hidden),
        Buffer.from("\r\n--b--"),
      ])
      const sent = gate.body(sized(upload), pieces(upload))
      await expect(sent).rejects.toMatchObject({ code: "GATE_REFUSED" })
    }
  })

  test("but to its own host it may go, and no other's may", async () => {
    const gate = await passage(OWN)
    const head = headOf("Authorization", `Bearer ${VALUE}`, "Content-Length", "4")
    expect(gate.head(head)).toEqual(head)
    expect(await textOf(gate.body(sized(VALUE), pieces(VALUE)))).toBe(VALUE)
    await expect(gate.body(sized(OTHER), pieces(OTHER))).rejects.toMatchObject({
      code: "GATE_REFUSED",
    })
  })
})

describe("towards a model, the name stands in the place of the value", () => {
  test("in a prompt, whose length is right", async () => {
    const gate = await passage(MODEL)
    const sent = await gate.body(sized(PROMPT, "Content-Digest", "x"), pieces(PROMPT))
    const redacted = PROMPT.replace(VALUE, MARKER)
    expect(sent.head.rawHeaders).toEqual(["Content-Length", String(redacted.length)])
    expect((await all(sent.body)).toString()).toBe(redacted)
    expect([...gate.found]).toEqual([NAME])
  })

  test("in a prompt in chunks, which it stays", async () => {
    const gate = await passage(MODEL)
    const sent = await gate.body(CHUNKED, pieces(...Array.from(PROMPT)))
    expect(sent.head.rawHeaders).toEqual([])
    expect((await all(sent.body)).toString()).toBe(PROMPT.replace(VALUE, MARKER))
  })

  test("in what its tool put into the prompt as base64", async () => {
    const gate = await passage(MODEL)
    const prompt = Buffer.from(`k=${VALUE}!`).toString("base64")
    const sent = await textOf(gate.body(sized(prompt), pieces(prompt)))
    expect(Buffer.from(sent.replace(MARKER, ""), "base64").includes(VALUE.slice(2, 8))).toBe(false)
    expect(sent).toContain(MARKER)
  })

  test.each(Object.entries(ENCODE))(
    "in a prompt under %s, which goes on without",
    async (coding, encode) => {
      const gate = await passage(MODEL)
      const bytes = encode(Buffer.from(PROMPT))
      const head = sized(bytes, "Content-Encoding", coding.split(" ", 1).join())
      const sent = await gate.body(head, pieces(bytes))
      const redacted = PROMPT.replace(VALUE, MARKER)
      expect(sent.head.rawHeaders).toEqual(["Content-Length", String(redacted.length)])
      expect((await all(sent.body)).toString()).toBe(redacted)
    },
  )

  test("in the target, as a URL writes it, and in headers", async () => {
    const gate = await passage(MODEL)
    const head: RequestHead = { method: "GET", target: `/v1?q=${OTHER}`, rawHeaders: ["A", OTHER] }
    expect(gate.head(head)).toEqual({
      method: "GET",
      target: "/v1?q=%5BREDACTED%20github%2Ftoken%5D",
      rawHeaders: ["A", "[REDACTED github/token]"],
    })
  })

  test("but not in the name of a header, which is refused", async () => {
    const gate = await passage(MODEL)
    expect(refusalOf(() => gate.head(headOf(`X-${VALUE.slice(0)}${OTHER}`, "1")))).toMatchObject({
      code: "GATE_REFUSED",
    })
  })

  test("in a message of WebSocket", async () => {
    expect((await passage(MODEL)).text(PROMPT)).toBe(PROMPT.replace(VALUE, MARKER))
  })

  test("its own key passes in a header, and not in a prompt", async () => {
    const gate = await passage(MODEL)
    const head = headOf("X-Api-Key", VALUE)
    expect(gate.head(head)).toEqual(head)
    expect(await textOf(gate.body(sized(PROMPT), pieces(PROMPT)))).not.toContain(VALUE)
  })

  test.each([
    "api.openai.com",
    "generativelanguage.googleapis.com",
    "bedrock-runtime.eu-west-1.amazonaws.com",
  ])("%s is one", async (host) => {
    expect((await passage(host)).mode).toBe("redact")
  })

  test.each(["api.openai.com.example.com", "xapi.openai.com.evil.test", "example.com"])(
    "%s is none",
    async (host) => {
      expect((await passage(host)).mode).toBe("refuse")
    },
  )
})

describe("the gate by kind of host", () => {
  test.each([
    [MODEL, { models: "refuse", others: "off" }, "refuse"],
    [MODEL, { models: "off", others: "refuse" }, "off"],
    [ELSEWHERE, { models: "off", others: "redact" }, "redact"],
    [ELSEWHERE, { models: "refuse", others: "off" }, "off"],
  ] as const)("%s under %j: %s", async (host, modes, mode) => {
    expect((await passage(host, modes)).mode).toBe(mode)
  })

  test("off lets everything through as it is", async () => {
    const gate = await passage(ELSEWHERE, { models: "off", others: "off" })
    const head = sized(PROMPT, "Content-Encoding", "zstd", "X", VALUE)
    expect(gate.head(head)).toBe(head)
    const sent = await gate.body(head, pieces(PROMPT))
    expect(sent.head).toBe(head)
    expect((await all(sent.body)).toString()).toBe(PROMPT)
    expect(gate.text(VALUE)).toBe(VALUE)
    expect(gate.found.size).toBe(0)
  })
})

describe("a body that nobody can look into is refused", () => {
  test.each([
    ["zstd", "zstd", "x"],
    ["an unknown encoding", "rot13", "x"],
    ["gzip that is not", "gzip", "not gzip"],
    ["three encodings", "gzip, gzip, gzip", "x"],
    ["over 16 MiB of gzip", "gzip", gzipSync(Buffer.alloc(17 * 2 ** 20, VALUE), { level: 0 })],
    ["a bomb", "gzip", gzipSync(Buffer.alloc(65 * 2 ** 20))],
  ])("%s", async (_, coding, bytes) => {
    for (const host of [ELSEWHERE, MODEL]) {
      const gate = await passage(host)
      const sent = gate.body(sized(bytes, "Content-Encoding", coding), pieces(bytes))
      await expect(sent).rejects.toMatchObject({
        code: "GATE_REFUSED",
        message: expect.stringContaining("cannot be searched") as string,
      })
    }
  })

  // What decodes a body may stop before its end, and whoever gets it may not.
  const behind = Buffer.concat([gzipSync("clean"), Buffer.from(`\0${VALUE}`)])
  test.each([
    ["gzip", behind],
    ["gzip, aws-chunked", awsChunked(behind.subarray(0, -9), behind.subarray(-9))],
  ])("a value behind what %s holds", async (coding, bytes) => {
    for (const host of [ELSEWHERE, MODEL]) {
      const gate = await passage(host)
      const sent = gate.body(sized(bytes, "Content-Encoding", coding), pieces(bytes))
      await expect(sent).rejects.toMatchObject({ code: "GATE_REFUSED" })
      expect([...gate.found]).toEqual([NAME])
    }
  })

  test("but an empty one passes, and so does a request that has none", async () => {
    for (const host of [ELSEWHERE, MODEL]) {
      const gate = await passage(host)
      for (const head of [
        headOf("Content-Encoding", "zstd"),
        sized("", "Content-Encoding", "zstd"),
      ]) {
        const sent = await gate.body(head, pieces())
        expect(sent.head).toBe(head)
        expect(await all(sent.body)).toHaveLength(0)
      }
    }
  })
})

/** As the clients of S3 send it: in chunks, with a checksum behind them. */
function awsChunked(...chunks: readonly (string | Uint8Array)[]): Buffer {
  const framed = chunks.flatMap((chunk) => {
    const size = Buffer.byteLength(chunk).toString(16)
    return [Buffer.from(`${size}\r\n`), Buffer.from(chunk), Buffer.from("\r\n")]
  })
  return Buffer.concat([...framed, Buffer.from("0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n")])
}
const AWS = ["Content-Encoding", "aws-chunked", "X-Amz-Trailer", "x-amz-checksum-crc32"]

describe("a body in aws-chunked", () => {
  test.each([ELSEWHERE, MODEL])("passes byte for byte, cut anywhere, towards %s", async (host) => {
    const sent = awsChunked("some bytes", Buffer.alloc(300, 0xff), VALUE.slice(0, 9), "x")
    for (let at = 0; at <= sent.length; at += 1) {
      const gate = await passage(host)
      const head = sized(sent, ...AWS)
      const passed = await gate.body(head, cutAt(sent, at))
      expect(passed.head).toBe(head)
      expect((await all(passed.body)).equals(sent)).toBe(true)
    }
  })

  test("of any size flows as it comes", async () => {
    const gate = await passage(ELSEWHERE)
    let given = 0
    async function* much() {
      const chunk = Buffer.alloc(2 ** 20, "a")
      for (; given < 40; given += 1) {
        yield await Promise.resolve(awsChunked(chunk).subarray(0, chunk.length + 10))
      }
    }
    const { body } = await gate.body(headOf("Transfer-Encoding", "chunked", ...AWS), much())
    let length = 0
    for await (const part of body) {
      length += (part as Uint8Array).length
      if (length >= 4 * 2 ** 20) break
    }
    expect(given).toBeLessThan(10)
  })

  const holding: Readonly<Record<string, Buffer>> = {
    "in a chunk": awsChunked(`x${VALUE}`, "y"),
    "over two chunks": awsChunked(VALUE.slice(0, 7), VALUE.slice(7)),
    "a byte to a chunk": awsChunked(...Array.from(VALUE)),
    "behind a size": Buffer.from(`1;${VALUE}\r\nx\r\n0\r\n\r\n`),
    "behind the last chunk": Buffer.from(`1\r\nx\r\n0\r\nx-amz-meta:${VALUE}\r\n\r\n`),
  }
  test.each(Object.entries(holding))("is refused for a value %s", async (_, sent) => {
    for (const host of [ELSEWHERE, MODEL]) {
      const gate = await passage(host)
      const passed = gate.body(sized(sent, ...AWS), pieces(sent))
      await expect(passed).rejects.toMatchObject({ code: "GATE_REFUSED" })
      expect([...gate.found]).toEqual([NAME])
    }
  })

  test("sends no more of a value than is sure to be none, wherever it is cut", async () => {
    const sent = awsChunked("begin ", VALUE.slice(0, 7), VALUE.slice(7), "end")
    for (let at = 0; at <= sent.length; at += 1) {
      const gate = await passage(ELSEWHERE)
      const { body } = await gate.body(
        headOf("Transfer-Encoding", "chunked", ...AWS),
        cutAt(sent, at),
      )
      const left: Uint8Array[] = []
      const sending = async (): Promise<void> => {
        for await (const part of body) left.push(part as Uint8Array)
      }
      await expect(sending()).rejects.toMatchObject({ code: "GATE_REFUSED" })
      expect(Buffer.concat(left).includes(VALUE.slice(0, 6))).toBe(false)
    }
  })

  test.each([
    ["no chunks", "just text\r\n"],
    ["a chunk that is longer than it says", "3\r\nabcdef\r\n0\r\n\r\n"],
    ["no last chunk", "3\r\nabc\r\n"],
    ["a line without an end", "3".repeat(2000)],
    ["a size that is none", "-1\r\n"],
    ["much behind its last chunk", `0\r\n${"x".repeat(20_000)}`],
  ])("that is none is refused: %s", async (_, sent) => {
    const gate = await passage(ELSEWHERE)
    await expect(gate.body(sized(sent, ...AWS), pieces(sent))).rejects.toMatchObject({
      code: "GATE_REFUSED",
      message: expect.stringContaining("cannot be searched") as string,
    })
  })
})

describe("what holds nothing is the same", () => {
  test.each([ELSEWHERE, MODEL, OWN])("byte for byte, encoded or not, towards %s", async (host) => {
    const gate = await gateOf()
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 1000 }),
        fc.nat(1000),
        fc.constantFrom("", ...Object.keys(ENCODE)),
        async (bytes, cut, coding) => {
          const sent = ENCODE[coding]?.(bytes) ?? Buffer.from(bytes)
          const more = coding === "" ? [] : ["Content-Encoding", coding.split(" ", 1).join()]
          const head = sized(sent, ...more, "Content-MD5", "x")
          const passed = await gate.towards(host, boundTo(host)).body(head, cutAt(sent, cut))
          expect(passed.head).toEqual(head)
          expect((await all(passed.body)).equals(sent)).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })

  test("a word that happens to be a value passes", async () => {
    const gate = await passage(ELSEWHERE)
    expect(await textOf(gate.body(sized("use postgres"), pieces("use postgres")))).toBe(
      "use postgres",
    )
  })

  test("a placeholder passes", async () => {
    const gate = await passage(ELSEWHERE)
    const head = headOf("Authorization", "Bearer fake_live_PLACEholder0123")
    expect(gate.head(head)).toEqual(head)
  })

  test("a value that has two names passes where one of them is meant", () => {
    const gate = new Gate({
      live: liveValues({ one: VALUE, two: VALUE }),
      modes: USUAL_GATE,
      isModel: () => false,
    })
    expect(gate.towards(OWN, new Set(["two"])).text(VALUE)).toBe(VALUE)
  })
})

describe("expected to pass, and said so in docs/broker.md", () => {
  test.each([
    ["reversed", Array.from(VALUE).toReversed().join("")],
    ["twice encoded", Buffer.from(Buffer.from(VALUE).toString("base64")).toString("base64")],
    ["spelled out", Array.from(VALUE).join(" ")],
    ["in an archive", gzipSync(VALUE)],
    ["in halves", `${VALUE.slice(0, 12)} ${VALUE.slice(12)}`],
  ])("%s", async (_, body) => {
    const gate = await passage(ELSEWHERE)
    const sent = await all((await gate.body(sized(body), pieces(body))).body)
    expect(sent.equals(Buffer.from(body))).toBe(true)
    if (body instanceof Buffer) expect(gunzipSync(sent).toString()).toBe(VALUE)
  })
})

async function textOf(passed: Promise<{ body: AsyncIterable<Uint8Array> }>): Promise<string> {
  return (await all((await passed).body)).toString()
}

function refusalOf(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    return error
  }
}
