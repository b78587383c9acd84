import { PassThrough, Readable, Writable } from "node:stream"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { ParamsError, serve } from "../../src/cli/rpc/json-rpc.js"
import { startServer } from "../../src/mcp/server.js"
import { transportOver } from "../../src/mcp/transports.js"
import { Wire } from "../../src/mcp/wire.js"

// Whatever a client writes to the bridge or to the MCP server: each line gets one answer at most, which
// is JSON-RPC and quotes nothing of it, and the next line is served. The real thing, over streams.

/** Marks what a client sent where it does not fit: no answer may say it again. */
const CANARY = "QxNeverSaidAgainQx"
/** How many bytes of a line are more than any of the two takes. */
const TOO_LONG = 11 * 1024 * 1024

interface Answer {
  readonly jsonrpc?: unknown
  readonly id?: unknown
  readonly result?: unknown
  readonly error?: { readonly code: unknown; readonly message: unknown }
}

/** Serves the chunks of a client that leaves after them, and returns what was written. */
type Served = (chunks: readonly Buffer[]) => Promise<string>

const asError = (): { code: number; message: string } => ({ code: -32000, message: "refused" })
const call = () =>
  Promise.resolve({ content: [{ type: "text" as const, text: "called" }], structuredContent: {} })

async function bridge(chunks: readonly Buffer[]): Promise<string> {
  const { output, text } = collecting()
  const methods = new Map([
    ["fine", () => Promise.resolve({ fine: true })],
    ["throws", () => Promise.reject(new Error(CANARY))],
    ["params", () => Promise.reject(new ParamsError("a name is missing"))],
  ])
  await serve({ input: Readable.from(chunks), output, methods, asError })
  return text()
}

async function mcp(chunks: readonly Buffer[]): Promise<string> {
  const { output, text } = collecting()
  const input = new PassThrough()
  const write = (line: string): Promise<void> =>
    new Promise((resolve) => output.write(line, () => resolve()))
  const wire = new Wire({ input, write })
  await startServer(transportOver(wire), {
    version: "0",
    instructions: "",
    tools: [],
    call,
    patience: 1000,
  })
  for (const chunk of chunks) input.write(chunk)
  input.end()
  await wire.done
  return text()
}

function collecting(): { output: Writable; text: () => string } {
  const written: string[] = []
  const output = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      written.push(String(chunk))
      setImmediate(done)
    },
  })
  return { output, text: () => written.join("") }
}

const SERVERS: readonly (readonly [name: string, served: Served, last: string])[] = [
  ["the bridge", bridge, "fine"],
  ["the MCP server", mcp, "ping"],
]

const odd = fc.constantFrom(
  "null",
  "true",
  "0",
  "-0",
  "1.5",
  "1e400",
  "-1e-400",
  "9007199254740993",
  '""',
  '"id"',
  "[]",
  "{}",
  `"${CANARY}"`,
  '"\\ud800"',
  '"\\u0000"',
  '"__proto__"',
  '{"__proto__":{}}',
  '"constructor"',
  `["${CANARY}"]`,
  `{"${CANARY}":"${CANARY}"}`,
  '"'.padEnd(4000, "x") + '"',
)
const names = fc.constantFrom(
  "fine",
  "throws",
  "params",
  "ping",
  "initialize",
  "tools/list",
  "tools/call",
  "toString",
  "__proto__",
  "notifications/initialized",
  "notifications/cancelled",
  "rpc.x",
  CANARY,
  "",
)
const cancelling = fc.constantFrom(1, 2, "a", null).map((id) => JSON.stringify({ requestId: id }))
const member = fc.oneof(
  odd.map((value) => `"id":${value}`),
  fc.constantFrom('"id":1', '"id":2', '"id":"a"'),
  fc.oneof(odd, cancelling, fc.json()).map((value) => `"params":${value}`),
  fc
    .oneof(
      names.map((name) => JSON.stringify(name)),
      odd,
    )
    .map((value) => `"method":${value}`),
  fc.oneof(odd, fc.constant('"1.0"')).map((value) => `"jsonrpc":${value}`),
  odd.map((value) => `"result":${value}`),
  fc.constantFrom('"error":{"code":1,"message":"x"}', '"error":0', `"${CANARY}":1`),
)
/** Near to a request, so that much of it reaches what is behind the parser. */
const request = fc
  .tuple(names, fc.array(member, { maxLength: 4 }))
  .map(
    ([name, members]) =>
      `{${['"jsonrpc":"2.0"', `"method":${JSON.stringify(name)}`, ...members].join()}}`,
  )
const nested = fc
  .tuple(fc.constantFrom(["[", "]"], ['{"a":', "}"]), fc.integer({ min: 1, max: 20_000 }))
  .map(([[open = "", close = ""], depth]) => `${open.repeat(depth)}1${close.repeat(depth)}`)
const text = fc.oneof(
  { weight: 4, arbitrary: request },
  fc.json(),
  odd,
  nested,
  nested.map((deep) => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":${deep}}}`),
  fc.array(request, { maxLength: 3 }).map((batch) => `[${batch.join()}]`),
  fc.string({ unit: "binary" }).map((line) => `${CANARY}${line}`),
  fc.constantFrom("", " \t", "\r", "\uFEFF{}", "{}{}", "{", `'${CANARY}'`, "\u2028", "NaN"),
)
/** Text, and text of which some bytes are others: seldom UTF-8. */
const line = fc
  .tuple(
    text,
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }),
    fc.nat({ max: 2 }),
  )
  .map(([of, changes, often]) => {
    const bytes = Buffer.from(of)
    if (often > 0 || bytes.length === 0) return bytes
    for (const [at, byte] of changes) bytes[at % bytes.length] = byte
    return bytes
  })

for (const [name, served, last] of SERVERS) {
  test(`${name} survives what it reads, and says nothing of it`, async () => {
    const pieces = fc.array(fc.nat({ max: 5000 }), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), pieces, async (lines, sizes) => {
        await holds(served, last, lines, sizes)
      }),
      { numRuns: 400 },
    )
  })

  test.each([1, TOO_LONG])(
    `${name} skips a line of ${TOO_LONG} bytes, %i at a time`,
    async (by) => {
      const size = by === 1 ? 65_536 : by
      const long = Buffer.alloc(TOO_LONG, CANARY)
      const sizes = Array.from({ length: Math.ceil(TOO_LONG / size) }, () => size)
      await holds(served, last, [long, Buffer.from("{")], sizes)
    },
  )
}

/** Sends lines, cut into pieces of some sizes, and then a request that has to be answered. */
async function holds(
  served: Served,
  last: string,
  lines: readonly Buffer[],
  sizes: readonly number[],
): Promise<void> {
  const final = Buffer.from(JSON.stringify({ jsonrpc: "2.0", id: "last", method: last }))
  const all = Buffer.concat([...lines, final].flatMap((each) => [each, Buffer.from("\n")]))
  const said = await served(cut(all, sizes))
  const answers = said
    .split("\n")
    .filter(Boolean)
    .map((each) => JSON.parse(each) as Answer)
  for (const answer of answers) {
    expect(answer).toMatchObject({ jsonrpc: "2.0" })
    expect("result" in answer).not.toBe("error" in answer)
    const { error } = answer
    if (error === undefined) continue
    expect([typeof error.code, typeof error.message]).toEqual(["number", "string"])
    expect(JSON.stringify(error)).not.toContain(CANARY)
  }
  // A changed byte may be a line's end.
  const sent = all.toString("latin1").split("\n").length - 1
  expect(answers.length).toBeLessThanOrEqual(sent)
  const lasts = answers.filter(({ id }) => id === "last")
  expect(lasts).toHaveLength(1)
  expect(lasts[0]).toHaveProperty("result")
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  let at = 0
  const pieces = sizes.map((size) => bytes.subarray(at, (at += size)))
  return [...pieces, bytes.subarray(at)].filter(({ length }) => length > 0)
}
