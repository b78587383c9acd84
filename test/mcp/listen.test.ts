import { readFileSync, readdirSync, statSync } from "node:fs"
import { type Server, createServer } from "node:net"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { LIMITS } from "../../src/core/index.js"
import { HttpSession } from "../../src/mcp/http-session.js"
import { listen } from "../../src/mcp/listen.js"
import type { Service } from "../broker/proxy/broker-world.js"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { answerPage } from "../questions/answer-page.js"
import { type Got, HELLO, HttpClient, Listening, got } from "./listening.js"
import { done, serviceFor } from "./service.js"

const YES = { action: "accept", content: { show: "session" } } as const
const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
const CANARY = "QxNeverSaidAgainQx"

let template: Machine
beforeAll(async () => {
  template = await vaultMachine()
})
afterAll(() => template.remove())

/** The session that an answer begins. */
const id = ({ headers }: Got) => headers["mcp-session-id"]

/** The notes of servers that listen, of one vault. */
function notesOn(machine: Machine): string[] {
  const folder = join(machine.home, ".local/state/agent-vault/mcp")
  const [vault = ""] = readdirSync(folder)
  return readdirSync(join(folder, vault)).map((name) => join(folder, vault, name))
}

describe("one server, and what is sent to it", () => {
  let listening: Listening
  beforeAll(async () => {
    listening = await Listening.open(template)
  })
  afterAll(() => listening.signal("SIGTERM"))

  test("listens on loopback, and says nowhere what its token is but in `mcp env`", () => {
    expect(listening.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/mcp$/)
    expect(listening.token).toMatch(/^[\w-]{43}$/)
    expect(listening.stderr).not.toContain(listening.token)
    const [note = "", ...others] = notesOn(template)
    expect(others).toEqual([])
    expect(statSync(note).mode & 0o777).toBe(0o600)
    expect(readFileSync(note, "utf8")).toContain(listening.token)
  })

  test.each<[string, Record<string, string>, number]>([
    ["without a token", { authorization: "" }, 401],
    ["with another token", { authorization: `Bearer ${"A".repeat(43)}` }, 401],
    ["with its beginning", { authorization: "SHORTER" }, 401],
    ["with the token as another scheme", { authorization: "BASIC" }, 401],
    ["under another name", { host: "evil.example.com" }, 403],
    ["under a name that ends like one of ours", { host: "localhost.evil.example.com" }, 403],
    ["under a name without a dot", { host: "evil" }, 403],
    ["from a page of a web site", { origin: "https://evil.example.com" }, 403],
    ["from a page of a site with an address in its name", { origin: "http://127.0.0.1.a.de" }, 403],
    ["from a page without an origin", { origin: "null" }, 403],
  ])("a request %s is refused", async (_what, headers, status) => {
    const { authorization } = headers
    const sent = {
      ...headers,
      ...(authorization === "SHORTER"
        ? { authorization: `Bearer ${listening.token.slice(0, -1)}` }
        : {}),
      ...(authorization === "BASIC" ? { authorization: `Basic ${listening.token}` } : {}),
    }
    const refused = await listening.ask("POST", sent, HELLO)
    expect(refused.status).toBe(status)
    expect(refused.headers["mcp-session-id"]).toBeUndefined()
    expect(JSON.parse(refused.text)).toMatchObject({ jsonrpc: "2.0", error: { code: -32000 } })
    expect(refused.headers["www-authenticate"]).toBe(status === 401 ? "Bearer" : undefined)
  })

  test.each<[string, Record<string, string>]>([
    ["localhost", { host: "localhost:1" }],
    ["the name of this machine in a container", { host: "host.docker.internal:8765" }],
    ["an address", { host: "172.17.0.1:8765" }],
    ["an address of IPv6", { host: "[::1]:8765" }],
    ["a page of this machine", { origin: "http://localhost:6274" }],
  ])("%s is let in", async (_what, headers) => {
    const { status, headers: answered } = await listening.ask("POST", headers, HELLO)
    expect(status).toBe(200)
    expect(answered["mcp-session-id"]).toMatch(/^[\w-]{43}$/)
    expect(answered["cache-control"]).toMatch(/^no-/)
  })

  test.each<[string, string, number]>([
    ["not JSON", `{"${CANARY}`, 400],
    ["nothing", "", 400],
    ["not UTF-8", "\u{FFFD}", 400],
    ["a batch", `[${HELLO},${HELLO}]`, 400],
    ["no message", `{"${CANARY}":1}`, 400],
    ["another method than hello", `{"jsonrpc":"2.0","id":1,"method":"${CANARY}"}`, 400],
  ])("a body that is %s gets an error that does not quote it", async (_what, body, status) => {
    const refused = await listening.ask("POST", {}, body)
    expect([refused.status, refused.text]).toEqual([status, expect.not.stringContaining(CANARY)])
    expect(JSON.parse(refused.text)).toMatchObject({ id: null, error: { message: /./ } })
  })

  test("a body that is too large is not read, whether it says so or not", async () => {
    const most = LIMITS.mcpMessage
    const said = await listening.ask("POST", { "content-length": String(most + 1) })
    expect(said.status).toBe(413)
    const headers = { authorization: `Bearer ${listening.token}`, "transfer-encoding": "chunked" }
    const unsaid = await got(listening.url, "POST", headers, " ".repeat(most + 1))
    expect(unsaid.status).toBe(413)
  })

  test("wrong params are answered with the id, and the session goes on", async () => {
    const { headers } = await listening.ask("POST", {}, HELLO)
    const session = { "mcp-session-id": String(headers["mcp-session-id"]) }
    const wrong = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: [CANARY] } }
    const refused = await listening.ask("POST", session, JSON.stringify(wrong))
    expect(JSON.parse(refused.text)).toEqual({
      jsonrpc: "2.0",
      id: 7,
      error: { code: -32602, message: "the params do not fit the method" },
    })
    const ping = await listening.ask("POST", session, '{"jsonrpc":"2.0","id":8,"method":"ping"}')
    expect(ping.text).toContain('data: {"result":{},"jsonrpc":"2.0","id":8}')
  })

  test("other paths, methods and sessions are not there", async () => {
    const elsewhere = listening.url.replace("/mcp", "/")
    const header = { authorization: `Bearer ${listening.token}` }
    expect(await got(elsewhere, "POST", header, HELLO)).toMatchObject({ status: 404 })
    const put = await listening.ask("PUT")
    expect([put.status, put.headers["allow"]]).toEqual([405, "POST, GET, DELETE"])
    for (const method of ["POST", "GET", "DELETE"]) {
      const { status } = await listening.ask(method, { "mcp-session-id": "not-one" }, HELLO)
      expect([method, status]).toEqual([method, 404])
    }
    expect(await listening.ask("GET")).toMatchObject({ status: 400 })
  })

  test("the official client lists tools, calls them, and ends its session", async () => {
    await using http = await HttpClient.open(listening)
    const { tools } = await http.client.listTools()
    expect(tools.map(({ name }) => name)).toContain("get_secret")
    expect(await http.call("list_secrets")).toMatchObject({
      isError: false,
      document: { secrets: [{ name: "db/password" }, { name: "stripe/api-key" }, {}] },
    })
    expect(await http.call("get_secret", { name: "db/password" })).toMatchObject({
      isError: true,
      document: { error: { code: "NOT_GRANTED" } },
    })
    const session = { "mcp-session-id": String(http.transport.sessionId) }
    await http.transport.terminateSession()
    expect((await listening.ask("POST", session, HELLO)).status).toBe(404)
  })

  test("a person at one client says nothing for another one", async () => {
    await using one = await HttpClient.open(listening, () => YES)
    await using other = await HttpClient.open(listening, () => ({ action: "decline" }))
    const ask = { name: "stripe/api-key" }
    expect(await one.call("get_secret", ask)).toMatchObject({ document: { value: "v" } })
    expect(await one.call("get_secret", ask)).toMatchObject({ document: { value: "v" } })
    expect(one.questions).toHaveLength(1)
    expect(await other.call("get_secret", ask)).toMatchObject({
      isError: true,
      document: { error: { code: "REVEAL_REFUSED", reason: "decline" } },
    })
    expect(other.questions).toHaveLength(1)
  })
})

describe("a server's beginning and end", () => {
  let machine: Machine
  beforeEach(() => {
    machine = template.copy()
  })
  afterEach(() => machine.remove())

  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s ends it, its streams and its token",
    async (signal) => {
      const listening = await Listening.open(machine)
      await using http = await HttpClient.open(listening)
      const session = { "mcp-session-id": String(http.transport.sessionId) }
      // The client holds the one stream of its session; a second one is refused, and tells us.
      await expect.poll(async () => (await listening.ask("GET", session)).status).toBe(409)
      expect(await listening.signal(signal)).toBe(0)
      expect(listening.stderr).toContain("has ended, and its token with it")
      expect(notesOn(machine)).toEqual([])
      const { code, stderr } = await machine.call(["mcp", "env"])
      expect([code, stderr]).toEqual([3, expect.stringContaining("MCP_NOT_LISTENING")])
    },
  )

  test("one that was killed does not count, and each start has its own token", async () => {
    const first = await Listening.open(machine)
    await first.signal("SIGKILL")
    expect((await machine.call(["mcp", "env"])).code).toBe(3)
    await using second = await Listening.open(machine)
    expect(second.token).not.toBe(first.token)
    expect(notesOn(machine)).toHaveLength(1)
    expect(
      (await second.ask("POST", { authorization: `Bearer ${first.token}` }, HELLO)).status,
    ).toBe(401)
  })

  test("`mcp env` prints lines for a shell, with another address, and asks which of several", async () => {
    await using listening = await Listening.open(machine, "--blind")
    const where = ["mcp", "env", "--agent", "ci", "--address", "host.docker.internal:8765"]
    expect(await done(machine, where)).toBe(
      [
        "export AGENT_VAULT_MCP_URL=http://host.docker.internal:8765/mcp",
        `export AGENT_VAULT_MCP_TOKEN=${listening.token}\n`,
      ].join("\n"),
    )
    const none = await machine.call(["mcp", "env", "--agent", "deploy"])
    expect([none.code, none.stderr]).toEqual([3, expect.stringContaining("of deploy listens here")])
    // The second server starts, and `mcp env` alone does not know which is meant.
    await expect(Listening.open(machine)).rejects.toThrow("several MCP servers listen")
  })

  test("blind, it has no tool that shows a value", async () => {
    await using listening = await Listening.open(machine, "--blind")
    await using http = await HttpClient.open(listening)
    const { tools } = await http.client.listTools()
    expect(tools.map(({ name }) => name)).not.toContain("get_secret")
  })

  const key = ["not", "a", "real", "key", "Zk41vQ8mB2"].join("-")

  /** A service to which the key goes by a rule that asks about each request. */
  async function asked(): Promise<Service> {
    const service = await serviceFor(machine)
    await done(machine, ["set", "stripe/api-key"], key)
    const rule = ["--method", "GET", "--path", "/v1/**", "--at", "header:authorization", "--ask"]
    const named = ["use", "stripe/api-key", "--host", service.authority, ...rule]
    await done(machine, [...named, "each", "--scheme", "bearer", "--yes"])
    return service
  }

  test("who comes again after a no for the session asks nobody, nor at once with another", async () => {
    const service = await asked()
    try {
      await using listening = await Listening.open(machine, "--blind")
      const url = `https://${service.authority}/v1/balance`
      await using one = await HttpClient.open(listening)
      await using other = await HttpClient.open(listening)
      const calls = [one, other].map((client) => client.call("http_request", { url }))
      const page = (): string =>
        /http:\/\/127\.0\.0\.1:\d+\/[\w-]{43}\n/.exec(listening.stderr)?.[0].trim() ?? ""
      await expect.poll(page).not.toBe("")
      await answerPage(page(), "no-more")
      await using again = await HttpClient.open(listening)
      const answers = await Promise.all([...calls, again.call("http_request", { url })])
      const codes = answers.map(({ document }) => (document["error"] as { code: string }).code)
      expect(codes).toEqual(["ASK_REFUSED", "ASK_REFUSED", "ASK_REFUSED"])
      expect(listening.stderr.split("Answer within ")).toHaveLength(2)
      expect(service.got).toEqual([])
    } finally {
      service.close()
    }
  })

  test("a client that goes takes its question with it, and the next one is asked", async () => {
    const service = await asked()
    try {
      await using listening = await Listening.open(machine, "--blind")
      const url = `https://${service.authority}/v1/balance`
      const pages = (): string[] =>
        listening.stderr.match(/http:\/\/127\.0\.0\.1:\d+\/[\w-]{43}(?=\n)/g) ?? []
      {
        await using gone = await HttpClient.open(listening)
        gone.call("http_request", { url }).catch(() => {})
        await expect.poll(() => pages().length).toBe(1)
      }
      await using next = await HttpClient.open(listening)
      const told = next.call("http_request", { url })
      await expect.poll(() => pages().length).toBe(2)
      await answerPage(pages()[1] ?? "", "once")
      expect((await told).document["status"]).toBe(200)
      expect(service.got).toHaveLength(1)
    } finally {
      service.close()
    }
  })

  test("a client that goes amid an answer of its own takes no call of that number with it", () => {
    const session = new HttpSession({ newId: () => "one", begun: () => {}, ended: () => {} })
    const cancelled: unknown[] = []
    Object.assign(session.transport, { onmessage: (message: unknown) => cancelled.push(message) })
    session.takeBack({ jsonrpc: "2.0", id: 1 })
    expect(cancelled).toEqual([])
    session.takeBack({ jsonrpc: "2.0", id: 1, method: "tools/call" })
    expect(cancelled).toHaveLength(1)
  })

  test("a rule that asks is answered in the client, over HTTP too", async () => {
    const service = await asked()
    try {
      service.handler = (request, response) => response.end(request.headers.authorization)
      await using listening = await Listening.open(machine, "--blind")
      await using http = await HttpClient.open(listening, () => ({
        action: "accept",
        content: { answer: "once" },
      }))
      const url = `https://${service.authority}/v1/balance`
      const answers = await Promise.all([1, 2].map(() => http.call("http_request", { url })))
      expect(answers.map(({ document }) => document["status"])).toEqual([200, 200])
      expect(http.questions.length).toBeGreaterThan(0)
      expect(service.got[0]?.request.headers.authorization).toBe(`Bearer ${key}`)
      expect(JSON.stringify(answers)).not.toContain(key)
    } finally {
      service.close()
    }
  })

  test.each([
    ["a name", ["--listen", "example.com:80"]],
    ["a port that is none", ["--listen", "70000"]],
    ["no address", ["--listen", "999.0.0.1:80"]],
  ])("%s is not where it listens", async (_what, args) => {
    const { code, stderr } = await machine.call(["mcp", "--agent", "ci", ...args])
    expect([code, stderr]).toEqual([2, expect.stringContaining("USAGE: --listen takes a port")])
  })

  test("a port that is taken is said, and nothing is left", async () => {
    const taken: Server = createServer()
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve))
    try {
      const { port } = taken.address() as { port: number }
      const { code, stderr } = await machine.call([
        "mcp",
        "--agent",
        "ci",
        "--listen",
        String(port),
      ])
      expect([code, stderr]).toEqual([6, expect.stringContaining("PORT_TAKEN")])
    } finally {
      taken.close()
    }
  })

  test("the owner's key is not used: an agent is named", async () => {
    const { code, stderr } = await machine.call(["mcp", "--listen", "0", "--owner"])
    expect(code).toBe(2)
    expect(stderr).toContain("USAGE")
    expect((await machine.call(["mcp", "--listen", "0"])).stderr).toContain("agent-vault: ")
  })
})

/** A server in this process, whose sessions say when they end. */
async function open(limits: Parameters<typeof listen>[1]) {
  const ended: number[] = []
  const wakers: (() => void)[] = []
  let made = 0
  const token = "a-token-of-a-test"
  const servingOne: Parameters<typeof listen>[0]["session"] = () => {
    const number = ++made
    return {
      vault: () => Promise.reject(new Error("nobody reads here")),
      reveal: "never",
      blind: true,
      sender: () => () => Promise.reject(new Error("nobody sends here")),
      noteRefused: () => Promise.resolve(),
      wishes: {
        access: () => Promise.reject(new Error("nobody asks here")),
        secret: () => Promise.reject(new Error("nobody asks here")),
      },
      auditLines: () => Promise.resolve([]),
      runLine: () => ({ line: "", needs: [] }),
      version: "0",
      stderr: process.stderr,
      close: () => {
        ended.push(number)
        for (const wake of wakers.splice(0)) wake()
        return Promise.resolve()
      },
    }
  }
  const server = await listen({ address: "127.0.0.1", port: 0, token, session: servingOne }, limits)
  const headers = {
    authorization: `Bearer ${token}`,
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
  }
  const hello = () => got(server.url, "POST", headers, HELLO)
  const ping = (session: unknown) =>
    got(server.url, "POST", { ...headers, "mcp-session-id": String(session) }, PING)
  const end = () => new Promise<void>((resolve) => wakers.push(resolve))
  return { ...server, ended, hello, ping, end, headers }
}

describe("the sessions of a server", () => {
  test("one that nobody uses ends", async () => {
    const server = await open({ idle: 1 })
    const isEnded = server.end()
    const hello = await server.hello()
    await isEnded
    expect(server.ended).toEqual([1])
    expect((await server.ping(id(hello))).status).toBe(404)
    await server.close()
  })

  test("where there is no place, the longest idle one gives way, and none that is at work", async () => {
    const server = await open({ sessions: 2 })
    const [first, second] = [await server.hello(), await server.hello()]
    expect((await server.ping(id(first))).status).toBe(200)
    const third = await server.hello()
    expect(server.ended).toEqual([2])
    expect((await server.ping(id(second))).status).toBe(404)
    // Open streams are work.
    const streams = [first, third].map((each) =>
      fetch(server.url, { headers: { ...server.headers, "mcp-session-id": String(id(each)) } }),
    )
    expect((await Promise.all(streams)).map(({ status }) => status)).toEqual([200, 200])
    expect((await server.hello()).status).toBe(503)
    await server.close()
    expect(server.ended.toSorted((a, b) => a - b)).toEqual([1, 2, 3])
  })

  test("one that asks too much at the same time is told to wait", async () => {
    const server = await open({ atOnce: 1 })
    const hello = await server.hello()
    const stream = await fetch(server.url, {
      headers: { ...server.headers, "mcp-session-id": String(id(hello)) },
    })
    expect(stream.status).toBe(200)
    expect((await server.ping(id(hello))).status).toBe(429)
    await stream.body?.cancel()
    await expect.poll(async () => (await server.ping(id(hello))).status).toBe(200)
    await server.close()
  })

  test("a hello that is refused leaves none", async () => {
    const server = await open({})
    const refused = await got(server.url, "POST", { ...server.headers, accept: "text/html" }, HELLO)
    expect(refused.status).toBe(406)
    expect(server.ended).toEqual([1])
    await server.close()
  })
})
