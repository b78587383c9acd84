import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { type AddressInfo, type Server, type Socket, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { TLSSocket, rootCertificates } from "node:tls"
import { afterAll, afterEach, describe, expect, test, vi } from "vitest"
import { warningsOf } from "../../warned.js"
import { Authority } from "../../../src/broker/authority/authority.js"
import { dial, dialTls } from "../../../src/core/target/dial.js"
import { readRoots, upstreamContext } from "../../../src/core/target/roots.js"
import { parseAuthority } from "../../../src/core/target/target.js"
import type { Vetted } from "../../../src/core/target/vet.js"

const DAY = 86_400_000
const authority = Authority.make(["api.example.test", "127.0.0.1"])
const context = upstreamContext(authority.pem)

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A server on loopback; gives its port. */
async function serve(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => onConnection(socket.on("error", () => {})))
  servers.push(server)
  await once(server.listen(0, "127.0.0.1"), "listening")
  return (server.address() as AddressInfo).port
}

/** A server that proves to be a host, and tells each client the name that it asked for. */
async function serveAs(host: string, by = authority): Promise<number> {
  return serve((socket) => {
    const secureContext = by.contextFor(host)
    const options = { isServer: true, secureContext, ALPNProtocols: ["h2", "http/1.1"] }
    const secured = new TLSSocket(socket, options).on("error", () => {})
    secured.once("data", () => {
      // What a client did not send is false on this side.
      const { servername } = secured as { servername?: string | false }
      secured.end(`asked for ${servername || "nothing"}, speaks ${secured.alpnProtocol}`)
    })
  })
}

function vetted(host: string, port: number, ...addresses: string[]): Vetted {
  return { target: parseAuthority(`${host}:${port}`), addresses }
}

async function answerOf(socket: Socket): Promise<string> {
  socket.write("?")
  let answer = ""
  for await (const chunk of socket) answer += String(chunk)
  return answer
}

describe("TLS to a vetted address", () => {
  test("is verified by the target's name, which is what the other side is asked for", async () => {
    const port = await serveAs("api.example.test")
    const socket = await dialTls(vetted("api.example.test", port, "127.0.0.1"), context)
    expect(socket.authorized).toBe(true)
    expect(await answerOf(socket)).toBe("asked for api.example.test, speaks http/1.1")
  })

  test("is verified by the target's address, if it is one, which is not sent as a name", async () => {
    const port = await serveAs("127.0.0.1")
    const socket = await dialTls(vetted("127.0.0.1", port, "127.0.0.1"), context)
    expect(await answerOf(socket)).toBe("asked for nothing, speaks http/1.1")
  })

  test("is verified even where the user's Node verifies nothing", async () => {
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0")
    const port = await serveAs("evil.test")
    const warnings = await warningsOf(() =>
      expect(dialTls(vetted("api.example.test", port, "127.0.0.1"), context)).rejects.toMatchObject(
        { code: "UPSTREAM_UNTRUSTED" },
      ),
    )
    expect(warnings).toEqual([expect.stringContaining("NODE_TLS_REJECT_UNAUTHORIZED")])
  })

  const ofAnotherRun = Authority.make(["api.example.test"])
  const past = Authority.make(["api.example.test"], () => Date.now() - 500 * DAY)
  const toCome = Authority.make(["api.example.test"], () => Date.now() + 2 * DAY)
  test.each([
    ["another name", "api.example.test", "127.0.0.1", authority, authority],
    ["an address instead of a name", "127.0.0.1", "api.example.test", authority, authority],
    ["a name beyond the authority's constraint", "evil.test", "evil.test", authority, authority],
    ["another authority", "api.example.test", "api.example.test", ofAnotherRun, authority],
    ["a past time", "api.example.test", "api.example.test", past, past],
    ["a time to come", "api.example.test", "api.example.test", toCome, toCome],
  ])("with a certificate for %s is untrusted", async (_, proves, host, signs, trusted) => {
    const port = await serveAs(proves, signs)
    const roots = upstreamContext(trusted.pem)
    await expect(dialTls(vetted(host, port, "127.0.0.1"), roots)).rejects.toMatchObject({
      code: "UPSTREAM_UNTRUSTED",
      message: expect.stringContaining(`${host}:${port} is not trusted`) as string,
    })
  })
})

describe("what does not answer is unreachable", () => {
  const unreachable = expect.objectContaining({ code: "UPSTREAM_UNREACHABLE" }) as Error

  test("a port where nobody listens", async () => {
    const port = await serve(() => {})
    servers.splice(0)[0]?.close()
    await expect(dial(vetted("127.0.0.1", port, "127.0.0.1"))).rejects.toThrow(unreachable)
    await expect(dialTls(vetted("127.0.0.1", port, "127.0.0.1"), context)).rejects.toThrow(
      unreachable,
    )
  })

  test("a server that closes, or resets, before it proves anything", async () => {
    for (const end of [(s: Socket) => s.end(), (s: Socket) => s.resetAndDestroy()]) {
      const port = await serve(end)
      await expect(dialTls(vetted("api.example.test", port, "127.0.0.1"), context)).rejects.toThrow(
        unreachable,
      )
    }
  })

  test("a server that accepts, and is silent", async () => {
    const port = await serve(() => {})
    await expect(
      dialTls(vetted("api.example.test", port, "127.0.0.1"), context, 100),
    ).rejects.toThrow(unreachable)
  })

  test("but not one that speaks no TLS: it proves nothing", async () => {
    const port = await serve((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n"))
    await expect(dialTls(vetted("api.example.test", port, "127.0.0.1"), context)).rejects.toThrow(
      expect.objectContaining({ code: "UPSTREAM_UNTRUSTED" }),
    )
  })
})

test("addresses are tried one after another", async () => {
  const port = await serveAs("api.example.test")
  const addresses = ["127.0.0.2", "::1", "127.0.0.1"]
  const socket = await dialTls(vetted("api.example.test", port, ...addresses), context)
  expect(socket.remoteAddress).toBe("127.0.0.1")
  socket.destroy()
})

test("a connection that is made stays open, and its errors are its user's", async () => {
  const port = await serve((socket) => socket.once("data", () => socket.resetAndDestroy()))
  const socket = await dial(vetted("127.0.0.1", port, "127.0.0.1"))
  socket.write("?")
  const [error] = (await once(socket, "error")) as [Error]
  expect(error).toMatchObject({ code: "ECONNRESET" })
  expect(socket.listenerCount("timeout")).toBe(0)
})

describe("the user's roots", () => {
  const folder = mkdtempSync(join(tmpdir(), "agent-vault-roots-"))
  const own = join(folder, "own.pem")
  const extra = join(folder, "extra.pem")
  writeFileSync(own, authority.pem)
  writeFileSync(extra, Authority.make([]).pem)
  afterAll(() => rmSync(folder, { recursive: true }))

  test("are the system's or Node's, and those that the user adds", () => {
    const roots = readRoots({})
    expect(roots.split("BEGIN CERTIFICATE").length).toBeGreaterThan(50)
    expect(roots).not.toContain(authority.pem)
    expect(readRoots({ NODE_EXTRA_CA_CERTS: own })).toBe(`${roots}\n${authority.pem}`)
    expect(() => upstreamContext(roots)).not.toThrow()
    expect(rootCertificates.length).toBeGreaterThan(50)
  })

  test("are those of SSL_CERT_FILE instead, if it is set", () => {
    expect(readRoots({ SSL_CERT_FILE: own })).toBe(authority.pem)
    expect(readRoots({ SSL_CERT_FILE: own, NODE_EXTRA_CA_CERTS: extra })).toContain("BEGIN")
  })

  test("make a server of one's own trusted", async () => {
    const port = await serveAs("api.example.test")
    const roots = upstreamContext(readRoots({ NODE_EXTRA_CA_CERTS: own }))
    const socket = await dialTls(vetted("api.example.test", port, "127.0.0.1"), roots)
    expect(socket.authorized).toBe(true)
    socket.destroy()
  })

  test.each(["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"])("are not less if %s is wrong", (name) => {
    expect(() => readRoots({ [name]: join(folder, "none.pem") })).toThrow(
      expect.objectContaining({ code: "NO_ACCESS" }),
    )
  })
})
