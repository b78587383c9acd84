// The service that benchmarks of the broker speak with, in a process of its own: 1 KB for a GET, as
// many bytes as /v1/bytes/N says, all of a body for a POST, and events that hold when they left.
import { hrtime } from "node:process"
import { localAuthority, serveTls } from "../scripts/local-authority.mjs"

const EVENTS = 50
const CHUNK = Buffer.alloc(64 * 1024, "the quick brown fox jumps over the lazy dog\n")
const small = Buffer.alloc(1024, "a reply of the service\n")

const authority = await localAuthority(["localhost"])
const { port } = await serveTls(authority, (request, response) => {
  const { url = "" } = request
  if (request.method === "POST") {
    request.on("end", () => response.end("ok")).resume()
  } else if (url.startsWith("/v1/bytes/")) {
    sendBytes(response, Number(url.slice("/v1/bytes/".length)))
  } else if (url === "/v1/events") {
    sendEvents(response)
  } else {
    response.setHeader("content-length", small.length).end(small)
  }
})
process.send?.({ port, pem: authority.pem })
process.on("disconnect", () => process.exit())

/**
 * @param {import("node:http").ServerResponse} response
 * @param {number} left
 */
function sendBytes(response, left) {
  for (let rest = left; rest > 0; rest -= CHUNK.length) {
    if (!response.write(CHUNK)) {
      response.once("drain", () => sendBytes(response, rest - CHUNK.length))
      return
    }
  }
  response.end()
}

/** @param {import("node:http").ServerResponse} response */
function sendEvents(response) {
  response.setHeader("content-type", "text/event-stream")
  let sent = 0
  const timer = setInterval(() => {
    response.write(`data: ${hrtime.bigint()}\n\n`)
    sent += 1
    if (sent < EVENTS) return
    clearInterval(timer)
    response.end()
  }, 10)
}
