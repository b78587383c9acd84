import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { type Server, type Socket, createServer } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import type { VaultError } from "../../../src/core/index.js"
import type { World } from "../../core/world.js"
import {
  type BrokerOptions,
  BrokerWorld,
  Reader,
  type Reply,
  Service,
  basic,
  brokeredWorld,
  refusalIn,
  useAt,
} from "./broker-world.js"

const KEY = "stripe/api-key"
const VALUE = `test-only-${randomBytes(12).toString("hex")}`
/** Short enough to wait for. */
const SOON_MS = 2500
/** The limit of the broker that runs. */
let headTime: number
let service: Service
let world: World
let brokered: BrokerWorld
let refused: VaultError[]
const ends: (() => unknown)[] = []

beforeAll(async () => {
  service = await Service.start("api.pay.test")
  world = await brokeredWorld({ [KEY]: { value: VALUE, use: [useAt(service)] } })
})
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
  service.handler = (_request, response) => response.end("ok")
})
afterAll(() => {
  service.close()
  world.remove()
})

async function start(options: BrokerOptions = {}): Promise<void> {
  refused = []
  headTime = options.headTime ?? SOON_MS
  const onRefused = (error: VaultError): void => void refused.push(error)
  brokered = await BrokerWorld.start(world, [KEY], [service], { headTime, onRefused, ...options })
  ends.push(() => brokered.close())
}

/**
 * Asks a new broker. What is tried comes behind a head that is in time: a machine that is slower than
 * the limit gets a longer one.
 */
async function headInTime<T extends { readonly reply: Reply }>(ask: () => Promise<T>): Promise<T> {
  for (let limit = SOON_MS; ; limit *= 2) {
    await start({ headTime: limit })
    const asked = await ask()
    if (asked.reply.status !== 408) return asked
  }
}

/** A request that is answered in a tunnel. */
async function answered(): Promise<{ socket: Socket; reader: Reader; reply: Reply }> {
  const socket = await brokered.tunnel(service)
  ends.push(() => socket.destroy())
  const reader = new Reader(socket)
  socket.write(HEAD())
  return { socket, reader, reply: await reader.reply() }
}

const sent = async (text: string): Promise<{ reply: Reply }> => ({
  reply: await brokered.send(service, text),
})

const HEAD = (): string =>
  `GET /v1/a HTTP/1.1\r\nHost: ${service.authority}\r\nAuthorization: Bearer ${brokered.of(KEY)}\r\n\r\n`

/** Sends a byte now and then, for as long as the other side listens, and never a whole head. */
function trickle(socket: Socket, beginning = "GET /v1/a HTTP/1.1\r\nX-Slow: "): void {
  socket.write(beginning)
  const timer = setInterval(() => socket.write("x"), 50)
  const stop = (): void => clearInterval(timer)
  socket.once("close", stop)
  ends.push(stop, () => socket.destroy())
}

/** Past the limit. */
async function longer(): Promise<void> {
  await sleep(headTime + 500)
}

function told(reply: Reply): [number, string] {
  return [reply.status, refusalIn(reply).code]
}

test("a head that comes a byte at a time inside of a tunnel is refused", async () => {
  await start()
  const socket = await brokered.tunnel(service)
  trickle(socket)
  const reader = new Reader(socket)
  const reply = await reader.reply()
  expect(told(reply)).toEqual([408, "REQUEST_REFUSED"])
  expect(reply.headers.get("connection")).toBe("close")
  await reader.rest()
  expect(refused.map(({ code }) => code)).toEqual(["REQUEST_REFUSED"])
})

test("so is one to the proxy itself, and to one whose listener was handed over", async () => {
  await start()
  const direct = await brokered.dial()
  trickle(direct, "CONNECT api.pay.test:443 HTTP/1.1\r\nX-Slow: ")
  expect(told(await new Reader(direct).reply())).toEqual([408, "REQUEST_REFUSED"])
  brokered.close()
  const handed: Server = createServer()
  handed.listen(0, "127.0.0.1")
  await once(handed, "listening")
  await start({ listener: handed })
  const given = await brokered.dial()
  trickle(given, "GET http://")
  expect(told(await new Reader(given).reply())).toEqual([408, "REQUEST_REFUSED"])
})

test("so is the second on a connection, while the first has its answer", async () => {
  const { socket, reader, reply } = await headInTime(answered)
  expect(reply.status).toBe(200)
  trickle(socket)
  expect(told(await reader.reply())).toEqual([408, "REQUEST_REFUSED"])
})

test("a connection that rests is closed without a word, and nothing is noted", async () => {
  const { reader, reply } = await headInTime(answered)
  expect(reply.status).toBe(200)
  expect((await reader.rest()).length).toBe(0)
  const fresh = await brokered.tunnel(service)
  ends.push(() => fresh.destroy())
  expect((await new Reader(fresh).rest()).length).toBe(0)
  expect(refused).toEqual([])
})

test("a body, and an answer, take as long as they take", async () => {
  service.handler = (request, response) => {
    void longer().then(() => response.end(`slow ${request.url}`))
  }
  const { reply } = await headInTime(async () => {
    const socket = await brokered.tunnel(service)
    ends.push(() => socket.destroy())
    // It is closed where its head was late.
    socket.on("error", () => {})
    const reader = new Reader(socket)
    socket.write(
      `POST /v1/b HTTP/1.1\r\nHost: ${service.authority}\r\nAuthorization: Bearer ${brokered.of(KEY)}\r\nContent-Length: 8\r\n\r\n1234`,
    )
    await longer()
    socket.write("5678")
    return { reply: await reader.reply("POST") }
  })
  expect(reply.body.toString()).toBe("slow /v1/b")
  expect(refused).toEqual([])
})

test("an upstream that never ends the head of its reply is a 504", async () => {
  service.handler = (_request, response) => {
    const { socket } = response
    if (socket !== null) trickle(socket, "HTTP/1.1 200 OK\r\nX-Slow: ")
  }
  const { reply } = await headInTime(() => sent(HEAD().trimEnd()))
  expect(told(reply)).toEqual([504, "UPSTREAM_UNREACHABLE"])
  expect(refusalIn(reply).message).toBe(
    `${service.authority} did not end the head of its reply in time`,
  )
})

test("nor may it go on for ever behind an interim reply", async () => {
  service.handler = (_request, response) => {
    const { socket } = response
    if (socket !== null) trickle(socket, "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nX: ")
  }
  const { reply } = await headInTime(() => sent(HEAD().trimEnd()))
  expect(told(reply)).toEqual([504, "UPSTREAM_UNREACHABLE"])
})

test("a reply that comes together with an interim one takes as long as it takes", async () => {
  service.handler = (_request, response) => {
    const { socket } = response
    socket?.write("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12")
    void sleep(50)
      .then(() => socket?.write("34"))
      .then(longer)
      .then(() => socket?.write("5678"))
  }
  const { reply } = await headInTime(() => sent(HEAD().trimEnd()))
  expect(reply.body.toString()).toBe("12345678")
})

test("a handshake of WebSocket that never ends is a 504 as well", async () => {
  service.http.on("upgrade", (_request, socket: Socket) => {
    trickle(socket, "HTTP/1.1 101 Switching Protocols\r\nX-Slow: ")
  })
  ends.push(() => service.http.removeAllListeners("upgrade"))
  const key = randomBytes(16).toString("base64")
  const upgrade = `\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}`
  const { reply } = await headInTime(() => sent(`${HEAD().trimEnd()}${upgrade}`))
  expect(told(reply)).toEqual([504, "UPSTREAM_UNREACHABLE"])
})

test("plain HTTP with a wish to upgrade is answered as before", async () => {
  const { reply } = await headInTime(async () => {
    const socket = await brokered.dial()
    ends.push(() => socket.destroy())
    socket.write(
      `GET http://other.test/ HTTP/1.1\r\nHost: other.test\r\nProxy-Authorization: Basic ${basic(brokered.token)}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    )
    return { reply: await new Reader(socket).reply() }
  })
  expect(told(reply)).toEqual([403, "TARGET_REFUSED"])
})
