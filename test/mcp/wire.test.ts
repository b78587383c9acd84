import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { Raw } from "./session.js"

const AS_CI = ["--agent", "ci", "--reveal", "allow"]

let machine: Machine
let raw: Raw | undefined

beforeAll(async () => {
  machine = await vaultMachine()
})
afterEach(() => {
  raw?.child.kill("SIGKILL")
})
afterAll(() => machine.remove())

function start(args: readonly string[] = AS_CI, node: readonly string[] = []): Raw {
  raw = new Raw(machine, args, node)
  return raw
}

/** The same, of a server that tells what it holds, what it has read, and when it stops to read. */
function startProbed(): Raw {
  const probe = join(machine.home, "probe.cjs")
  writeFileSync(
    probe,
    `const { stdin, stdout, stderr } = process
    stdin.on("pause", () => {
      stderr.write("paused at " + stdin.bytesRead + " with " + stdout.writableLength + " unsent;")
    })
    process.on("SIGUSR2", () => {
      for (let i = 0; i < 4; i += 1) gc()
      const { heapUsed, external } = process.memoryUsage()
      stderr.write("holds " + (heapUsed + external) + ", read " + stdin.bytesRead + ";")
    })`,
  )
  return start(AS_CI, ["--expose-gc", "--require", probe])
}

/** What a probed server holds, in MiB, and how many bytes it has read. */
async function lookInto(server: Raw): Promise<{ held: number; read: number }> {
  server.stderr = ""
  server.child.kill("SIGUSR2")
  const [, held, read] = await server.told(/holds (\d+), read (\d+);/)
  return { held: Number(held) / 2 ** 20, read: Number(read) }
}

/** The server still serves. */
async function isUp(server: Raw): Promise<void> {
  await server.callTool("up", "describe_access")
  expect((await server.answer("up")).result).toMatchObject({ structuredContent: { agent: "ci" } })
}

describe("what is no message is answered, and the next one is served", () => {
  const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`
  const cases: readonly [what: string, line: string | Uint8Array, code: number, id?: number][] = [
    ["no JSON", "hello", -32700],
    ["half a message", '{"jsonrpc":"2.0","id":1', -32700],
    ["no UTF-8", Uint8Array.of(0x22, 0xff, 0x22), -32700],
    ["a number", "7", -32600],
    ["null", "null", -32600],
    ["a batch", '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600],
    ["an empty object", "{}", -32600],
    ["another version", '{"jsonrpc":"1.0","id":3,"method":"ping"}', -32600, 3],
    ["an id of null", '{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600],
    ["a method that is none", '{"jsonrpc":"2.0","id":4,"method":5}', -32600, 4],
    ["params by position", '{"jsonrpc":"2.0","id":5,"method":"ping","params":[1]}', -32600, 5],
    ["an unknown method", '{"jsonrpc":"2.0","id":6,"method":"secrets/all"}', -32601, 6],
    ["a method without its params", '{"jsonrpc":"2.0","id":7,"method":"initialize"}', -32602, 7],
    ["a call of nothing", '{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{}}', -32602, 8],
    [
      "arguments that are no object",
      '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"list_secrets","arguments":"x"}}',
      -32602,
      9,
    ],
    [
      "an unknown tool",
      '{"jsonrpc":"2.0","id":10,"method":"tools/call","params":{"name":"rm","arguments":{}}}',
      -32602,
      10,
    ],
    ["something deep", deep, -32600],
  ]
  test.each(cases)("%s", async (_what, line, code, id) => {
    const server = start()
    await server.initialize()
    await server.write(line)
    await server.write("\n\r\n\n")
    expect((await server.answer(id ?? null)).error?.code).toBe(code)
    await isUp(server)
    expect(await server.end()).toBe(0)
    expect(server.stderr).toBe("")
  })

  test("wrong messages that are no requests are not answered", async () => {
    const server = start()
    await server.initialize()
    await server.send(
      { jsonrpc: "2.0", method: 7 },
      { jsonrpc: "2.0", id: 77, result: "unasked" },
      { jsonrpc: "2.0", id: 78, result: {} },
      { jsonrpc: "2.0", method: "notifications/unknown" },
      { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "nobody" } },
    )
    await isUp(server)
    expect(server.lines).toHaveLength(2)
  })

  test("no error repeats what was sent", async () => {
    const server = start()
    const secret = "echo-4eC39HqLyjWD"
    await server.initialize()
    await server.write(`${secret}\n{"${secret}":1}\n`)
    await server.send(
      { jsonrpc: "2.0", id: 1, method: secret },
      { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: secret } },
      { jsonrpc: "2.0", id: 3, method: "tools/call", params: { name: [secret] } },
      { jsonrpc: "2.0", id: 4, method: "initialize", params: { protocolVersion: [secret] } },
    )
    await server.callTool(5, "describe_access", { [secret]: secret })
    await server.end()
    expect(server.lines).toHaveLength(8)
    expect(server.lines.join("")).not.toContain(secret)
  })
})

describe("a line that is too long", () => {
  test("is answered at its limit and skipped, in bounded memory", async () => {
    const server = startProbed()
    await server.initialize()
    await server.write('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"')
    const chunk = "x".repeat(1024 * 1024)
    for (let written = 0; written < 11; written += 1) await server.write(chunk)
    expect((await server.answer(null)).error?.code).toBe(-32600)
    const { held } = await lookInto(server)
    for (let written = 0; written < 50; written += 1) await server.write(chunk)
    expect((await lookInto(server)).held - held).toBeLessThan(5)
    await server.write('"}}\n')
    await isUp(server)
    expect(server.lines).toHaveLength(3)
    expect(await server.end()).toBe(0)
  })

  test("has over 10 MiB; one of 9 is served, and one that comes byte by byte", async () => {
    const server = start()
    await server.initialize()
    const params = { name: "describe_access", _meta: { x: "x".repeat(9 * 1024 * 1024) } }
    await server.send({ jsonrpc: "2.0", id: 1, method: "tools/call", params })
    expect((await server.answer(1)).result).toMatchObject({ structuredContent: { agent: "ci" } })
    for (const byte of Buffer.from('{"jsonrpc":"2.0","id":2,"method":"ping"}\n')) {
      await server.write(Uint8Array.of(byte))
    }
    expect((await server.answer(2)).result).toEqual({})
  })
})

describe("a client that goes away", () => {
  test("gets what it asked before, and the server ends with 0", async () => {
    const server = start()
    await server.initialize()
    for (let id = 1; id <= 30; id += 1) await server.callTool(id, "list_secrets")
    // The last line has no end.
    await server.write('{"jsonrpc":"2.0","id":31,"method":"ping"}')
    expect(await server.end()).toBe(0)
    const ids = server.lines.map((line) => (JSON.parse(line) as { id: unknown }).id)
    expect(new Set(ids)).toEqual(new Set(["hello", ...Array.from({ length: 31 }, (_, n) => n + 1)]))
    expect(server.stderr).toBe("")
  })

  test("while its person thinks: nothing is shown, and nothing waits", async () => {
    const server = start(["--agent", "ci"])
    await server.initialize({ elicitation: {} })
    await server.callTool(1, "get_secret", { name: "stripe/api-key" })
    await server.message(({ method }) => method === "elicitation/create")
    expect(await server.end()).toBe(0)
    expect((await server.answer(1)).result).toMatchObject({
      isError: true,
      structuredContent: { error: { code: "REVEAL_REFUSED", reason: "failed" } },
    })
  })

  test("and takes no answers any more", async () => {
    const server = start()
    await server.initialize()
    server.child.stdout?.destroy()
    // A pipe that nobody reads is noticed when something is written.
    for (let id = 1; id <= 5; id += 1) await server.callTool(id, "list_secrets")
    expect(await server.ended).toBe(0)
    expect(server.stderr).toBe("")
  })

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("or sends %s", async (signal) => {
    const server = start()
    await server.initialize()
    server.child.kill(signal)
    expect(await server.ended).toBe(signal)
    expect(server.stderr).toBe("")
  })
})

test("calls that the client takes back are not answered, and hold up nothing", async () => {
  const server = start(["--agent", "ci"])
  await server.initialize({ elicitation: {} })
  const calls = Array.from({ length: 300 }, (_, at) => at + 1)
  for (const id of calls) await server.callTool(id, "get_secret", { name: "stripe/api-key" })
  const asked = await server.message(({ method }) => method === "elicitation/create")
  for (const requestId of calls) {
    const params = { requestId, reason: "changed my mind" }
    await server.send({ jsonrpc: "2.0", method: "notifications/cancelled", params })
  }
  await server.send({ jsonrpc: "2.0", id: asked.id, result: { action: "decline" } })
  await isUp(server)
  await server.send({ jsonrpc: "2.0", id: "again", method: "ping" })
  await server.answer("again")
  expect(await server.end()).toBe(0)
  expect(server.lines).toHaveLength(4)
})

test("stdout carries nothing but the protocol, whatever else writes there", async () => {
  const noise = join(machine.home, "noise.cjs")
  writeFileSync(
    noise,
    'setInterval(() => { console.log("noise"); process.stdout.write("more noise\\n"); console.info(1) }, 5)',
  )
  const server = start(AS_CI, ["--require", noise])
  // What a module writes before the server starts is none of its business.
  await server.told(/more noise/)
  server.lines.length = 0
  await server.initialize()
  for (let id = 1; id <= 20; id += 1) await server.callTool(id, "list_secrets")
  await Promise.all(Array.from({ length: 20 }, (_, at) => server.answer(at + 1)))
  expect(server.lines).toHaveLength(21)
})

test("a client that does not listen makes the server wait, not grow", async () => {
  const server = startProbed()
  await server.initialize()
  server.child.stdout?.pause()
  const line = `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" })}\n`
  const total = 8000
  const written = server.write(line.repeat(total))
  // It stops to read with a megabyte of answers unsent, and what it read by then is all it takes.
  const [, readThen] = await Promise.race([
    server.told(/paused at (\d+) with \d{7,} unsent/),
    written.then(() => ["", "all of it"]),
  ])
  expect(Number(readThen)).toBeLessThan((line.length * total) / 2)
  expect((await lookInto(server)).read).toBe(Number(readThen))
  server.child.stdout?.resume()
  await written
  await server.end()
  expect(server.lines).toHaveLength(total + 1)
})

test("after 4,000 calls the memory is that after 1,000", async () => {
  const server = startProbed()
  await server.initialize()
  let id = 0
  const call = async (times: number): Promise<void> => {
    for (let done = 0; done < times; done += 30) {
      const ids = Array.from({ length: 30 }, () => (id += 1))
      for (const next of ids) {
        const isGet = next % 5 === 0
        const tool = next % 15 === 1 ? "list_secrets" : isGet ? "get_secret" : "describe_access"
        await server.callTool(next, tool, isGet ? { name: "stripe/api-key" } : {})
      }
      await server.answer(ids.at(-1) ?? 0)
      await server.message(({ id: last }) => last === ids[0])
      server.lines.length = 0
    }
  }
  await call(1000)
  const { held } = await lookInto(server)
  await call(3000)
  // A kilobyte kept of each call would be three megabytes.
  expect((await lookInto(server)).held - held).toBeLessThan(1)
})
