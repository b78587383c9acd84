import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { type IncomingMessage, type Server, createServer } from "node:http"
import { type AddressInfo, type Socket, connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { Service } from "../proxy/broker-world.js"

// The preload by itself, in a real Node before a real proxy that says whom it was asked for. Who is led
// looks up no name; who is not meets an address of this machine where nothing listens.

const preload = fileURLToPath(new URL("../../../dist/cli/node-preload.cjs", import.meta.url))
const NOBODY = "https://127.0.0.9:1/"
const TOKEN = "token-of-a-test"

let folder: string
let service: Service
let proxy: Server
/** What the proxy was asked for, each with the token that it was shown. */
let asked: string[] = []
const sockets = new Set<Socket>()

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "agent-vault-preload-"))
  service = await Service.start("led.example")
  service.handler = (_request, response) => response.end("from the service")
  writeFileSync(join(folder, "root.pem"), service.root)
  proxy = createServer((request, response) => {
    note(request, `${request.method} ${request.url}`)
    response.end("from the proxy")
  })
  proxy.on("connection", (socket: Socket) => sockets.add(socket))
  proxy.on("connect", (request: IncomingMessage, socket: Socket) => {
    note(request, `CONNECT ${request.url}`)
    if (request.url?.startsWith("refused.example") === true) {
      const body = JSON.stringify({ error: { message: "no use names it", hint: "ask an owner" } })
      socket.end(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
      return
    }
    const on = connect(service.port, "127.0.0.1")
    sockets.add(on)
    for (const each of [on, socket]) each.on("error", () => each.destroy())
    socket.write("HTTP/1.1 200 OK\r\n\r\n")
    socket.pipe(on).pipe(socket)
  })
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve))
})

afterEach(() => {
  asked = []
})

afterAll(() => {
  for (const socket of sockets) socket.destroy()
  proxy.close()
  service.close()
  rmSync(folder, { recursive: true })
})

function note({ headers }: IncomingMessage, what: string): void {
  const shown = headers["proxy-authorization"]?.replace("Basic ", "") ?? ""
  asked.push(`${what} ${Buffer.from(shown, "base64").toString()}`)
}

/** Runs a script in a Node with the preload; what it printed. */
async function run(script: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { port } = proxy.address() as AddressInfo
  const child = spawn(process.execPath, ["-e", script], {
    cwd: folder,
    env: {
      PATH: process.env["PATH"],
      NODE_OPTIONS: `--require ${JSON.stringify(preload)}`,
      NODE_EXTRA_CA_CERTS: join(folder, "root.pem"),
      HTTPS_PROXY: `http://x:${TOKEN}@127.0.0.1:${port}`,
      HTTP_PROXY: `http://x:${TOKEN}@127.0.0.1:${port}`,
      NO_PROXY: "localhost,127.0.0.1,::1",
      NODE_USE_ENV_PROXY: "1",
      NODE_NO_WARNINGS: "1",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  })
  let said = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => (said += chunk.toString()))
  }
  await new Promise((resolve) => child.once("close", resolve))
  return said.trim()
}

const GET = `const get = (from, options) => new Promise((resolve, reject) => {
  require(from).get(options, (reply) => {
    let said = ""
    reply.on("data", (chunk) => (said += chunk)).on("end", () => resolve(said))
  }).on("error", reject)
})
const show = (promise) => promise.then(console.log, (error) => console.log(error.code, error.message, error.cause?.message ?? ""))
`
const FETCH = `show(fetch("https://led.example/a").then((reply) => reply.text()))`
const LED = `CONNECT led.example:443 x:${TOKEN}`

describe("is led through the proxy, and shows its token", () => {
  test.each([
    ["node:https", `show(get("node:https", "https://led.example/a"))`],
    ["fetch", FETCH],
    [
      "an own agent that the program passes",
      `const https = require("node:https")
      const agent = new https.Agent({ keepAlive: true, maxSockets: 1 })
      show(get("node:https", { host: "led.example", path: "/a", agent }).finally(() => agent.destroy()))`,
    ],
    [
      "an agent of a class of its own",
      `const https = require("node:https")
      class Own extends https.Agent {}
      show(get("node:https", { hostname: "led.example", path: "/a", agent: new Own() }))`,
    ],
    [
      "a worker thread",
      `const { Worker } = require("node:worker_threads")
      new Worker(${JSON.stringify(`${GET}${FETCH}`)}, { eval: true })`,
    ],
    [
      "a child process",
      `const { execFileSync } = require("node:child_process")
      process.stdout.write(execFileSync(process.execPath, ["-e", ${JSON.stringify(`${GET}${FETCH}`)}]))`,
    ],
    [
      "a child that gets options of its own beside ours",
      `const { execFileSync } = require("node:child_process")
      const env = { ...process.env, NODE_OPTIONS: process.env.NODE_OPTIONS + " --max-old-space-size=200" }
      process.stdout.write(execFileSync(process.execPath, ["-e", ${JSON.stringify(`${GET}show(get("node:https", "https://led.example/a"))`)}], { env }))`,
    ],
  ])("%s", async (_name, script) => {
    expect(await run(`${GET}${script}`)).toBe("from the service")
    expect(asked).toEqual([LED])
  })

  test("plain HTTP, with the whole address", async () => {
    const script = `show(get("node:http", "http://plain.example/a?b=c"))`
    expect(await run(`${GET}${script}`)).toBe("from the proxy")
    expect(asked).toEqual([`GET http://plain.example/a?b=c x:${TOKEN}`])
  })
})

describe("is not led", () => {
  test("what NO_PROXY names: this machine", async () => {
    const { port } = service
    const script = `show(get("node:https", { host: "127.0.0.1", port: ${port}, servername: "led.example" }))`
    expect(await run(`${GET}${script}`)).toBe("from the service")
    expect(asked).toEqual([])
  })

  test("a child whose NODE_OPTIONS the program replaces", async () => {
    const script = `const { execFileSync } = require("node:child_process")
      const env = { ...process.env, NODE_OPTIONS: "--max-old-space-size=200", NODE_USE_ENV_PROXY: "" }
      process.stdout.write(execFileSync(process.execPath, ["-e", ${JSON.stringify(`${GET}show(get("node:https", "${NOBODY}"))`)}], { env }))`
    expect(await run(`${GET}${script}`)).toMatch(/^ECONNREFUSED /)
    expect(asked).toEqual([])
  })

  test("http2, which connects by itself", async () => {
    const script = `require("node:http2").connect("${NOBODY}").on("error", ({ code }) => console.log(code))`
    expect(await run(script)).toBe("ECONNREFUSED")
    expect(asked).toEqual([])
  })

  test("a Node without a proxy, or with one that is not an address", async () => {
    const { port } = service
    const script = `show(get("node:https", { host: "127.0.0.1", port: ${port}, servername: "led.example" }))`
    for (const HTTPS_PROXY of ["", "not an address"]) {
      const env = { HTTPS_PROXY, HTTP_PROXY: "", NODE_USE_ENV_PROXY: "" }
      expect(await run(`${GET}${script}`, env)).toBe("from the service")
    }
    expect(asked).toEqual([])
  })
})

test("a refusal reaches the program in the broker's words", async () => {
  const said = await run(`${GET}show(get("node:https", "https://refused.example/a"))`)
  expect(said).toContain(
    "ERR_PROXY_TUNNEL CONNECT refused.example:443: 403 no use names it: ask an owner",
  )
})

test("it needs nothing but Node's own modules", () => {
  const needed = [...readFileSync(preload, "utf8").matchAll(/require\("([^"]+)"\)/g)].map(
    ([, name]) => name,
  )
  expect(needed.length).toBeGreaterThan(0)
  expect(needed.filter((name) => name?.startsWith("node:") !== true)).toEqual([])
})
