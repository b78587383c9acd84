import assert from "node:assert"
import { Console } from "node:console"
import { Writable } from "node:stream"
import { format, inspect, stripVTControlCharacters } from "node:util"
import { deserialize, serialize } from "node:v8"
import { describe, expect, test } from "vitest"
import { SecretValue, VaultError } from "../../../src/core/index.js"

const CANARY = ["canary", "sk", "4eC39HqLyjWDarjtT1zdp7dc"].join("_")
const MASK = "[secret stripe/api-key: use .reveal()]"

const make = (text = CANARY): SecretValue => new SecretValue("stripe/api-key", 3, Buffer.from(text))

/** All forms in which a value could be recognized. */
const FORMS = [
  CANARY,
  Buffer.from(CANARY).toString("base64").replaceAll("=", ""),
  Buffer.from(CANARY).toString("hex"),
  [...Buffer.from(CANARY)].slice(0, 6).join(","),
  [...Buffer.from(CANARY)].slice(0, 6).join(", "),
]

function expectMasked(text: string): void {
  // Node aligns the numbers of an array in columns.
  const plain = stripVTControlCharacters(text).replaceAll(/\s+/g, " ")
  for (const form of FORMS) expect(plain).not.toContain(form)
}

describe("a value does not show itself", () => {
  const key = make()
  // As a careless program has it, in whose types it is a string.
  const careless = key as unknown as string
  const holder = { key, list: [key], map: new Map([[key, key]]), nested: { a: { b: { c: key } } } }

  test.each([
    {},
    { showHidden: true },
    { customInspect: false },
    { customInspect: false, showHidden: true, depth: Infinity, getters: true },
    { showProxy: true, customInspect: false },
    { compact: false, sorted: true, colors: true },
  ])("to util.inspect with %j", (options) => {
    expectMasked(inspect(key, options))
    expectMasked(inspect(holder, options))
    expectMasked(inspect(new Proxy(key, {}), options))
    expectMasked(inspect(Object.create(key), options))
  })

  test("to text, in any way", () => {
    const ways = [
      String(key),
      key.toString(),
      key.toLocaleString(),
      [key].join(),
      format("%s", key),
      inspect(key),
    ]
    for (const text of ways) expect(text).toBe(MASK)
    expect(`<${careless}>`).toBe(`<${MASK}>`)
    expect("<" + careless).toBe(`<${MASK}`)
    expect(JSON.stringify({ key })).toBe(`{"key":"${MASK}"}`)
    expect(Number(key)).toBeNaN()
    expectMasked(format("%o %O %j %d %i %f %c", key, key, key, key, key, key, key))
    expect(new Headers({ authorization: `Bearer ${careless}` }).get("authorization")).toContain(
      MASK,
    )
    expect(encodeURIComponent(careless)).not.toContain(CANARY)
  })

  test("to a console, with each of its methods", () => {
    let shown = ""
    const stream = new Writable({
      write(chunk, _, done) {
        shown += String(chunk)
        done()
      },
    })
    const out = new Console({ stdout: stream, stderr: stream })
    out.log(key, holder)
    out.error("%s %o %O %j", key, key, key, key)
    out.dir(key, { showHidden: true, depth: null })
    out.table([key])
    out.table(holder)
    out.group("%s", key)
    out.assert(false, "%s %o", key, key)
    out.trace(key)
    expect(shown).toContain(MASK)
    expectMasked(shown)
  })

  test("to what copies or compares objects", () => {
    expectMasked(inspect(structuredClone(key), { showHidden: true }))
    expectMasked(serialize(key).toString("latin1"))
    expectMasked(inspect(deserialize(serialize(key))))
    expectMasked(JSON.stringify({ ...(key as object) }) + JSON.stringify(Object.assign({}, key)))
    expect(Object.keys(key)).toEqual(["name", "version"])
    expect(Reflect.ownKeys(key)).toEqual(["name", "version"])
    const other = make(`${CANARY}-other`)
    for (const compare of [
      () => assert.deepStrictEqual({ key }, { key: 1 }),
      () => assert.strictEqual(key, other),
      () => assert.fail(`no ${careless}`),
      () => expect(key).toEqual({ name: "x" }),
      () => expect({ key }).toStrictEqual({ key: 1 }),
      () => expect(key).toBe(other),
      () => expect([key]).toContain(other),
    ]) {
      expectMasked(inspect(thrownBy(compare), { depth: 9, showHidden: true }))
    }
  })

  test("in an error that carries it", () => {
    const error = new Error(`no luck with ${careless}`, { cause: key })
    Object.assign(error, { key })
    expectMasked(inspect(error, { showHidden: true }) + String(error.stack))
    expectMasked(inspect(new AggregateError([key, error]), { depth: 9 }))
    expect(inspect(error)).toContain(MASK)
  })
})

describe("a copy of one's own", () => {
  test("of the bytes that it was made from, and for each who asks", () => {
    const bytes = Buffer.from(CANARY)
    const key = new SecretValue("a/b", 1, bytes)
    bytes.fill(0)
    expect(key.reveal()).toBe(CANARY)
    key.bytes().fill(0)
    expect(Buffer.from(key.bytes()).toString()).toBe(CANARY)
    // Not a view of a larger buffer, whose neighbours it would show.
    expect(key.bytes().buffer.byteLength).toBe(CANARY.length)
  })

  test("that disposing of it overwrites", () => {
    const key = make()
    {
      using held = key
      expect(held.reveal()).toBe(CANARY)
    }
    for (const read of [() => key.reveal(), () => key.bytes()]) {
      expect(thrownBy(read)).toMatchObject({ code: "CLOSED" })
    }
    key[Symbol.dispose]()
    expect(String(key)).toBe(MASK)
  })

  test.each([
    ["", ""],
    ["\uFEFFwith a mark", "\uFEFFwith a mark"],
    ["line\r\nline\n", "line\r\nline\n"],
    ["Grüße 🔑", "Grüße 🔑"],
  ])("of text %j, as it is", (text, revealed) => {
    expect(make(text).reveal()).toBe(revealed)
  })

  test("of what is no text: only as bytes, and the error says no byte", () => {
    const bytes = Buffer.concat([Buffer.from(CANARY), Buffer.of(0xff, 0xfe)])
    const key = new SecretValue("a/b", 1, bytes)
    const error = thrownBy(() => key.reveal())
    expect(VaultError.is(error, "VALUE_NOT_TEXT")).toBe(true)
    expectMasked(inspect(error, { showHidden: true }))
    expect(Buffer.from(key.bytes())).toEqual(bytes)
  })
})

function thrownBy(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}
