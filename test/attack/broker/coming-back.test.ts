import { randomBytes } from "node:crypto"
import { once } from "node:events"
import type { ServerResponse } from "node:http"
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib"
import { describe, expect, test } from "vitest"
import { Reader, refusalIn } from "../../broker/proxy/broker-world.js"
import { KEY, Stage, VALUE, expectNone } from "./stage.js"

// What a service sends back of what it got, through the whole of the broker. That each form and
// each split is found is tried in test/broker/reply/scrub-reply.test.ts, frames of WebSocket in
// test/broker/proxy/web-socket.test.ts, large bodies in test/broker/proxy/streams.test.ts.

const stage = Stage.forTests()
const ECHO = `Bearer ${VALUE}`

/** All bytes that come back for one request. */
async function comesBack(
  answer: (response: ServerResponse) => void,
  line = "GET /v1/charges HTTP/1.1",
): Promise<string> {
  stage.service.handler = (request, response) => {
    expect(request.headers.authorization).toBe(ECHO)
    answer(response)
  }
  const socket = await stage.broker.tunnel(stage.service)
  const more = "\r\nConnection: close\r\nTE: trailers"
  socket.write(`${stage.head({ line, more })}\r\n\r\n`)
  return (await new Reader(socket).rest()).toString("latin1")
}

/** A frame of zstd that is stored, not compressed (RFC 8878): Node 20 can make none. */
const ZSTD = Buffer.concat([
  Buffer.from("28b52ffd20", "hex"),
  Buffer.from([ECHO.length]),
  Buffer.from([(ECHO.length << 3) | 1, ECHO.length >> 5, 0]),
  Buffer.from(ECHO),
])
/** Stands for what has other bytes for the same letters. */
const inEbcdic = (text: string): Uint8Array => Buffer.from(text).map((byte) => byte ^ 0x80)
const CODED = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync } as const

describe("an echo comes back as a marker", () => {
  const echoes: Readonly<Record<string, (response: ServerResponse) => void>> = {
    "in the status": (response) => response.writeHead(200, ECHO).end(),
    "in an error's status": (response) => response.writeHead(401, `no ${VALUE}`).end(ECHO),
    "in a header": (response) => response.setHeader("X-Echo", ECHO).end(),
    "in a cookie": (response) => response.setHeader("Set-Cookie", `a=${VALUE}; Path=/`).end(),
    "in where a redirect leads": (response) =>
      response.writeHead(302, { Location: `https://evil.test/?k=${VALUE}` }).end(),
    "in a challenge": (response) =>
      response.writeHead(401, { "WWW-Authenticate": `Bearer realm="${VALUE}"` }).end(),
    "in a tag": (response) => response.setHeader("ETag", `"${VALUE}"`).end(),
    "in a header as base64": (response) =>
      response.setHeader("X-Echo", Buffer.from(ECHO).toString("base64")).end(),
    "in a trailer": (response) => {
      response.writeHead(200, { Trailer: "X-Late" }).write("a")
      response.addTrailers({ "X-Late": ECHO })
      response.end()
    },
    "in an answer without a body": (response) => response.writeHead(304, { "X-Echo": ECHO }).end(),
    "in a body": (response) => response.end(ECHO),
    "in a body by chunks": (response) => {
      for (const byte of ECHO) response.write(byte)
      response.end()
    },
    "in an event": (response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" })
      response.write(`data: ${ECHO.slice(0, 20)}`)
      setImmediate(() => response.end(`${ECHO.slice(20)}\n\n`))
    },
    "in JSON": (response) => response.end(JSON.stringify({ a: [ECHO] })),
    "in hex": (response) => response.end(Buffer.from(ECHO).toString("hex")),
    "in capital hex": (response) => response.end(Buffer.from(VALUE).toString("hex").toUpperCase()),
    "as base64": (response) => response.end(Buffer.from(ECHO).toString("base64")),
    "as base64, a byte further": (response) =>
      response.end(Buffer.from(`x${ECHO}`).toString("base64")),
    "as base64, two bytes further": (response) =>
      response.end(Buffer.from(`xy${ECHO}`).toString("base64")),
    "as base64 of URLs": (response) => response.end(Buffer.from(ECHO).toString("base64url")),
    "in UTF-16": (response) => response.end(Buffer.from(ECHO, "utf16le")),
    "percent-encoded, each byte": (response) =>
      response.end(
        VALUE.replaceAll(/./g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, "0")}`),
      ),
    "as entities": (response) =>
      response.end(VALUE.replaceAll(/./g, (c) => `&#${c.charCodeAt(0)};`)),
  }
  test.each(Object.entries(echoes))("%s", async (_what, answer) => {
    await stage.start()
    const all = await comesBack(answer)
    expectNone(all)
    expect(all.replaceAll("\0", "")).toContain("[REDACTED")
  })

  test.each(Object.entries(CODED))("under %s", async (coding, encode) => {
    await stage.start()
    const all = await comesBack((response) => {
      response.setHeader("Content-Encoding", coding).end(encode(`${"x".repeat(999)}${ECHO}`))
    })
    expectNone(all)
    expect(all).toContain(`[REDACTED ${KEY}]`)
  })

  test("to HEAD", async () => {
    await stage.start({}, { methods: ["HEAD"] })
    const all = await comesBack(
      (response) => response.setHeader("X-Echo", ECHO).end(),
      "HEAD /v1/charges HTTP/1.1",
    )
    expectNone(all)
    expect(all).toContain("[REDACTED")
  })

  test("from another host, which got it elsewhere", async () => {
    await stage.start()
    stage.elsewhere.handler = (_request, response) => response.end(`found ${VALUE}`)
    const head = `GET /v1/notes HTTP/1.1\r\nHost: ${stage.elsewhere.authority}`
    const reply = await stage.broker.send(stage.elsewhere, head)
    expect(reply.body.toString()).toBe(`found [REDACTED ${KEY}]`)
  })

  test("from a request that nothing was put into", async () => {
    await stage.start()
    await stage.send()
    stage.service.handler = (_request, response) => response.end(VALUE)
    const head = `GET /v1/notes HTTP/1.1\r\nHost: ${stage.service.authority}`
    const reply = await stage.broker.send(stage.service, head)
    expect(reply.body.toString()).toBe(`[REDACTED ${KEY}]`)
  })

  test("as it was put in: the pair of Basic, as one word", async () => {
    await stage.start({}, { scheme: "basic", user: "me" })
    stage.service.handler = (request, response) => response.end(request.headers.authorization)
    const pair = Buffer.from(`me:${stage.broker.of(KEY)}`).toString("base64")
    const head = `GET /v1/a HTTP/1.1\r\nHost: ${stage.service.authority}\r\nAuthorization: Basic ${pair}`
    const reply = await stage.broker.send(stage.service, head)
    expectNone(reply.body)
    expect(reply.body.toString()).not.toContain(Buffer.from(`me:${VALUE}`).toString("base64"))
  })
})

describe("what nobody can look into does not come back", () => {
  const unreadable: Readonly<Record<string, (response: ServerResponse) => void>> = {
    "an encoding that is not known": (response) =>
      response.setHeader("Content-Encoding", "x-ours").end(ECHO),
    zstd: (response) => response.setHeader("Content-Encoding", "zstd").end(ZSTD),
    "gzip that is none": (response) =>
      response.setHeader("Content-Encoding", "gzip").end(`none ${ECHO}`),
    "brotli that is gzip": (response) =>
      response.setHeader("Content-Encoding", "br").end(gzipSync(ECHO)),
    "gzip with more behind its end": (response) =>
      response
        .setHeader("Content-Encoding", "gzip")
        .end(Buffer.concat([gzipSync("a"), Buffer.from(ECHO)])),
    "an encoding that is named twice, and once on": (response) =>
      response.setHeader("Content-Encoding", ["gzip", "gzip"]).end(gzipSync(ECHO)),
    "UTF-32, as Java's services write what is asked for": (response) =>
      response
        .setHeader("Content-Type", "application/json;charset=UTF-32")
        .end(Buffer.from(Array.from(ECHO, (character) => `\0\0\0${character}`).join(""))),
    "a charset of another computer": (response) =>
      response.setHeader("Content-Type", 'text/plain; charset="IBM037"').end(inEbcdic(ECHO)),
    "a charset that is named before another one": (response) =>
      response
        .setHeader("Content-Type", "text/plain; charset=utf-7; charset=utf-8")
        .end(inEbcdic(ECHO)),
    "a part": (response) =>
      response
        .writeHead(206, { "Content-Range": `bytes 0-19/${ECHO.length}` })
        .end(ECHO.slice(0, 20)),
    parts: (response) =>
      response
        .writeHead(206, { "Content-Type": "multipart/byteranges; boundary=x" })
        .end(`--x\r\n\r\n${ECHO.slice(0, 20)}\r\n--x--`),
  }
  test.each(Object.entries(unreadable))("%s", async (_what, answer) => {
    await stage.start()
    const all = await comesBack(answer)
    expectNone(all)
    expect(all).not.toContain(VALUE.slice(0, 13))
    expect(all).toMatch(/^HTTP\/1.1 502 |^HTTP\/1.1 200 OK[^]*\r\n\r\n[^]{0,20}$/)
  })

  test("a bomb: it goes no further than its bound, and is seen as cut", async () => {
    await stage.start()
    stage.service.handler = (_request, response) => {
      const bomb = gzipSync(gzipSync(Buffer.alloc(400 * 2 ** 20)))
      response.setHeader("Content-Encoding", "gzip, gzip").end(bomb)
    }
    const socket = await stage.broker.tunnel(stage.service)
    socket.write(`${stage.head()}\r\n\r\n`)
    let [length, last] = [0, ""]
    socket.on("data", (chunk: Buffer) => {
      length += chunk.length
      last = chunk.subarray(-7).toString("latin1")
    })
    // Whoever is told that there is no more hangs up; whoever is cut off does not have to.
    const closed = once(socket, "close")
    await Promise.race([closed, once(socket, "end")])
    expect(length).toBeLessThan(300 * 2 ** 20)
    expect(last).not.toMatch(/0\r\n\r\n$/)
    socket.destroy()
  })

  test("a range is not asked for where a value was put", async () => {
    await stage.start()
    expect((await stage.send({ more: "\r\nRange: bytes=0-10" })).status).toBe(200)
    expect(stage.service.got[0]?.request.headers.range).toBeUndefined()
  })

  test("no encoding is asked for that cannot be taken off", async () => {
    await stage.start()
    await stage.send({ more: "\r\nAccept-Encoding: zstd, dcb, br;q=0.5, *" })
    expect(stage.service.got[0]?.request.headers["accept-encoding"]).not.toMatch(/zstd|dcb|\*/)
  })
})

describe("what holds nothing is not changed by chance", () => {
  test.each([
    ["as it is", (bytes: Buffer) => bytes],
    ["in base64", (bytes: Buffer) => Buffer.from(bytes.toString("base64"))],
    ["in hex", (bytes: Buffer) => Buffer.from(bytes.toString("hex"))],
  ])("a megabyte, %s, down and up", async (_what, encode) => {
    await stage.start()
    const bytes = encode(randomBytes(2 ** 20))
    stage.service.handler = (_request, response) => response.end(bytes)
    const head = stage.head({
      line: "POST /v1/files HTTP/1.1",
      more: `\r\nContent-Type: application/octet-stream\r\nContent-Length: ${bytes.length}`,
    })
    const reply = await stage.broker.send(stage.service, head, bytes)
    expect(reply.body.equals(bytes)).toBe(true)
    expect(stage.service.got[0]?.body.equals(bytes)).toBe(true)
  })
})

test("a refusal names the secret and the way, and no value", async () => {
  await stage.start()
  const replies = [
    await stage.send({ line: "DELETE /v1/a HTTP/1.1" }),
    await stage.send({ line: `GET /v1/%2e%2e/${VALUE} HTTP/1.1` }),
    await stage.send({ more: `\r\nX-Api-Key: ${stage.broker.of(KEY)}` }),
  ]
  for (const reply of replies) {
    expect(reply.status).toBe(403)
    expectNone(reply.head + reply.body.toString())
    expect(refusalIn(reply).hint).toBeTruthy()
  }
})
