import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import type { IncomingMessage, ServerResponse } from "node:http"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { TLSSocket } from "node:tls"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import type { World } from "../../core/world.js"
import { BrokerWorld, Reader, Service, brokeredWorld, useAt } from "./broker-world.js"

const KEY = "stripe/api-key"
const VALUE = `test-only-${randomBytes(12).toString("hex")}`
const MEGABYTE = 2 ** 20
/** How much is sent through: 1 GiB if somebody asks for it. */
const BIG = (process.env["AGENT_VAULT_BIG"] === "1" ? 1024 : 24) * MEGABYTE
/** What all of this process may grow by meanwhile: both sides, and the broker. */
const FLAT = 160 * MEGABYTE

let service: Service
let world: World
let brokered: BrokerWorld
let socket: TLSSocket
let reader: Reader

beforeAll(async () => {
  service = await Service.start("api.pay.test")
  service.isStreaming = true
  world = await brokeredWorld({
    [KEY]: { value: VALUE, use: [useAt(service, { methods: ["GET", "POST", "PUT"] })] },
  })
  brokered = await BrokerWorld.start(world, [KEY], [service])
})
afterEach(() => {
  socket.destroy()
  service.got.length = 0
})
afterAll(() => {
  brokered.close()
  service.close()
  world.remove()
})

/** Sends the head of a request that gets the value. */
async function begin(line: string, ...more: string[]): Promise<void> {
  socket = await brokered.tunnel(service)
  const head = [
    `${line} HTTP/1.1`,
    `Host: ${service.authority}`,
    `Authorization: Bearer ${brokered.of(KEY)}`,
    ...more,
  ]
  socket.write(`${head.join("\r\n")}\r\n\r\n`)
}

/** Bytes that no compression and no chance makes smaller, and their digest when they are read. */
function bigBody(): { stream: Readable; digest: () => string } {
  const hash = createHash("sha256")
  const block = randomBytes(MEGABYTE)
  function* blocks(): Generator<Buffer> {
    for (let count = 0; count < BIG / MEGABYTE; count += 1) {
      block.writeUInt32BE(count, count % 1000)
      const copy = Buffer.from(block)
      hash.update(copy)
      yield copy
    }
  }
  return { stream: Readable.from(blocks()), digest: () => hash.digest("hex") }
}

/** The digest of a stream, and the most memory that this process had meanwhile. */
async function drained(stream: AsyncIterable<Buffer>): Promise<{ digest: string; most: number }> {
  const hash = createHash("sha256")
  let most = 0
  for await (const chunk of stream) {
    hash.update(chunk)
    most = Math.max(most, process.memoryUsage.rss())
  }
  return { digest: hash.digest("hex"), most }
}

describe(`a body of ${BIG / MEGABYTE} MiB`, () => {
  test.each([
    ["its length", `Content-Length: ${BIG}`],
    ["chunks", "Transfer-Encoding: chunked"],
  ])("goes up by %s, byte for byte, in flat memory", { timeout: 600_000 }, async (_by, framing) => {
    let got: { digest: string; most: number } | undefined
    service.handler = (request, response) => {
      void (async () => {
        got = await drained(request)
        response.end("taken")
      })()
    }
    const { stream, digest } = bigBody()
    const before = process.memoryUsage.rss()
    await begin("PUT /v1/upload", framing)
    reader = new Reader(socket)
    const isChunked = framing.endsWith("chunked")
    await pipeline(
      stream,
      async function* (blocks: AsyncIterable<Buffer>) {
        for await (const block of blocks) {
          yield isChunked ? Buffer.concat([sizeOf(block), block, CRLF]) : block
        }
        if (isChunked) yield Buffer.from("0\r\n\r\n")
      },
      socket,
      { end: false },
    )
    expect((await reader.reply("PUT")).body.toString()).toBe("taken")
    expect(got?.digest).toBe(digest())
    expect((got?.most ?? 0) - before).toBeLessThan(FLAT)
  })

  test("comes down byte for byte, in flat memory", { timeout: 600_000 }, async () => {
    const { stream, digest } = bigBody()
    service.handler = (_request, response) => {
      response.writeHead(200, { "Content-Length": BIG })
      void pipeline(stream, response)
    }
    const before = process.memoryUsage.rss()
    await begin("GET /v1/download", "Connection: close")
    const head = await headOf(socket)
    expect(head).toContain("Transfer-Encoding: chunked")
    const { digest: got, most } = await drained(unchunked(socket))
    expect(got).toBe(digest())
    expect(most - before).toBeLessThan(FLAT)
  })
})

const CRLF = Buffer.from("\r\n")

/** Answers when it has the body. */
function taken(request: IncomingMessage, response: ServerResponse): void {
  request.resume().once("end", () => response.end("taken"))
}

function sizeOf(block: Buffer): Buffer {
  return Buffer.from(`${block.length.toString(16)}\r\n`)
}

/** Reads a head and leaves the rest. */
async function headOf(stream: TLSSocket): Promise<string> {
  let held = Buffer.alloc(0)
  for (;;) {
    const chunk = stream.read() as Buffer | null
    if (chunk === null) {
      await once(stream, "readable")
      continue
    }
    held = Buffer.concat([held, chunk])
    const end = held.indexOf("\r\n\r\n")
    if (end < 0) continue
    stream.unshift(held.subarray(end + 4))
    return held.subarray(0, end).toString()
  }
}

/** The bytes in chunks, as they come. */
async function* unchunked(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0)
  let left = 0
  for await (const chunk of stream) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    while (held.length > 0) {
      if (left > 2) {
        const piece = held.subarray(0, Math.min(left - 2, held.length))
        yield piece
        left -= piece.length
        held = held.subarray(piece.length)
      } else if (left > 0) {
        const end = Math.min(left, held.length)
        left -= end
        held = held.subarray(end)
      } else {
        const end = held.indexOf("\r\n")
        if (end < 0) break
        const size = parseInt(held.subarray(0, end).toString(), 16)
        if (size === 0) return
        left = size + 2
        held = held.subarray(end + 2)
      }
    }
  }
}

describe("what comes is handed on at once", () => {
  test("an event stream, event by event", async () => {
    // Each event is sent when the client has the one before.
    let sendNext: (() => void) | undefined
    service.handler = (_request, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" })
      response.flushHeaders()
      let count = 0
      sendNext = () => {
        count += 1
        if (count <= 5) response.write(`data: ${count}\n\n`)
        else response.end()
      }
    }
    await begin("GET /v1/events")
    reader = new Reader(socket)
    expect((await reader.until("\r\n\r\n")).toString()).toContain("text/event-stream")
    for (let count = 1; count <= 5; count += 1) {
      sendNext?.()
      await reader.until(`data: ${count}\n\n`)
    }
    sendNext?.()
    await reader.until("0\r\n\r\n")
  })

  test("a request, piece by piece", async () => {
    const pieces: string[] = []
    service.handler = (request, response) => {
      response.flushHeaders()
      request.on("data", (chunk: Buffer) => {
        pieces.push(chunk.toString())
        response.write(`got ${chunk.toString()}`)
      })
      request.once("end", () => response.end())
    }
    await begin("POST /v1/both", "Transfer-Encoding: chunked")
    reader = new Reader(socket)
    await reader.until("\r\n\r\n")
    // Letters alone may be the beginning of a value, and wait.
    const sent = ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"]
    for (const piece of sent) {
      socket.write(`9\r\n${piece}\r\n`)
      await reader.until(`got ${piece}`)
    }
    socket.write("0\r\n\r\n")
    await reader.until("0\r\n\r\n")
    expect(pieces).toEqual(sent)
  })

  test("trailers, both ways", async () => {
    service.handler = (request, response) => {
      request.resume()
      request.once("end", () => {
        response.writeHead(200, { Trailer: "X-Up" })
        response.write("body")
        response.addTrailers({ "X-Up": String(request.trailers["x-sum"]) })
        response.end()
      })
    }
    await begin("POST /v1/trailers", "Transfer-Encoding: chunked", "Trailer: X-Sum")
    socket.write("1\r\na\r\n0\r\nX-Sum: 42\r\n\r\n")
    reader = new Reader(socket)
    await reader.reply("POST")
    expect(reader.trailers).toContain("X-Up: 42")
  })

  test("the word that a client waits for before its body", async () => {
    service.handler = taken
    await begin("POST /v1/expect", "Expect: 100-continue", "Content-Length: 100000")
    reader = new Reader(socket)
    expect((await reader.reply("POST", true)).status).toBe(100)
    socket.write(Buffer.alloc(100_000))
    expect((await reader.reply("POST")).body.toString()).toBe("taken")
  })

  test("the other side's word, where nobody looks into the body", async () => {
    const gate = { models: "off", others: "off" } as const
    const open = await BrokerWorld.start(world, [KEY], [service], { gate })
    service.http.once("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
      response.writeContinue()
      taken(request, response)
    })
    socket = await open.tunnel(service)
    socket.write(
      `POST /v1/expect HTTP/1.1\r\nHost: ${service.authority}\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n`,
    )
    reader = new Reader(socket)
    expect((await reader.reply("POST", true)).status).toBe(100)
    socket.write("abc")
    expect((await reader.reply("POST")).body.toString()).toBe("taken")
    open.close()
  })

  test("an answer that comes before the body has", async () => {
    service.handler = (_request, response) => response.writeHead(413).end("too much")
    await begin("POST /v1/early", "Content-Length: 100000")
    socket.write(Buffer.alloc(1000))
    reader = new Reader(socket)
    expect((await reader.reply("POST")).status).toBe(413)
  })

  test("an answer before the body, the rest of which is let go, and the next request heard", async () => {
    service.handler = (request, response) => {
      if (request.method === "GET") taken(request, response)
      else response.writeHead(401).end("who are you")
    }
    await begin("POST /v1/early", `Content-Length: ${BIG}`)
    reader = new Reader(socket)
    socket.write(Buffer.alloc(MEGABYTE))
    expect((await reader.reply("POST")).status).toBe(401)
    socket.write(Buffer.alloc(BIG - MEGABYTE))
    socket.write(`GET /v1/next HTTP/1.1\r\nHost: ${service.authority}\r\n\r\n`)
    expect((await reader.reply()).body.toString()).toBe("taken")
  })
})

describe("what breaks off", () => {
  test("in a reply is seen as broken off", async () => {
    service.handler = (_request, response) => {
      response.writeHead(200, { "Content-Length": 100_000 })
      response.write(Buffer.alloc(70_000), () => response.destroy())
    }
    await begin("GET /v1/cut")
    reader = new Reader(socket)
    await reader.until("\r\n\r\n")
    expect((await reader.rest()).includes("0\r\n\r\n")).toBe(false)
  })

  test("in a request never looks whole to the other side", async () => {
    const ended = new Promise<boolean>((resolve) => {
      service.handler = (request) => {
        request.resume()
        request.once("close", () => resolve(request.complete))
        socket.destroy()
      }
    })
    await begin("POST /v1/cut", "Transfer-Encoding: chunked")
    socket.write("1\r\na\r\n")
    expect(await ended).toBe(false)
  })

  test("a client that hangs up ends what the other side does for it", async () => {
    const closed = new Promise<void>((resolve) => {
      service.handler = (_request, response) => {
        response.once("close", resolve)
        socket.destroy()
      }
    })
    await begin("GET /v1/slow")
    await closed
    expect(service.got.length).toBe(1)
  })

  test("a value that would leave in a body to another host breaks it off", async () => {
    const other = await Service.start("www.pay.test")
    other.isStreaming = true
    const bytes: Buffer[] = []
    const ended = new Promise<boolean>((resolve) => {
      other.handler = (request) => {
        request.on("data", (chunk: Buffer) => bytes.push(chunk)).on("error", () => {})
        request.once("close", () => resolve(request.complete))
      }
    })
    const both = await brokeredWorld({
      [KEY]: { value: VALUE, use: [useAt(service)] },
      "stripe/webhook": { value: "another-key-of-tests", use: [useAt(other)] },
    })
    const gated = await BrokerWorld.start(both, [KEY, "stripe/webhook"], [service, other])
    socket = await gated.tunnel(other)
    socket.write(
      `POST /v1/a HTTP/1.1\r\nHost: ${other.authority}\r\nContent-Length: ${MEGABYTE + BIG}\r\n\r\n`,
    )
    socket.write(Buffer.alloc(MEGABYTE / 2, "a"))
    socket.write(VALUE)
    socket.write(Buffer.alloc(MEGABYTE / 2 - VALUE.length, "a"))
    reader = new Reader(socket)
    const reply = await reader.reply("POST")
    expect([reply.status, reply.body.toString()]).toEqual([
      403,
      expect.stringContaining("GATE_REFUSED"),
    ])
    expect(await ended).toBe(false)
    expect(Buffer.concat(bytes).toString("latin1")).not.toContain(VALUE)
    // Whoever sends all before it reads is not left waiting.
    other.handler = taken
    socket.write(Buffer.alloc(BIG, "a"))
    socket.write(`GET /v1/next HTTP/1.1\r\nHost: ${other.authority}\r\n\r\n`)
    expect((await reader.reply()).body.toString()).toBe("taken")
    gated.close()
    other.close()
    both.remove()
  })
})
