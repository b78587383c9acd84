import { once } from "node:events"
import { type AddressInfo, Server, type Socket, connect, createServer } from "node:net"
import { afterEach, expect, test } from "vitest"
import { Listener, type Taking } from "../../../src/broker/proxy/listener.js"
import { ProxyToken } from "../../../src/broker/proxy/proxy-token.js"
import { Routes } from "../../../src/broker/proxy/routes.js"
import { type Use, type VaultError, parseAuthority } from "../../../src/core/index.js"
import { Reader, basic } from "./broker-world.js"

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

async function echo(): Promise<number> {
  const server = createServer((socket) => socket.on("error", () => {}).pipe(socket))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  ends.push(() => server.close())
  return (server.address() as AddressInfo).port
}

const none = (): never => {
  throw new Error("nobody asks for that here")
}

/** A listener whose only way is a tunnel to a port of this machine. */
async function tunnelling(
  port: number,
  at: number | Server = 0,
): Promise<{ port: number; token: ProxyToken }> {
  const token = new ProxyToken()
  const taking: Taking = {
    token,
    route: () => "tunnel",
    contextFor: none,
    open: async () => {
      const socket = connect(port, "127.0.0.1")
      await once(socket, "connect")
      return socket
    },
    exchange: none,
    upgrade: none,
    onRefused: () => {},
  }
  const listener = new Listener(taking)
  ends.push(() => listener.close())
  return { port: await listener.listen(at), token }
}

async function through(
  port: number,
  token: ProxyToken,
): Promise<{ socket: Socket; reader: Reader }> {
  const socket = connect(port, "127.0.0.1")
  ends.push(() => socket.destroy())
  // The first bytes may come with the head.
  socket.write(
    `CONNECT any.test:443 HTTP/1.1\r\nHost: any.test:443\r\nProxy-Authorization: Basic ${basic(token.text)}\r\n\r\n\x16\x03early`,
  )
  const reader = new Reader(socket)
  expect((await reader.reply("CONNECT")).status).toBe(200)
  return { socket, reader }
}

test("a tunnel passes bytes as they are, either way, to the last", async () => {
  const { port, token } = await tunnelling(await echo())
  const { socket, reader } = await through(port, token)
  expect((await reader.take(7)).toString()).toBe("\x16\x03early")
  const bytes = Buffer.alloc(300_000, "\x00\xff")
  socket.end(bytes)
  expect((await reader.rest()).equals(bytes)).toBe(true)
})

test("a listening server that is handed over is listened on", async () => {
  const handed = new Server()
  handed.listen(0, "127.0.0.1")
  await once(handed, "listening")
  const { port, token } = await tunnelling(await echo(), handed)
  expect(port).toBe((handed.address() as AddressInfo).port)
  const { reader } = await through(port, token)
  expect((await reader.take(7)).toString()).toBe("\x16\x03early")
})

test("who has said all in a tunnel hears the answer, at a server that was handed over too", async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.resume().once("end", () => socket.end("all of it came"))
  })
  server.listen(0, "127.0.0.1")
  ends.push(() => server.close())
  const handed = new Server()
  handed.listen(0, "127.0.0.1")
  await Promise.all([once(server, "listening"), once(handed, "listening")])
  const { port, token } = await tunnelling((server.address() as AddressInfo).port, handed)
  const { socket, reader } = await through(port, token)
  socket.end("that is all")
  expect((await reader.rest()).toString()).toBe("all of it came")
})

test("a port that is taken is told", async () => {
  const port = await echo()
  await expect(tunnelling(port, port)).rejects.toMatchObject({ code: "PORT_TAKEN" })
})

test("routes: bound, allowed, tunnelled and refused", async () => {
  const use: Use = {
    hosts: ["api.pay.test", "*.pay.example", "api.pay.test:8443"],
    methods: ["GET"],
    paths: ["/**"],
    at: ["path"],
    scheme: "raw",
    ask: "never",
  }
  const vault = { bound: () => Promise.resolve(new Map([["stripe/api-key", { uses: [use] }]])) }
  const route = async (
    unbound: "deny" | "tunnel",
    host: string,
    port: number,
    isPlain = false,
  ): Promise<string> => {
    const allowed = ["www.test", "db.test:5432"]
    const routes = await Routes.make({ vault, unbound, allowed })
    try {
      return routes.of({ host, port }, isPlain)
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  expect([
    await route("deny", "api.pay.test", 443),
    await route("deny", "api.pay.test", 8443),
    await route("deny", "a.pay.example", 443),
    await route("deny", "www.test", 443),
    await route("deny", "www.test", 80, true),
    await route("deny", "db.test", 5432),
    await route("tunnel", "any.test", 443),
    await route("tunnel", "any.test", 80, true),
  ]).toEqual(["bound", "bound", "bound", "allowed", "allowed", "allowed", "tunnel", "tunnel"])
  for (const refused of [
    await route("deny", "any.test", 443),
    await route("deny", "www.test", 22),
    await route("deny", "db.test", 443),
    await route("tunnel", "any.test", 22),
    await route("tunnel", "api.pay.test", 80),
    await route("tunnel", "api.pay.test", 80, true),
    await route("tunnel", "api.pay.test", 443, true),
    await route("deny", "b.a.pay.example", 443),
    await route("deny", "evil-api.pay.test", 443),
  ]) {
    expect(refused).toBe("TARGET_REFUSED")
  }
})

test.each<[at: string, unbound: "deny" | "tunnel", said: RegExp, not: RegExp]>([
  ["any.test:443", "deny", /--allow any\.test, or let all through: --unbound tunnel$/, /owner/],
  ["any.test:22", "deny", /--allow any\.test:22$/, /tunnel/],
  ["any.test:22", "tunnel", /--allow any\.test:22$/, /tunnel/],
  [
    "localhost:9999",
    "tunnel",
    /is loopback\n.*an owner names this host: .* --host localhost:9999$/,
    /--allow|tunnel/,
  ],
  [
    "a.localhost:443",
    "deny",
    /is loopback\n.*an owner names this host: .* --host a\.localhost$/,
    /--allow|tunnel/,
  ],
  ["10.1.2.3:443", "deny", /is private\n.*an owner names this host/, /--allow|tunnel/],
  ["169.254.169.254:80", "deny", /metadata address\n.*names this address/, /--allow|tunnel/],
  ["[::ffff:127.0.0.1]:443", "deny", /public internet$/, /--allow|tunnel/],
])("what is said of %s, unbound: %s, can help", async (at, unbound, said, not) => {
  const vault = { bound: () => Promise.resolve(new Map()) }
  const routes = await Routes.make({ vault, unbound, allowed: [] })
  let told = ""
  try {
    routes.of(parseAuthority(at), false)
  } catch (error) {
    const { message, hint = "" } = error as VaultError
    told = `${message}\n${hint}`
  }
  expect(told).toMatch(said)
  expect(told).not.toMatch(not)
})
