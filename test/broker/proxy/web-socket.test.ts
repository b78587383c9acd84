import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { TLSSocket } from "node:tls"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import type { World } from "../../core/world.js"
import { BrokerWorld, Reader, Service, brokeredWorld, refusalIn, useAt } from "./broker-world.js"

const KEY = "stripe/api-key"
const VALUE = `test-only-${randomBytes(12).toString("hex")}`
const OTHER = `test-only-${randomBytes(12).toString("hex")}`
const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10

let service: Service
let elsewhere: Service
let world: World
let brokered: BrokerWorld
let client: TLSSocket
let reader: Reader
/** The other side's end, and the request that opened it. */
let server: Duplex
let serverReader: Reader
let asked: IncomingMessage
const refused: string[] = []

function onRefused({ code }: { code: string }): void {
  refused.push(code)
}

beforeAll(async () => {
  service = await Service.start("api.pay.test")
  elsewhere = await Service.start("other.pay.test")
  world = await brokeredWorld({
    [KEY]: { value: VALUE, use: [useAt(service)] },
    "stripe/webhook": { value: OTHER, use: [useAt(elsewhere)] },
  })
  const secrets = [KEY, "stripe/webhook"]
  brokered = await BrokerWorld.start(world, secrets, [service, elsewhere], { onRefused })
})
afterEach(() => {
  refused.length = 0
  client.destroy()
  service.http.removeAllListeners("upgrade")
})
afterAll(() => {
  brokered.close()
  service.close()
  elsewhere.close()
  world.remove()
})

/** Opens a WebSocket through the broker (RFC 6455, section 4). */
async function open(...extra: string[]): Promise<number> {
  const accepted = new Promise<void>((resolve) => {
    service.http.once("upgrade", (request: IncomingMessage, socket: Duplex) => {
      asked = request
      server = socket
      const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
      const accept = createHash("sha1").update(key).digest("base64")
      const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nX-Echo: ${request.headers.authorization}\r\n${extra.join("")}\r\n`
      socket.write(head)
      serverReader = new Reader(socket as TLSSocket)
      resolve()
    })
  })
  client = await brokered.tunnel(service)
  client.write(handshake("/v1/socket"))
  reader = new Reader(client)
  const reply = await reader.reply()
  if (reply.status === 101) await accepted
  expect(reply.head).not.toContain(VALUE)
  return reply.status
}

function handshake(path: string, upgrade = "websocket"): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: ${service.authority}`,
    `Authorization: Bearer ${brokered.of(KEY)}`,
    "Connection: Upgrade",
    `Upgrade: ${upgrade}`,
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Extensions: permessage-deflate",
    "\r\n",
  ].join("\r\n")
}

/** A frame (RFC 6455, section 5.2). */
function frame(opcode: number, payload: string | Buffer, isMasked: boolean, isLast = true): Buffer {
  const bytes = Buffer.from(payload)
  const length =
    bytes.length < 126
      ? Buffer.from([bytes.length])
      : Buffer.from([126, bytes.length >> 8, bytes.length & 255])
  const head = Buffer.concat([Buffer.from([(isLast ? 0x80 : 0) | opcode]), length])
  if (!isMasked) return Buffer.concat([head, bytes])
  head[1] = (head[1] ?? 0) | 0x80
  const key = Buffer.from([1, 2, 3, 4])
  return Buffer.concat([head, key, bytes.map((byte, at) => byte ^ (key[at & 3] ?? 0))])
}

/** Ends a connection in the hard way, as a process that is killed with bytes unread. */
async function breakOff(secured: TLSSocket): Promise<void> {
  const closed = once(secured, "close")
  const { _parent: raw } = secured as unknown as { _parent: Socket }
  raw.resetAndDestroy()
  await closed
}

/** One more of a message of text, which does not end. */
function emptyPiece(_: unknown, at: number): Buffer {
  return frame(at === 0 ? TEXT : 0, "", true, false)
}

/** All payloads of whole frames, one behind the other. */
function unmasked(frames: Buffer): string {
  let all = ""
  for (let at = 0; at + 6 <= frames.length;) {
    const length = (frames[at + 1] ?? 0) & 0x7f
    const key = frames.subarray(at + 2, at + 6)
    const payload = frames.subarray(at + 6, at + 6 + length)
    const bytes = payload.map((byte, index) => byte ^ (key[index & 3] ?? 0))
    all += Buffer.from(bytes).toString("latin1")
    at += 6 + length
  }
  return all
}

/** The next frame on a connection, unmasked. */
async function next(from: Reader): Promise<{ first: number; payload: string }> {
  const [first = 0, second = 0] = await from.take(2)
  const short = second & 0x7f
  const length = short === 126 ? (await from.take(2)).readUInt16BE() : short
  const key = second & 0x80 ? await from.take(4) : Buffer.alloc(4)
  const payload = (await from.take(length)).map((byte, at) => byte ^ (key[at & 3] ?? 0))
  return { first, payload: Buffer.from(payload).toString("latin1") }
}

describe("a WebSocket with a rule", () => {
  test("gets the value in its handshake, and no extension", async () => {
    expect(await open()).toBe(101)
    expect(asked.headers.authorization).toBe(`Bearer ${VALUE}`)
    expect(asked.headers["sec-websocket-extensions"]).toBeUndefined()
  })

  test("carries messages both ways, byte for byte", async () => {
    await open()
    const long = randomBytes(40_000).toString("base64")
    for (const [opcode, payload] of [
      [TEXT, "hello"],
      [BINARY, "\x00\x01\x02"],
      [TEXT, long],
      [PING, "p"],
      [CLOSE, "\x03\xe8bye"],
    ] as const) {
      const bytes = Buffer.from(payload, "latin1")
      client.write(frame(opcode, bytes, true))
      expect(await next(serverReader)).toEqual({ first: 0x80 | opcode, payload })
      server.write(frame(opcode, bytes, false))
      expect(await next(reader)).toEqual({ first: 0x80 | opcode, payload })
    }
  })

  test("brings no value back, however it is cut into frames", async () => {
    await open()
    server.write(frame(TEXT, `the key is ${VALUE}.`, false))
    expect((await next(reader)).payload).toBe(`the key is [REDACTED ${KEY}].`)
    server.write(frame(TEXT, `again ${VALUE.slice(0, 9)}`, false, false))
    server.write(frame(0, `${VALUE.slice(9)}.`, false))
    const first = await next(reader)
    const second = await next(reader)
    expect([first.first, second.first]).toEqual([TEXT, 0x80])
    expect(first.payload + second.payload).toBe(`again [REDACTED ${KEY}].`)
    server.write(frame(BINARY, Buffer.from(VALUE).toString("base64"), false))
    expect((await next(reader)).payload).toContain(`[REDACTED ${KEY}]`)
  })

  test("ends before another host's value leaves in a message", async () => {
    await open()
    client.write(frame(TEXT, "before", true))
    expect((await next(serverReader)).payload).toBe("before")
    client.write(frame(TEXT, `leak ${OTHER.slice(0, 8)}`, true, false))
    client.write(frame(0, OTHER.slice(8), true))
    expect((await serverReader.rest()).toString("latin1")).not.toContain("leak")
    await reader.rest()
  })

  test("that its program breaks off was refused nothing", async () => {
    await open()
    await breakOff(client)
    await serverReader.rest()
    expect(refused).toEqual([])
  })

  test("that the other side breaks off is told as that", async () => {
    await open()
    await breakOff(server as TLSSocket)
    await reader.rest()
    expect(refused).toEqual(["UPSTREAM_UNREACHABLE"])
  })

  test.each([
    ["bytes, in one frame", [frame(BINARY, `\0${OTHER}\xff`, true)]],
    [
      "bytes, cut into frames",
      [frame(BINARY, OTHER.slice(0, 8), true, false), frame(0, OTHER.slice(8), true)],
    ],
    ["base64, as bytes", [frame(BINARY, Buffer.from(OTHER).toString("base64"), true)]],
    ["a ping", [frame(PING, OTHER, true)]],
    ["a pong", [frame(PONG, OTHER, true)]],
  ])("ends before another host's value leaves as %s", async (_what, frames) => {
    await open()
    for (const each of frames) client.write(each)
    client.end()
    const left = unmasked(await serverReader.rest())
    expect(left).not.toContain(OTHER.slice(0, 8))
    expect(left).not.toContain(Buffer.from(OTHER).toString("base64").slice(0, 8))
  })

  test("carries its own value to its own host, as bytes too", async () => {
    await open()
    client.write(frame(BINARY, VALUE, true))
    expect((await next(serverReader)).payload).toBe(VALUE)
  })

  test.each([
    ["a frame of an extension", () => Buffer.from([0xc1, 0x80, 1, 2, 3, 4])],
    ["a frame without a mask", () => frame(TEXT, "a", false)],
    ["a continuation of nothing", () => frame(0, "a", true)],
    ["a frame of no kind", () => frame(3, "a", true)],
    ["a ping in pieces", () => frame(PING, "a", true, false)],
    ["very many empty pieces", () => Buffer.concat(Array.from({ length: 70_000 }, emptyPiece))],
  ])("ends with %s", async (_what, bytes) => {
    await open()
    client.write(bytes())
    expect((await serverReader.rest()).length).toBe(0)
    await reader.rest()
  })

  test("is refused if the other side chose an extension", async () => {
    expect(await open("Sec-WebSocket-Extensions: permessage-deflate\r\n").catch(() => 0)).not.toBe(
      101,
    )
  })
})

test("without a rule for its path, or for another protocol, nothing is opened", async () => {
  client = await brokered.tunnel(service)
  const bare = handshake("/v2/socket").replace(/Authorization.*\r\n/, "")
  client.write(bare)
  const reply = await new Reader(client).reply()
  expect([reply.status, refusalIn(reply).code]).toEqual([403, "USE_REFUSED"])
  client.destroy()
  client = await brokered.tunnel(service)
  client.write(handshake("/v1/socket", "h2c"))
  const other = await new Reader(client).reply()
  expect([other.status, refusalIn(other).code]).toEqual([400, "REQUEST_REFUSED"])
})

test("one that comes before another request is answered waits for that answer", async () => {
  const waiting: ServerResponse[] = []
  service.handler = (_request, response) => waiting.push(response)
  const opened = new Promise<Duplex>((resolve) => {
    service.http.once("upgrade", (_request: IncomingMessage, socket: Duplex) => resolve(socket))
  })
  client = await brokered.tunnel(service)
  client.write(
    `GET /v1/slow HTTP/1.1\r\nHost: ${service.authority}\r\n\r\n${handshake("/v1/socket")}`,
  )
  await expect.poll(() => waiting.length).toBe(1)
  waiting[0]?.end("first")
  reader = new Reader(client)
  expect((await reader.reply()).body.toString()).toBe("first")
  server = await opened
  // A byte of Latin-1 stays one.
  const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade"
  server.write(Buffer.from(`${head}\r\nX-Name: \xe9\r\n\r\n`, "latin1"))
  const reply = await reader.reply()
  expect([reply.status, reply.headers.get("x-name")]).toEqual([101, "\xe9"])
  client.write(frame(TEXT, "up", true))
  serverReader = new Reader(server as TLSSocket)
  expect((await next(serverReader)).payload).toBe("up")
  server.write(frame(TEXT, "down", false))
  expect((await next(reader)).payload).toBe("down")
})

test("an answer without an upgrade is an answer", async () => {
  service.handler = (_request, response) => response.writeHead(401).end(`no ${VALUE}`)
  client = await brokered.tunnel(service)
  client.write(handshake("/v1/socket"))
  const reply = await new Reader(client).reply()
  expect([reply.status, reply.body.toString()]).toEqual([401, `no [REDACTED ${KEY}]`])
})
