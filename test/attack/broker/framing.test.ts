import type { Socket } from "node:net"
import { gzipSync } from "node:zlib"
import { describe, expect, test } from "vitest"
import { Reader, refusalIn } from "../../broker/proxy/broker-world.js"
import { KEY, OTHER_KEY, OTHER_VALUE, Stage, VALUE, expectNone } from "./stage.js"

// Attacks by the form of a message, of both sides. Those of test/broker/proxy/framing.test.ts (all
// that a request can have two meanings by) and test/broker/proxy/web-socket.test.ts are not
// repeated here. A slow head ends by Node's own time for it, which no test waits for.

const stage = Stage.forTests()

/** What comes back on one connection to bytes, as they are; `HEAD` stands for host and key. */
async function repliesTo(bytes: string, count = 1): Promise<{ status: number; all: string }[]> {
  const socket = await stage.broker.tunnel(stage.service)
  const head = stage.head().split("\r\n").slice(1).join("\r\n")
  socket.write(Buffer.from(bytes.replaceAll("HEAD", head), "latin1"))
  const reader = new Reader(socket)
  const replies = []
  for (let each = 0; each < count; each++) {
    const { status, head: said, body } = await reader.reply()
    replies.push({ status, all: said + body.toString("latin1") })
  }
  socket.destroy()
  return replies
}

/** The service answers with bytes, as they are. */
function answering(bytes: (echo: string) => string, end = false): void {
  stage.service.handler = (request, response) => {
    const socket = response.socket as Socket
    const text = bytes(request.headers.authorization ?? "")
    socket.write(Buffer.from(text, "latin1"))
    if (end) socket.end()
  }
}

describe("a request whose form is wrong reaches nobody", () => {
  test.each([
    [
      "a length beyond all numbers",
      "POST /v1/a HTTP/1.1\r\nHEAD\r\nContent-Length: 99999999999999999999\r\n\r\n",
    ],
    ["a length that is negative", "POST /v1/a HTTP/1.1\r\nHEAD\r\nContent-Length: -1\r\n\r\n"],
    ["a length in hex", "POST /v1/a HTTP/1.1\r\nHEAD\r\nContent-Length: 0x3\r\n\r\nabc"],
    [
      "chunks by a tab",
      "POST /v1/a HTTP/1.1\r\nHEAD\r\nTransfer-Encoding:\tchunked,\tidentity\r\n\r\n0\r\n\r\n",
    ],
    [
      "chunks by a vertical tab",
      "POST /v1/a HTTP/1.1\r\nHEAD\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    ],
    ["a space in a name", "GET /v1/a HTTP/1.1\r\nHEAD\r\nX y: z\r\n\r\n"],
    ["no name", "GET /v1/a HTTP/1.1\r\nHEAD\r\n: z\r\n\r\n"],
    ["no colon", "GET /v1/a HTTP/1.1\r\nHEAD\r\nX\r\n\r\n"],
    ["a name with a NUL", "GET /v1/a HTTP/1.1\r\nHEAD\r\nX\0: z\r\n\r\n"],
    ["a first line folded", "GET /v1/a\r\n HTTP/1.1\r\nHEAD\r\n\r\n"],
    ["two targets", "GET /v1/a /v1/b HTTP/1.1\r\nHEAD\r\n\r\n"],
    ["a later HTTP", "GET /v1/a HTTP/1.2\r\nHEAD\r\n\r\n"],
    ["no HTTP", "GET /v1/a\r\nHEAD\r\n\r\n"],
    ["TRACK", "TRACK /v1/a HTTP/1.1\r\nHEAD\r\n\r\n"],
  ])("%s", async (_what, bytes) => {
    await stage.start()
    const [reply] = await repliesTo(bytes)
    expect(reply?.status).toBe(400)
    expect(stage.service.got.length).toBe(0)
  })

  test("chunks in quotes: it ends, and no answer is made up", async () => {
    await stage.start()
    const more = '\r\nTransfer-Encoding: "chunked"'
    const socket = await stage.broker.tunnel(stage.service)
    socket.write(`${stage.head({ line: "POST /v1/a HTTP/1.1", more })}\r\n\r\n0\r\n\r\n`)
    expect((await new Reader(socket).rest()).toString()).not.toMatch(/^HTTP\/1.1 2/)
    expect(stage.service.got.length).toBe(0)
  })

  test.each([
    ["that ends by a bare LF", "5\nhello\r\n0\r\n\r\n"],
    ["of a size beyond all numbers", "FFFFFFFFFFFFFFFFF\r\nhello"],
    ["of a signed size", "+5\r\nhello\r\n0\r\n\r\n"],
    ["of a size with a prefix", "0x5\r\nhello\r\n0\r\n\r\n"],
  ])("a chunk %s: no whole request", async (_what, body) => {
    await stage.start()
    const socket = await stage.broker.tunnel(stage.service)
    const head = stage.head({ line: "POST /v1/a HTTP/1.1", more: "\r\nTransfer-Encoding: chunked" })
    let whole = 0
    stage.service.handler = () => (whole += 1)
    socket.write(`${head}\r\n\r\n${body}`)
    const rest = await new Reader(socket).rest()
    expect(rest.toString("latin1")).not.toMatch(/^HTTP\/1.1 2/)
    expect(whole).toBe(0)
  })
})

describe("what is between two neighbours stays there", () => {
  test("the token of the proxy, sent inside too, reaches nobody", async () => {
    await stage.start()
    const { token } = stage.broker
    const shown = Buffer.from(`x:${token}`).toString("base64")
    const more = `\r\nProxy-Authorization: Basic ${shown}\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nKeep-Alive: timeout=5`
    expect((await stage.send({ more })).status).toBe(200)
    const sent = stage.service.got[0]?.request.rawHeaders ?? []
    expect(sent.join("\n")).not.toContain(shown)
    expect(sent.filter((_, at) => at % 2 === 0).sort()).toEqual([
      "Authorization",
      "Connection",
      "Host",
    ])
  })

  test("an extension of a chunk brings nothing to the other side", async () => {
    await stage.start()
    const bytes = `POST /v1/a HTTP/1.1\r\nHEAD\r\nTransfer-Encoding: chunked\r\n\r\n5;a="b"\r\nhello\r\n0\r\n\r\n`
    const [reply] = await repliesTo(bytes)
    expect([reply?.status, stage.service.got[0]?.body.toString()]).toEqual([200, "hello"])
  })

  test("a placeholder in a trailer gets no value", async () => {
    await stage.start()
    stage.service.handler = (request, response) => {
      response.end(JSON.stringify(request.rawTrailers))
    }
    const placeholder = stage.broker.of(OTHER_KEY)
    const bytes = `POST /v1/a HTTP/1.1\r\nHEAD\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n1\r\na\r\n0\r\nX-Late: ${placeholder}\r\n\r\n`
    await repliesTo(bytes)
    expectNone(JSON.stringify(stage.service.got.map(({ request }) => request.rawTrailers)))
  })

  test.each([
    "X-HTTP-Method-Override: DELETE",
    "X_Original_URL: /v1/admin",
    "Host: other.pay.test",
    "Authorization: Basic eDp5",
    "content_type: text/html",
  ])("what some servers take for a header, behind a body: %s", async (trailer) => {
    await stage.start()
    const ended: boolean[] = []
    stage.service.handler = (request, response) => {
      request.once("end", () => ended.push(true))
      response.end()
    }
    const bytes = `POST /v1/a HTTP/1.1\r\nHEAD\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n${trailer}\r\n\r\n`
    const [reply] = await repliesTo(bytes)
    expect([reply?.status, reply?.all]).toEqual([400, expect.stringContaining("REQUEST_REFUSED")])
    expect(ended).toEqual([])
  })

  test.each([
    ["the trailer of a body", false, `X-Late: ${OTHER_VALUE}`, []],
    ["a trailer's name", true, `X-${OTHER_VALUE}: late`, []],
    ["a trailer, to a model", true, `X-Late: ${OTHER_VALUE}`, [`[REDACTED ${OTHER_KEY}]`]],
  ])("a value in %s does not leave", async (_, isModels, trailer, arrived) => {
    await stage.start({ isModel: () => isModels })
    const late: (string | undefined)[] = []
    stage.service.handler = (request, response) => {
      late.push(request.rawTrailers[1])
      response.end()
    }
    const bytes = `POST /v1/a HTTP/1.1\r\nHEAD\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n1\r\na\r\n0\r\n${trailer}\r\n\r\n`
    const [reply] = await repliesTo(bytes)
    expect(reply?.status).toBe(arrived.length > 0 ? 200 : 403)
    expect(late).toEqual(arrived)
  })
})

describe("one request hides no other", () => {
  test("behind one that is refused: it is decided by itself", async () => {
    await stage.start()
    const refused = "DELETE /v1/a HTTP/1.1\r\nHEAD\r\n\r\n"
    const [first, second] = await repliesTo(`${refused}GET /v1/b HTTP/1.1\r\nHEAD\r\n\r\n`, 2)
    expect([first?.status, second?.status]).toEqual([403, 200])
    expect(stage.service.got.map(({ request }) => request.url)).toEqual(["/v1/b"])
  })

  test("behind one that hangs: very many end the connection, and none is carried out", async () => {
    await stage.start()
    let gone = 0
    stage.service.handler = (_request, response) => void response.once("close", () => (gone += 1))
    const socket = await stage.broker.tunnel(stage.service)
    const head = stage.head({ line: "GET /v1/a HTTP/1.1" })
    socket.write(`${head}\r\n\r\n`)
    await expect.poll(() => stage.service.got.length).toBe(1)
    socket.write(`${head}\r\n\r\n`.repeat(200))
    expect((await new Reader(socket).rest()).length).toBe(0)
    await expect.poll(() => gone).toBe(1)
    // What is asked anew comes behind all that might have been carried out.
    stage.service.handler = (_request, response) => response.end("ok")
    expect((await stage.send({ line: "GET /v1/b HTTP/1.1" })).status).toBe(200)
    expect(stage.service.got.map(({ request }) => request.url)).toEqual(["/v1/a", "/v1/b"])
  })

  test("in the body of one: it is a body there too", async () => {
    await stage.start()
    const inner = "DELETE /v1/all HTTP/1.1\r\nHost: x\r\n\r\n"
    const bytes = `POST /v1/a HTTP/1.1\r\nHEAD\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`
    await repliesTo(bytes)
    expect(stage.service.got.map(({ request, body }) => [request.url, body.toString()])).toEqual([
      ["/v1/a", inner],
    ])
  })

  test("in the body of one without a length: it is a request, and refused", async () => {
    await stage.start()
    const inner = "DELETE /v1/all HTTP/1.1\r\nHEAD\r\n\r\n"
    const replies = await repliesTo(`GET /v1/a HTTP/1.1\r\nHEAD\r\n\r\n${inner}`, 2)
    expect(replies.map(({ status }) => status)).toEqual([200, 403])
    expect(stage.service.got.length).toBe(1)
  })
})

// Node reads 1,000 headers, and keeps a few more of them raw.
const MANY = "a:\r\n".repeat(1005)

describe("behind a thousand headers", () => {
  test("the length of a body is seen: it hides no next request", async () => {
    await stage.start()
    stage.service.http.maxHeadersCount = 0
    const inner = "GET /v1/inner HTTP/1.1\r\nHost: x\r\n\r\n"
    // Answered before its body is there, it would leave its connection to the next request.
    stage.service.isStreaming = true
    const bytes = `POST /v1/a HTTP/1.1\r\nHEAD\r\n${MANY}Content-Length: ${inner.length}\r\n\r\n${inner}`
    const replies = await repliesTo(`${bytes}GET /v1/b HTTP/1.1\r\nHEAD\r\n\r\n`, 2)
    stage.service.isStreaming = false
    expect(replies.map(({ status }) => status)).toEqual([200, 200])
    const urls = stage.service.got.map(({ request }) => request.url)
    expect(urls).toEqual(["/v1/a", "/v1/b"])
  })

  test("a value in a body is seen", async () => {
    await stage.start()
    const bytes = `POST /v1/a HTTP/1.1\r\nHEAD\r\n${MANY}Content-Length: ${OTHER_VALUE.length}\r\n\r\n${OTHER_VALUE}`
    const [reply] = await repliesTo(bytes)
    expect(reply?.status).toBe(403)
    expect(reply?.all).toContain("GATE_REFUSED")
    expect(stage.service.got).toEqual([])
  })

  test("the encoding of a reply is seen", async () => {
    await stage.start()
    stage.service.handler = (request, response) => {
      const body = gzipSync(request.headers.authorization ?? "")
      const head = `HTTP/1.1 200 OK\r\n${MANY}${MANY}Content-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`
      response.socket?.end(Buffer.concat([Buffer.from(head), body]))
    }
    const [reply] = await repliesTo("GET /v1/a HTTP/1.1\r\nHEAD\r\n\r\n")
    expect(reply?.all).toContain(`[REDACTED ${KEY}]`)
  })
})

describe("a value that would change the form of a request does not", () => {
  const SPLIT = `${VALUE}\r\nX-Admin: yes\r\n\r\nDELETE /v1/all HTTP/1.1`

  test.each([
    ["in the path", "path", "GET /v1/PLACEHOLDER HTTP/1.1"],
    ["in the query", "query:key", "GET /v1/a?key=PLACEHOLDER HTTP/1.1"],
  ] as const)("%s it is escaped", async (_what, at, line) => {
    const use = { at: [at], scheme: "raw" } as const
    await stage.start({}, use)
    await stage.setValue(SPLIT, use)
    const head = `${line.replace("PLACEHOLDER", stage.broker.of(KEY))}\r\nHost: ${stage.service.authority}`
    const reply = await stage.broker.send(stage.service, head)
    const [got] = stage.service.got
    if (reply.status === 200) {
      expect(got?.request.url).toContain("%0D%0AX-Admin")
      expect(got?.request.headers["x-admin"]).toBeUndefined()
    } else {
      expect(stage.told(reply).slice(1)).toEqual(["PLACEHOLDER_REFUSED", 0])
    }
    expect(stage.service.got.length).toBeLessThan(2)
  })
})

describe("a reply whose form is wrong is refused, or means what it says", () => {
  test.each([
    [
      "a length and chunks",
      (echo: string) =>
        `HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n${echo}`,
    ],
    [
      "no length, chunks and an encoding",
      (echo: string) =>
        `HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n${echo}`,
    ],
    [
      "two lengths",
      (echo: string) => `HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n${echo}`,
    ],
    [
      "a NUL in a header",
      (echo: string) => `HTTP/1.1 200 OK\r\nX: a\0${echo}\r\nContent-Length: 0\r\n\r\n`,
    ],
    ["a bare LF", (echo: string) => `HTTP/1.1 200 OK\nX: ${echo}\r\nContent-Length: 0\r\n\r\n`],
    ["no HTTP", (echo: string) => `${echo}\r\n\r\n`],
    [
      "a giant head",
      (echo: string) => `HTTP/1.1 200 OK\r\nX: ${echo}${"a".repeat(70_000)}\r\n\r\n`,
    ],
    [
      "a change of protocol",
      (echo: string) =>
        `HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n${echo}`,
    ],
    [
      "another transfer coding",
      (echo: string) =>
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n${echo}`,
    ],
    ["an end before its head", (echo: string) => `HTTP/1.1 200 OK\r\nX: ${echo}`],
  ])("%s", async (_what, bytes) => {
    await stage.start()
    answering(bytes, true)
    const reply = await stage.send()
    expectNone(reply.head + reply.body.toString("latin1"))
    expect(reply.status).toBe(502)
    expect(["REPLY_REFUSED", "UPSTREAM_UNREACHABLE"]).toContain(refusalIn(reply).code)
  })

  test("a chunk's extension brings nothing back", async () => {
    await stage.start()
    answering(
      (echo) =>
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a="${echo}"\r\nok\r\n0\r\n\r\n`,
    )
    const reply = await stage.send()
    expect([reply.status, reply.body.toString()]).toEqual([200, "ok"])
    expectNone(reply.head)
  })

  test("what comes before a reply brings nothing back", async () => {
    await stage.start()
    answering(
      (echo) =>
        `HTTP/1.1 103 Early Hints\r\nLink: <${echo}>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`,
    )
    const socket = await stage.broker.tunnel(stage.service)
    socket.write(`${stage.head({ more: "\r\nConnection: close" })}\r\n\r\n`)
    const all = (await new Reader(socket).rest()).toString("latin1")
    expect(all).toMatch(/HTTP\/1.1 200 OK/)
    expectNone(all)
  })

  test("a second reply that nobody asked for is not the next one's", async () => {
    await stage.start()
    const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    let asked = 0
    stage.service.handler = (_request, response) => {
      asked += 1
      if (asked > 1) response.end("next")
      else response.socket?.write(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst${evil}`)
    }
    const replies = await repliesTo(
      "GET /v1/a HTTP/1.1\r\nHEAD\r\n\r\nGET /v1/b HTTP/1.1\r\nHEAD\r\n\r\n",
      2,
    )
    expect(replies.map(({ all }) => all.slice(-5).trim())).toEqual(["first", "next"])
  })
})
