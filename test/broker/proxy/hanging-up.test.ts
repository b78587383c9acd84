import { randomBytes } from "node:crypto"
import { once } from "node:events"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { TLSSocket } from "node:tls"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import type { World } from "../../core/world.js"
import { BrokerWorld, Reader, Service, brokeredWorld, useAt } from "./broker-world.js"

const KEY = "stripe/api-key"
const VALUE = `test-only-${randomBytes(12).toString("hex")}`
let service: Service
let world: World
let brokered: BrokerWorld
const refused: string[] = []

function onRefused({ code }: { code: string }): void {
  refused.push(code)
}

beforeAll(async () => {
  service = await Service.start("api.pay.test")
  service.isStreaming = true
  world = await brokeredWorld({ [KEY]: { value: VALUE, use: [useAt(service)] } })
  brokered = await BrokerWorld.start(world, [KEY], [service], { onRefused })
})
afterEach(() => {
  service.got.length = 0
  refused.length = 0
})
afterAll(() => {
  brokered.close()
  service.close()
  world.remove()
})

async function begin(line: string, ...more: string[]): Promise<TLSSocket> {
  const socket = await brokered.tunnel(service)
  const key = `Authorization: Bearer ${brokered.of(KEY)}`
  const head = [`${line} HTTP/1.1`, `Host: ${service.authority}`, key, ...more]
  socket.write(`${head.join("\r\n")}\r\n\r\n`)
  return socket
}

/** What was refused until now: all that came before is decided when the next request is. */
async function refusedSoFar(): Promise<string[]> {
  const last = await brokered.send(service, `GET /elsewhere HTTP/1.1\r\nHost: other.pay.test`)
  expect(last.status).toBe(403)
  return refused.slice(0, -1)
}

type Hung = (request: IncomingMessage, response: ServerResponse, hangUp: () => void) => void

/** A client that hangs up when the other side says so; resolves when that has seen it. */
async function hungUp(line: string, more: readonly string[], then: Hung, body = ""): Promise<void> {
  const seen = new Promise<void>((resolve) => {
    service.handler = (request, response) => {
      request.on("error", () => {})
      response.once("close", resolve)
      then(request, response, () => void opened.then((socket) => socket.destroy()))
    }
  })
  const opened = begin(line, ...more)
  ;(await opened).write(body)
  await seen
}

function onceItComes(
  request: IncomingMessage,
  _response: ServerResponse,
  hangUp: () => void,
): void {
  request.once("data", hangUp)
}

describe("a program that hangs up is refused nothing", () => {
  test("before the answer", async () => {
    await hungUp("GET /v1/a", [], (_request, _response, hangUp) => hangUp())
    expect(await refusedSoFar()).toEqual([])
  })

  test("amid an answer that does not end", async () => {
    await hungUp("GET /v1/a", [], (_request, response, hangUp) => {
      response.writeHead(200)
      response.write("text that goes on\n", hangUp)
    })
    expect(await refusedSoFar()).toEqual([])
  })

  test("amid a body", async () => {
    const body = "a line of the body\n".repeat(1000)
    await hungUp("POST /v1/a", ["Content-Length: 1000000"], onceItComes, body)
    expect(await refusedSoFar()).toEqual([])
  })

  test("amid a body that is read as a whole before any of it leaves", async () => {
    const form = "Content-Type: application/x-www-form-urlencoded"
    const socket = await begin("POST /v1/a", form, "Content-Length: 10", "Expect: 100-continue")
    await once(socket, "data")
    socket.destroy()
    expect(await refusedSoFar()).toEqual([])
    expect(service.got).toEqual([])
  })

  test("amid a body that was answered already", async () => {
    service.handler = (_request, response) => response.writeHead(413).end("too much")
    const socket = await begin("POST /v1/a", "Content-Length: 100000")
    socket.write("a line of the body\n")
    expect((await new Reader(socket).reply("POST")).status).toBe(413)
    const closed = once(socket, "close")
    socket.end()
    await closed
    expect(await refusedSoFar()).toEqual([])
  })

  test("amid a head", async () => {
    const socket = await brokered.tunnel(service)
    const closed = once(socket, "close")
    socket.end("GET /v1/a HT")
    await closed
    expect(await refusedSoFar()).toEqual([])
  })
})

test("what was decided against it stays a refusal, though it hangs up at once", async () => {
  const socket = await brokered.tunnel(service)
  const key = `Authorization: Bearer ${brokered.of(KEY)}`
  const closed = once(socket.resume(), "close")
  socket.end(`GET /elsewhere HTTP/1.1\r\nHost: ${service.authority}\r\n${key}\r\n\r\n`)
  await closed
  expect(await refusedSoFar()).toEqual(["USE_REFUSED"])
})
