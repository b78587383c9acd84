import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import { MarkedShape } from "../../../src/broker/placeholder/mark.js"
import { Placeholders } from "../../../src/broker/placeholder/placeholders.js"
import { listServices } from "../../../src/core/services/services.js"
import { GENERAL_SHAPE, bitsOf, parseShape } from "../../../src/core/services/shape.js"
import { findCredentials } from "../../../src/precommit/detect/detect.js"
import { Generator, expand } from "../../precommit/detect/template.js"

const services = listServices().map(({ name, placeholder, variables }) => ({
  name,
  shape: placeholder,
  variable: variables[0] ?? "",
}))
/** Too little room: 18 symbols of 62 have 107 bits, 2 more than stay random. */
const UNTOLD = new Set(["pagerduty"])
/** Those that have room for a mark. */
const told = services.filter(({ name }) => !UNTOLD.has(name))

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

function make(...secrets: readonly { secret: string; shape?: string }[]): Placeholders {
  return Placeholders.make(secrets, [])
}

describe("a placeholder", () => {
  test.each(services)("of $name looks like its key, to the guard too", ({ shape, variable }) => {
    const text = make({ secret: "a/b", shape }).of("a/b") ?? ""
    expect([...new MarkedShape(parseShape(shape)).candidatesIn(text)]).toEqual([text])
    const [found] = findCredentials(`${variable}=${text}\n`)
    expect(found?.end).toBe(`${variable}=${text}`.length)
  })

  // Published by their clients and pages: what an SDK, or its user, looks for before it sends a key.
  test.each([
    ["openai", /^sk-proj-/],
    ["anthropic", /^sk-ant-api03-[\w-]{93}AA$/],
    ["stripe", /^sk_test_[A-Za-z0-9]{20,}$/],
    ["github", /^ghp_[A-Za-z0-9]{36}$/],
    ["gitlab", /^glpat-[\w.-]{20,}$/],
    ["slack", /^xoxb-\d+-\d+-[A-Za-z0-9]{24}$/],
    ["twilio", /^[0-9a-f]{32}$/],
    ["sendgrid", /^SG\.[\w-]{22}\.[\w-]{43}$/],
    ["aws", /^[A-Za-z0-9/+]{40}$/],
    ["gemini", /^AIza[\w-]{35}$/],
    ["telegram", /^\d{8,10}:[\w-]{35}$/],
    ["huggingface", /^hf_[A-Za-z0-9]{34}$/],
    ["npm", /^npm_[A-Za-z0-9]{36}$/],
    ["heroku", /^HRKU-/],
    ["postmark", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
  ])("of %s passes the checks of its clients", (name, pattern) => {
    const shape = services.find((service) => service.name === name)?.shape ?? ""
    expect(make({ secret: "a/b", shape }).of("a/b")).toMatch(pattern)
  })

  test.each([{ name: "the general", shape: GENERAL_SHAPE }, ...services])(
    "of $name keeps 105 bits at random",
    ({ shape }) => {
      const marked = new MarkedShape(parseShape(shape))
      expect(bitsOf(parseShape(shape)) - marked.markBits).toBeGreaterThanOrEqual(105)
    },
  )

  test("is another in each run, at every symbol", () => {
    const seen = Array.from({ length: 200 }, () => make({ secret: "a/b" }).of("a/b") ?? "")
    expect(new Set(seen).size).toBe(200)
    const [first = ""] = seen
    const constant = first
      .split("")
      .filter((symbol, at) => seen.every((text) => text[at] === symbol))
    expect(constant.join("")).toBe("avp_")
  })

  test("says nothing of the value: it is made before there is one", () => {
    const value = "test-value-of-this-run"
    const made = Placeholders.make([{ secret: "a/b" }], [bytes(value)]).of("a/b") ?? ""
    for (const hash of ["md5", "sha1", "sha256", "sha512"]) {
      for (const encoding of ["hex", "base64", "base64url"] as const) {
        const digest = createHash(hash).update(value).digest(encoding)
        expect(digest).not.toContain(made.slice(4, 10))
      }
    }
  })
})

describe("the placeholders of a run", () => {
  test("are of their secrets, each another", () => {
    const run = make(
      { secret: "a/one" },
      { secret: "a/two" },
      { secret: "a/three", shape: "sk-{hex:32}" },
    )
    const texts = ["a/one", "a/two", "a/three"].map((secret) => run.of(secret) ?? "")
    expect(new Set(texts).size).toBe(3)
    const found = texts.flatMap((text) => [...run.find(text)])
    expect(found.map(({ placeholder }) => placeholder)).toEqual([
      { text: texts[0], secret: "a/one" },
      { text: texts[1], secret: "a/two" },
      { text: texts[2], secret: "a/three" },
    ])
    expect(run.of("a/four")).toBeUndefined()
  })

  test("are within no other, in no value, and have none within", () => {
    const values = ["A", "7", "kk", "Zz", "sk-"].map(bytes)
    const secrets = services.map(({ name, shape }) => ({ secret: `g/${name}`, shape }))
    const run = Placeholders.make(secrets, values)
    const texts = secrets.map(({ secret }) => run.of(secret) ?? "")
    for (const text of texts) {
      expect(text).not.toMatch(/A|7|kk|Zz|sk-/)
      expect(texts.filter((other) => other.includes(text))).toEqual([text])
    }
  })

  test("are refused where a value is in each text", () => {
    expect(() => Placeholders.make([{ secret: "a/b" }], [bytes("_")])).toThrow(
      expect.objectContaining({
        code: "PLACEHOLDER_REFUSED",
        message:
          "no placeholder for a/b is free of the values of this run: one of them is too short",
      }),
    )
  })

  test("do not mind an empty value", () => {
    expect(Placeholders.make([{ secret: "a/b" }], [bytes("")]).of("a/b")).toBeDefined()
  })

  test("are found in a text, and in bytes, wherever they are", () => {
    const run = make({ secret: "a/one" }, { secret: "a/two", shape: "{base64:40}" })
    const [one = "", two = ""] = [run.of("a/one"), run.of("a/two")]
    const text = `x${one}${two}y${one}`
    const found = [...run.find(text)]
    expect(found.map(({ placeholder }) => placeholder.secret)).toEqual(["a/one", "a/two", "a/one"])
    expect(found.map(({ index }) => index)).toEqual([
      1,
      1 + one.length,
      2 + one.length + two.length,
    ])
    const binary = Buffer.concat([Buffer.from([0xff, 0x00, 0xc3]), Buffer.from(two)])
    expect([...run.find(binary.toString("latin1"))].map(({ index }) => index)).toEqual([3])
  })

  test("are not found where they are cut, in another case, or none are", () => {
    const run = make({ secret: "a/b" })
    const text = run.of("a/b") ?? ""
    expect([...run.find(text.slice(1)), ...run.find(text.slice(0, -1))]).toEqual([])
    expect([...run.find(text.toUpperCase())]).toEqual([])
    expect([...make().find(`anything ${text}`)]).toEqual([])
  })
})

describe("a placeholder of another run", () => {
  test.each(told)("is told, of $name", ({ shape }) => {
    const other = make({ secret: "a/b", shape }).of("a/b") ?? ""
    const run = make({ secret: "a/b", shape })
    expect(run.holdsStale(other)).toBe(true)
    expect(run.holdsStale(`Bearer ${other}`)).toBe(true)
    expect(run.holdsStale(`user:${other}`)).toBe(true)
  })

  test("is told behind what a shape cannot go on from, as in a path of Telegram", () => {
    const shape = services.find(({ name }) => name === "telegram")?.shape ?? ""
    const other = make({ secret: "a/b", shape }).of("a/b") ?? ""
    expect(make({ secret: "a/b", shape }).holdsStale(`/bot${other}/getMe`)).toBe(true)
    expect(make({ secret: "a/b", shape }).holdsStale(`/bot1${other}/getMe`)).toBe(false)
  })

  test.each(told)("is told from a key of $name, and from one of this run", ({ shape }) => {
    const run = make({ secret: "a/b", shape })
    const generator = new Generator(11)
    const keys = Array.from({ length: 300 }, () => expand(shape, generator))
    expect(keys.filter((key) => run.holdsStale(key))).toEqual([])
    expect(run.holdsStale(run.of("a/b") ?? "")).toBe(false)
  })

  test.each(services.filter(({ name }) => UNTOLD.has(name)))(
    "cannot be told of $name, which has no room",
    ({ shape }) => {
      expect(new MarkedShape(parseShape(shape)).canBeTold).toBe(false)
      const other = make({ secret: "a/b", shape }).of("a/b") ?? ""
      expect(make({ secret: "a/b", shape }).holdsStale(other)).toBe(false)
    },
  )

  test("is no longer one when a symbol is another", () => {
    const run = make({ secret: "a/b" })
    const text = make({ secret: "a/b" }).of("a/b") ?? ""
    const changed = text
      .split("")
      .map((symbol, at) =>
        at < 4 ? text : text.slice(0, at) + (symbol === "x" ? "y" : "x") + text.slice(at + 1),
      )
    expect(changed.slice(4).filter((other) => run.holdsStale(other))).toEqual([])
  })
})
