import { createHash } from "node:crypto"
import { type IncomingMessage, type Server, createServer, request } from "node:http"
import type { AddressInfo } from "node:net"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { afterEach, expect, test } from "vitest"
import { Gate } from "../../../src/broker/gate/gate.js"
import { scrubReply } from "../../../src/broker/reply/scrub-reply.js"
import { MARKER, VALUE, all, liveValues } from "../bodies.js"

const MIB = 2 ** 20
const SIZE = 128 * MIB

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** A server of loopback; its port. */
async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return (server.address() as AddressInfo).port
}

/** Bytes that are no text, the same each time, 64 KiB at a time. */
function* noise(size: number): Generator<Buffer> {
  const first = Buffer.alloc(64 * 1024)
  for (let at = 0; at < first.length; at += 4) first.writeInt32LE(Math.imul(at, 0x9e3779b1) | 0, at)
  for (let at = 0; at < size; at += first.length) {
    const piece = Buffer.from(first.subarray(0, Math.min(first.length, size - at)))
    piece.writeInt32LE(at)
    yield piece
  }
}

async function digestOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256")
  for await (const piece of body) hash.update(piece)
  return hash.digest("hex")
}

/** A server that hands requests and replies on, through the gate and scrubbed, and nothing else. */
async function between(upstream: number): Promise<number> {
  const live = liveValues()
  const gate = new Gate({
    live,
    modes: { models: "redact", others: "refuse" },
    isModel: () => false,
  })
  return listen(
    createServer((incoming, response) => {
      const hand = async (): Promise<void> => {
        const { method = "", url: target = "", rawHeaders } = incoming
        const passage = gate.towards("api.example.com", new Set())
        const passed = await passage.body(passage.head({ method, target, rawHeaders }), incoming)
        const outgoing = request({ port: upstream, method, path: target })
        const sent = pipeline(passed.body, outgoing)
        const answered = new Promise<IncomingMessage>((resolve) =>
          outgoing.once("response", resolve),
        )
        const reply = await Promise.race([answered, sent.then(async () => answered)])
        const { statusCode: status = 0, statusMessage: statusText = "" } = reply
        const head = { status, statusText, rawHeaders: reply.rawHeaders }
        const scrubbed = await scrubReply(method, head, reply, live)
        response.writeHead(status, scrubbed.head.statusText, [...scrubbed.head.rawHeaders])
        const body = scrubbed.stream()
        body.once("end", () => {
          const [name = "", value = ""] = scrubbed.trailers(reply.rawTrailers)
          if (name !== "") response.addTrailers([[name, value]])
        })
        await pipeline(body, response)
      }
      void hand().catch((error: unknown) => response.destroy(error as Error))
    }),
  )
}

async function send(port: number, body?: Iterable<Buffer>): Promise<IncomingMessage> {
  const headers = body === undefined ? {} : { "Content-Length": SIZE }
  const outgoing = request({ port, method: body === undefined ? "GET" : "POST", headers })
  const reply = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once("response", resolve)
    outgoing.once("error", reject)
  })
  const [answer] = await Promise.all([reply, pipeline(Readable.from(body ?? []), outgoing)])
  return answer
}

/** The most memory that a work took, in bytes beyond what there was. */
async function growthOf(work: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage.rss()
  let most = 0
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss() - before)), 20)
  await work().finally(() => {
    clearInterval(watch)
  })
  return most
}

test("an upload goes up as it is, and in flat memory", async () => {
  const upstream = await listen(
    createServer((incoming, response) => {
      void digestOf(incoming).then((digest) => response.end(digest))
    }),
  )
  const port = await between(upstream)
  const growth = await growthOf(async () => {
    const reply = await send(port, noise(SIZE))
    expect((await all(reply)).toString()).toBe(await digestOf(Readable.from(noise(SIZE))))
  })
  expect(growth).toBeLessThan(SIZE / 2)
})

test("a download comes down as it is, and in flat memory", async () => {
  const upstream = await listen(
    createServer((_, response) => void pipeline(Readable.from(noise(SIZE)), response)),
  )
  const port = await between(upstream)
  const growth = await growthOf(async () => {
    const digest = await digestOf(await send(port))
    expect(digest).toBe(await digestOf(Readable.from(noise(SIZE))))
  })
  expect(growth).toBeLessThan(SIZE / 2)
})

test("a trailer comes after a body that was scrubbed, scrubbed itself", async () => {
  const upstream = await listen(
    createServer((_, response) => {
      response.writeHead(200, { Trailer: "X-Sum" })
      response.write(VALUE)
      response.addTrailers({ "X-Sum": VALUE })
      response.end()
    }),
  )
  const reply = await send(await between(upstream))
  expect((await all(reply)).toString()).toBe(MARKER)
  expect(reply.rawTrailers).toEqual(["X-Sum", MARKER])
})

test("a value in an upload breaks it off, and no end of it reaches the host", async () => {
  let received: Promise<Buffer | Error> | undefined
  const upstream = await listen(
    createServer((incoming) => {
      received = all(incoming).catch((error: unknown) => error as Error)
    }),
  )
  const port = await between(upstream)
  await expect(send(port, withValue())).rejects.toThrow()
  expect(await received).toBeInstanceOf(Error)
})

function* withValue(): Generator<Buffer> {
  yield* noise(MIB)
  yield Buffer.from(VALUE)
  yield* noise(SIZE - MIB - VALUE.length)
}
