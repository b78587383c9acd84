import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Readable, Writable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import { serve } from "../../../src/cli/rpc/json-rpc.js"
import { HANG } from "../../hang.js"
import { type Machine, vaultMachine } from "../machine.js"

/** The line protocol, spoken to the built command as any client would. */

interface Answer {
  readonly jsonrpc?: string
  readonly id?: unknown
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

let machine: Machine
const running: ChildProcessWithoutNullStreams[] = []

beforeAll(async () => {
  machine = await vaultMachine()
})
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL")
})
afterAll(() => machine.remove())

/** A bridge of ci's, and its answers in the order in which they come. */
class Bridge {
  readonly child: ChildProcessWithoutNullStreams
  stderr = ""
  readonly #lines: string[] = []
  #rest = ""
  readonly ended: Promise<{ code: number | null; signal: string | null }>

  constructor(args: readonly string[] = ["--agent", "ci"]) {
    const bin = join(machine.home, "bin", "agent-vault")
    this.child = spawn(process.execPath, [bin, "bridge", ...args], {
      cwd: machine.repo,
      env: machine.env,
    })
    running.push(this.child)
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (this.#rest + text).split("\n")
      this.#rest = lines.pop() ?? ""
      this.#lines.push(...lines)
    })
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text
    })
    this.ended = once(this.child, "close").then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as string | null,
    }))
  }

  send(...lines: readonly (string | object)[]): void {
    for (const line of lines) {
      this.child.stdin.write(`${typeof line === "string" ? line : JSON.stringify(line)}\n`)
    }
  }

  /** The next so many answers. Each line of stdout has to be one. */
  async answers(count: number): Promise<Answer[]> {
    const deadline = Date.now() + HANG
    while (this.#lines.length < count && Date.now() < deadline) await sleep(5)
    return this.#lines.splice(0, count).map((line) => {
      const answer = JSON.parse(line) as Answer
      expect(answer).toMatchObject({ jsonrpc: "2.0" })
      expect("result" in answer).not.toBe("error" in answer)
      return answer
    })
  }

  async ask(method: string, params?: unknown): Promise<Answer> {
    this.send({ jsonrpc: "2.0", id: method, method, ...(params === undefined ? {} : { params }) })
    const [answer = {}] = await this.answers(1)
    expect(answer.id).toBe(method)
    return answer
  }

  /** Ends its stdin; resolves to what is left on stdout. */
  async end(): Promise<string> {
    this.child.stdin.end()
    expect(await this.ended).toEqual({ code: 0, signal: null })
    return [...this.#lines, this.#rest].join("\n")
  }
}

const get = (id: unknown, name = "stripe/api-key"): object => ({
  jsonrpc: "2.0",
  id,
  method: "get",
  params: { name },
})

test("each method answers in its form", async () => {
  const bridge = new Bridge()
  const { vault } = JSON.parse(
    readFileSync(join(machine.repo, ".agent-vault/vault.json"), "utf8"),
  ) as { vault: string }
  const version = expect.stringMatching(/^\d+\.\d+\.\d+$/) as string
  expect((await bridge.ask("hello")).result).toEqual({ protocol: 1, version, vault, agent: "ci" })
  const apiKey = { name: "stripe/api-key", version: 1, value: "dg==" }
  expect((await bridge.ask("get", { name: "stripe/api-key" })).result).toEqual(apiKey)
  const webhook = { name: "stripe/webhook", version: 1, value: "dw==" }
  const names = ["stripe/webhook", "stripe/api-key", "stripe/webhook"]
  expect((await bridge.ask("get_many", { names })).result).toEqual({
    secrets: [webhook, apiKey, webhook],
  })
  expect((await bridge.ask("get_many", { names: [] })).result).toEqual({ secrets: [] })
  expect((await bridge.ask("has", { name: "stripe/api-key" })).result).toEqual({ has: true })
  expect((await bridge.ask("has", { name: "db/password" })).result).toEqual({ has: false })
  expect((await bridge.ask("list", { group: "db" })).result).toMatchObject({
    secrets: [{ name: "db/password", version: 1, readable: false }],
  })
  expect((await bridge.ask("access", {})).result).toMatchObject({
    agent: "ci",
    groups: [{ group: "stripe", secrets: 2 }],
    closed: ["db"],
  })
  expect(await bridge.end()).toBe("")
  expect(bridge.stderr).toBe("")
})

test("what is no request is answered as the protocol says, and ends nothing", async () => {
  const bridge = new Bridge()
  const cases: readonly (readonly [line: string, id: unknown, code: number])[] = [
    ["{", null, -32700],
    ["nonsense \u0000", null, -32700],
    ['"text"', null, -32600],
    ["null", null, -32600],
    ["[]", null, -32600],
    [JSON.stringify([get(1), get(2)]), null, -32600],
    ["{}", null, -32600],
    ['{"id":1,"method":"hello"}', 1, -32600],
    ['{"jsonrpc":"1.0","id":2,"method":"hello"}', 2, -32600],
    ['{"jsonrpc":"2.0","id":3}', 3, -32600],
    ['{"jsonrpc":"2.0","id":4,"method":["get"]}', 4, -32600],
    ['{"jsonrpc":"2.0","id":{},"method":"hello"}', null, -32600],
    ['{"jsonrpc":"2.0","id":5,"method":"set"}', 5, -32601],
    ['{"jsonrpc":"2.0","id":6,"method":"constructor"}', 6, -32601],
    ['{"jsonrpc":"2.0","id":7,"method":"__proto__"}', 7, -32601],
    ['{"jsonrpc":"2.0","id":8,"method":"get"}', 8, -32602],
    ['{"jsonrpc":"2.0","id":9,"method":"get","params":["stripe/api-key"]}', 9, -32602],
    ['{"jsonrpc":"2.0","id":10,"method":"get","params":null}', 10, -32602],
    ['{"jsonrpc":"2.0","id":11,"method":"get","params":{"name":1}}', 11, -32602],
    ['{"jsonrpc":"2.0","id":"12","method":"get_many","params":{"names":"a/b"}}', "12", -32602],
    ['{"jsonrpc":"2.0","id":13,"method":"get_many","params":{"names":[1]}}', 13, -32602],
    ['{"jsonrpc":"2.0","id":14,"method":"list","params":{"group":null}}', 14, -32602],
    ['{"jsonrpc":"2.0","id":15,"method":"list","params":{"grp":"stripe"}}', 15, -32602],
    ['{"jsonrpc":"2.0","id":16,"method":"hello","params":{"toString":1}}', 16, -32602],
  ]
  for (const [line, id, code] of cases) {
    bridge.send(line)
    const [answer] = await bridge.answers(1)
    expect([line, answer?.id, answer?.error?.code]).toEqual([line, id, code])
    expect(answer?.error?.message).not.toContain("stripe")
  }
  const notUtf8 = '{"jsonrpc":"2.0","id":17,"method":"hello","note":"\u00ff"}\n'
  bridge.child.stdin.write(Buffer.from(notUtf8, "latin1"))
  expect((await bridge.answers(1))[0]?.error?.code).toBe(-32700)
  expect((await bridge.ask("hello")).error).toBeUndefined()
})

test("a notification and an empty line are not answered, and read nothing", async () => {
  const audit = join(machine.home, "notified.jsonl")
  writeFileSync(audit, "")
  const bridge = new Bridge(["--agent", "ci", "--audit", audit])
  bridge.send('{"jsonrpc":"2.0","method":"get","params":{"name":"stripe/api-key"}}')
  bridge.send('{"jsonrpc":"2.0","method":"nonsense"}', "", "  \r", "")
  expect((await bridge.ask("has", { name: "stripe/api-key" })).result).toEqual({ has: true })
  expect(await bridge.end()).toBe("")
  expect(readFileSync(audit, "utf8")).toBe("")
})

test("a line over 1 MiB is refused and skipped, however it arrives", async () => {
  const bridge = new Bridge()
  const fits = JSON.stringify({ ...get("fits"), method: "x".repeat(1024 * 1024 - 200) })
  bridge.send(fits)
  expect(await bridge.answers(1)).toMatchObject([{ id: "fits", error: { code: -32601 } }])
  bridge.send("x".repeat(1024 * 1024 + 1), get(1))
  expect((await bridge.answers(2)).map(({ id, error }) => [id, error?.code])).toEqual([
    [null, -32600],
    [1, undefined],
  ])
  for (let chunk = 0; chunk < 40; chunk++) bridge.child.stdin.write("y".repeat(1024 * 1024))
  bridge.send("", get(2))
  expect((await bridge.answers(2)).map(({ id, error }) => [id, error?.code])).toEqual([
    [null, -32600],
    [2, undefined],
  ])
})

test("a request may arrive byte by byte, or many in one piece", async () => {
  const bridge = new Bridge()
  for (const byte of `${JSON.stringify(get("ä"))}\r\n`) {
    bridge.child.stdin.write(byte)
    await sleep(1)
  }
  expect(await bridge.answers(1)).toMatchObject([{ id: "ä", result: { version: 1 } }])
  const many = Array.from({ length: 500 }, (_, id) =>
    JSON.stringify(get(id, id % 3 === 0 ? "db/password" : "stripe/webhook")),
  )
  bridge.child.stdin.write(`${many.join("\n")}\n`)
  const answers = await bridge.answers(many.length)
  expect(new Set(answers.map(({ id }) => id)).size).toBe(many.length)
  for (const { id, result, error } of answers) {
    if (Number(id) % 3 === 0) expect(error?.data).toMatchObject({ code: "NOT_GRANTED" })
    else expect(result).toMatchObject({ value: "dw==" })
  }
})

test("what was asked before stdin ended is answered, a last line without its end too", async () => {
  const bridge = new Bridge()
  bridge.send(get(1), get(2))
  bridge.child.stdin.write(JSON.stringify(get(3)))
  const left = (await bridge.end()).trim().split("\n")
  const ids = left.map((line) => (JSON.parse(line) as Answer).id)
  expect(new Set(ids)).toEqual(new Set([1, 2, 3]))
  expect(ids).toHaveLength(3)
})

test("it ends when its client is gone", async () => {
  const bridge = new Bridge()
  await bridge.ask("hello")
  bridge.child.stdout.destroy()
  // It may be gone before it was sent all of them.
  bridge.child.stdin.on("error", () => {})
  for (let id = 0; id < 20; id++) bridge.send(get(id))
  expect(await bridge.ended).toEqual({ code: 0, signal: null })
})

test("SIGTERM ends it", async () => {
  const bridge = new Bridge()
  await bridge.ask("hello")
  bridge.child.kill("SIGTERM")
  expect(await bridge.ended).toEqual({ code: null, signal: "SIGTERM" })
})

test("errors of the vault are answers with their code, and end nothing", async () => {
  const bridge = new Bridge()
  expect((await bridge.ask("get", { name: "db/password" })).error).toEqual({
    code: -32000,
    message: "ci may not open db",
    data: { code: "NOT_GRANTED", hint: "ask an owner: agent-vault grant ci db", exitCode: 4 },
  })
  for (const [params, code] of [
    [{ name: "stripe/none" }, "SECRET_NOT_FOUND"],
    [{ name: "../../x" }, "NAME_INVALID"],
    [{ name: "stripe" }, "NAME_INVALID"],
  ] as const) {
    expect((await bridge.ask("get", params)).error?.data).toMatchObject({ code })
  }
  expect((await bridge.ask("list", { group: "none" })).error?.data).toMatchObject({
    code: "GROUP_NOT_FOUND",
  })
  expect(await bridge.end()).toBe("")
})

test("without an identity each request says so, and the owner's key is never used", async () => {
  const nobody = new Bridge([])
  for (const method of ["hello", "access"]) {
    const { data } = (await nobody.ask(method)).error ?? {}
    expect(data).toMatchObject({ code: "NO_IDENTITY" })
    // The bridge does not take it.
    expect(JSON.stringify(data)).not.toContain("--owner")
  }
  const [owner] = readdirSync(join(machine.home, ".config/agent-vault"))
  const file = join(machine.home, ".config/agent-vault", owner ?? "", "owner.key")
  const asOwner = new Bridge(["--identity", file])
  expect((await asOwner.ask("get", { name: "stripe/api-key" })).error?.data).toMatchObject({
    code: "OWNER_KEY_UNASKED",
  })
  const mistyped = new Bridge(["--owner"])
  expect(await mistyped.ended).toEqual({ code: 2, signal: null })
})

test("an identity that comes later is found by the next request", async () => {
  const file = join(machine.home, "late.key")
  const bridge = new Bridge(["--identity", file])
  expect((await bridge.ask("hello")).error?.data).toMatchObject({ code: "KEY_NOT_FOUND" })
  const [vault] = readdirSync(join(machine.home, ".config/agent-vault"))
  const key = join(machine.home, ".config/agent-vault", vault ?? "", "agents/ci.key")
  writeFileSync(file, readFileSync(key), { mode: 0o600 })
  expect((await bridge.ask("hello")).result).toMatchObject({ agent: "ci" })
})

test("each read is noted before its value is handed out, refused ones too, and none is handed out unnoted", async () => {
  const audit = join(machine.home, "reads.jsonl")
  const bridge = new Bridge(["--agent", "ci", "--audit", audit])
  await bridge.ask("get", { name: "stripe/api-key" })
  await bridge.ask("get_many", { names: ["stripe/webhook"] })
  await bridge.ask("get", { name: "db/password" })
  await bridge.ask("list")
  const lines = readFileSync(audit, "utf8").trimEnd().split("\n")
  const read = { agent: "ci", door: "bridge", event: "read" }
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { ...read, secrets: [{ name: "stripe/api-key", version: 1 }] },
    { ...read, secrets: [{ name: "stripe/webhook", version: 1 }] },
    { ...read, event: "refused", reason: "NOT_GRANTED", secrets: [{ name: "db/password" }] },
  ])
  const unwritable = new Bridge(["--agent", "ci", "--audit", machine.home])
  const { error, result } = await unwritable.ask("get", { name: "stripe/api-key" })
  expect(error?.data).toMatchObject({ code: "AUDIT_UNWRITABLE" })
  expect(result).toBeUndefined()
})

async function failSlowly(): Promise<never> {
  await sleep(50)
  throw new TypeError("canary")
}

test("what a method throws is told only as the service words it: it may quote a value", async () => {
  const lines: string[] = []
  await serve({
    input: Readable.from([Buffer.from('{"jsonrpc":"2.0","id":1,"method":"get"}\n')]),
    output: new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        lines.push(chunk.toString())
        done()
      },
    }),
    methods: new Map([["get", failSlowly]]),
    asError: (_thrown, method) => ({ code: -32000, message: `${method} failed` }),
  })
  // All that was asked is answered when serve() is done.
  expect(lines.map((line) => JSON.parse(line) as Answer)).toEqual([
    { jsonrpc: "2.0", id: 1, error: { code: -32000, message: "get failed" } },
  ])
})
