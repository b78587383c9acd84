import { randomBytes } from "node:crypto"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import type { World } from "../../core/world.js"
import { BrokerWorld, Reader, Service, brokeredWorld, refusalIn, useAt } from "./broker-world.js"

const KEY = "stripe/api-key"
const VALUE = `test-only-${randomBytes(12).toString("hex")}`
let service: Service
let world: World
let brokered: BrokerWorld

beforeAll(async () => {
  service = await Service.start("api.pay.test")
  world = await brokeredWorld({ [KEY]: { value: VALUE, use: [useAt(service)] } })
  brokered = await BrokerWorld.start(world, [KEY], [service])
})
afterEach(() => {
  service.got.length = 0
  service.handler = (_request, response) => response.end("ok")
})
afterAll(() => {
  brokered.close()
  service.close()
  world.remove()
})

/** Writes bytes into a tunnel; the first reply, and what the other side got. */
async function answerTo(bytes: string): Promise<[status: number, code: string, got: number]> {
  const socket = await brokered.tunnel(service)
  socket.write(Buffer.from(bytes, "latin1"))
  const reply = await new Reader(socket).reply()
  socket.destroy()
  return [reply.status, refusalIn(reply).code, service.got.length]
}

const HOST = (): string => `Host: ${service.authority}\r\n`
const SMUGGLED = "GET /v1/smuggled HTTP/1.1\r\n"

test("what follows a request that says close is none, and cuts off no answer", async () => {
  const socket = await brokered.tunnel(service)
  const last = `GET /v1/b HTTP/1.1\r\n${HOST()}Connection: close\r\n\r\n`
  socket.write(`GET /v1/a HTTP/1.1\r\n${HOST()}\r\n${last}${SMUGGLED}${HOST()}\r\n`)
  const answers = (await new Reader(socket).rest()).toString()
  expect(answers.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2)
  expect(service.got.map(({ request }) => request.url)).toEqual(["/v1/a", "/v1/b"])
})

test("a reply whose status is none is refused", async () => {
  service.handler = (_request, response) => {
    response.socket?.end("HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok")
  }
  expect(await answerTo(`GET /v1/a HTTP/1.1\r\n${HOST()}\r\n`)).toEqual([502, "REPLY_REFUSED", 1])
})

describe("a message with two meanings", () => {
  const attacks: readonly [what: string, bytes: () => string][] = [
    [
      "Content-Length and Transfer-Encoding",
      () =>
        `POST /v1/a HTTP/1.1\r\n${HOST()}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX`,
    ],
    [
      "Content-Length twice",
      () => `POST /v1/a HTTP/1.1\r\n${HOST()}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`,
    ],
    [
      "Content-Length twice in one",
      () => `POST /v1/a HTTP/1.1\r\n${HOST()}Content-Length: 3, 3\r\n\r\nabc`,
    ],
    [
      "a spaced Content-Length",
      () => `POST /v1/a HTTP/1.1\r\n${HOST()}Content-Length : 3\r\n\r\nabc`,
    ],
    [
      "a signed Content-Length",
      () => `POST /v1/a HTTP/1.1\r\n${HOST()}Content-Length: +3\r\n\r\nabc`,
    ],
    [
      "another Transfer-Encoding",
      () => `POST /v1/a HTTP/1.1\r\n${HOST()}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      "Transfer-Encoding twice",
      () =>
        `POST /v1/a HTTP/1.1\r\n${HOST()}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n`,
    ],
    [
      "Transfer-Encoding in HTTP/1.0",
      () => `POST /v1/a HTTP/1.0\r\n${HOST()}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ["a bare LF", () => `GET /v1/a HTTP/1.1\n${HOST()}\r\n`],
    ["a bare LF in the head", () => `GET /v1/a HTTP/1.1\r\nX: a\n${HOST()}\r\n`],
    ["a bare CR in the head", () => `GET /v1/a HTTP/1.1\r\nX: a\rX-B: c\r\n${HOST()}\r\n`],
    ["a folded line", () => `GET /v1/a HTTP/1.1\r\n${HOST()}X: a\r\n b\r\n\r\n`],
    ["NUL", () => `GET /v1/a HTTP/1.1\r\n${HOST()}X: a\0b\r\n\r\n`],
    ["two hosts", () => `GET /v1/a HTTP/1.1\r\n${HOST()}${HOST()}\r\n`],
    ["no host", () => `GET /v1/a HTTP/1.1\r\nX: a\r\n\r\n`],
    ["a fragment", () => `GET /v1/a#b HTTP/1.1\r\n${HOST()}\r\n`],
    ["an asterisk", () => `OPTIONS * HTTP/1.1\r\n${HOST()}\r\n`],
    ["a control byte in the target", () => `GET /v1/\x01 HTTP/1.1\r\n${HOST()}\r\n`],
    ["a byte beyond ASCII in the target", () => `GET /v1/\xe9 HTTP/1.1\r\n${HOST()}\r\n`],
    ["TRACE", () => `TRACE /v1/a HTTP/1.1\r\n${HOST()}\r\n`],
    ["CONNECT inside of a tunnel", () => `CONNECT ${service.authority} HTTP/1.1\r\n${HOST()}\r\n`],
    ["HTTP/2", () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    [
      "a header taken out by nomination",
      () => `GET /v1/a HTTP/1.1\r\n${HOST()}Connection: close, Authorization\r\n\r\n`,
    ],
    [
      "an upgrade to another protocol",
      () => `GET /v1/a HTTP/1.1\r\n${HOST()}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`,
    ],
    ["a giant head", () => `GET /v1/a HTTP/1.1\r\n${HOST()}X: ${"a".repeat(70_000)}\r\n\r\n`],
    ["a giant target", () => `GET /v1/${"a".repeat(70_000)} HTTP/1.1\r\n${HOST()}\r\n`],
  ]
  test.each(attacks)("%s is refused", async (_what, bytes) => {
    expect(await answerTo(bytes())).toEqual([400, "REQUEST_REFUSED", 0])
  })

  test("the wrong length of a chunk ends the connection", async () => {
    const socket = await brokered.tunnel(service)
    socket.write(
      `POST /v1/a HTTP/1.1\r\n${HOST()}Transfer-Encoding: chunked\r\n\r\n1\nX\r\n0\r\n\r\n${SMUGGLED}${HOST()}\r\n`,
    )
    await new Reader(socket).rest()
    expect(service.got.filter(({ request }) => request.complete).length).toBe(0)
  })

  test("what follows a body by its length is another request, and decided anew", async () => {
    const inner = `${SMUGGLED}${HOST()}Authorization: Bearer ${brokered.of(KEY)}\r\n\r\n`
    const socket = await brokered.tunnel(service)
    socket.write(`POST /v1/a HTTP/1.1\r\n${HOST()}Content-Length: 5\r\n\r\nabcde`)
    socket.write(inner.replace("/v1/", "/v9/"))
    const reader = new Reader(socket)
    expect((await reader.reply()).status).toBe(200)
    expect(refusalIn(await reader.reply()).code).toBe("USE_REFUSED")
    socket.destroy()
  })

  test("a value with a line break is not put into a header", async () => {
    const broken = await brokeredWorld({
      [KEY]: { value: `a-key-of-tests\r\nX-Injected: 1`, use: [useAt(service)] },
    })
    const other = await BrokerWorld.start(broken, [KEY], [service])
    const head = `GET /v1/a HTTP/1.1\r\n${HOST()}Authorization: Bearer ${other.of(KEY)}`
    const reply = await other.send(service, head)
    expect([reply.status, refusalIn(reply).code]).toEqual([403, "PLACEHOLDER_REFUSED"])
    expect(service.got.length).toBe(0)
    other.close()
    broken.remove()
  })
})

describe("requests on one connection", () => {
  test("that come together are answered in turn, and sent in turn", async () => {
    const order: string[] = []
    service.handler = (request, response) => {
      order.push(`got ${request.url ?? ""}`)
      setImmediate(() => {
        order.push(`answered ${request.url ?? ""}`)
        response.end(request.url)
      })
    }
    const socket = await brokered.tunnel(service)
    const reader = new Reader(socket)
    const paths = ["/v1/1", "/v1/2", "/v1/3"]
    socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\n${HOST()}\r\n`).join(""))
    for (const path of paths) expect((await reader.reply()).body.toString()).toBe(path)
    expect(order).toEqual(paths.flatMap((path) => [`got ${path}`, `answered ${path}`]))
    socket.destroy()
  })

  test("go over one connection to the other side", async () => {
    const before = service.connections
    const socket = await brokered.tunnel(service)
    const reader = new Reader(socket)
    for (let count = 0; count < 5; count += 1) {
      socket.write(
        `GET /v1/${count} HTTP/1.1\r\n${HOST()}Authorization: Bearer ${brokered.of(KEY)}\r\n\r\n`,
      )
      expect((await reader.reply()).status).toBe(200)
    }
    expect(service.connections - before).toBeLessThanOrEqual(1)
    socket.destroy()
  })

  test("are handed on as they were written, neighbours' headers apart", async () => {
    const head = [
      "POST /v1/a?b=%2f&c HTTP/1.1",
      `hOsT: ${service.authority}`,
      "X-Twice: 1",
      "x-twice: 2",
      "X-Latin: \xe9",
      "Proxy-Authorization: Basic eDp5",
      "Proxy-Connection: keep-alive",
      "Connection: keep-alive, TE",
      "TE: trailers",
      "Accept-Encoding: zstd, gzip;q=0.5, br",
      "Content-Length: 3",
    ].join("\r\n")
    await brokered.send(service, head, "abc")
    const { request, body } = service.got[0] ?? {}
    expect(body?.toString()).toBe("abc")
    expect(request?.url).toBe("/v1/a?b=%2f&c")
    const rest = "Accept-Encoding,gzip;q=0.5, br,Content-Length,3,Connection,keep-alive"
    expect(request?.rawHeaders.join()).toBe(
      `hOsT,${service.authority},X-Twice,1,x-twice,2,X-Latin,\xe9,${rest}`,
    )
  })

  test("may announce trailers where none can come", async () => {
    service.handler = ({ method, socket }) => {
      const body = method === "HEAD" ? "" : "2\r\nok\r\n0\r\n\r\n"
      socket.end(`HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n${body}`)
    }
    for (const line of ["POST /v1/a HTTP/1.1", "HEAD /v1/a HTTP/1.1", "GET /v1/a HTTP/1.0"]) {
      const head = `${line}\r\n${HOST()}Trailer: X-Sum\r\nContent-Length: 3`
      expect([line, (await brokered.send(service, head, "abc")).status]).toEqual([line, 200])
    }
  })
})

test("a word before the answer is handed on to whoever waits for it, once", async () => {
  service.handler = (_request, response) => {
    response.writeContinue()
    response.writeContinue()
    response.end("ok")
  }
  const more = `${HOST()}Content-Length: 0\r\n`
  const asked = [`1.1\r\n${more}`, `1.0\r\n${more}Expect: 100-continue\r\n`]
  for (const version of asked) {
    const socket = await brokered.tunnel(service)
    socket.write(`POST /v1/a HTTP/${version}\r\n`)
    expect((await new Reader(socket).reply("POST", true)).status).toBe(200)
    socket.destroy()
  }
})
