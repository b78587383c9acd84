import { assert, property, webPath } from "fast-check"
import { describe, expect, test } from "vitest"
import {
  type Sending,
  canonicalPath,
  isBound,
  ruleFor,
  whyNoRule,
} from "../../../src/core/policy/sending.js"
import { type Use, parseUse } from "../../../src/core/records/use.js"

const STRIPE: Use = {
  hosts: ["api.stripe.com"],
  methods: ["GET"],
  paths: ["/v1/**"],
  at: ["header:authorization"],
  scheme: "bearer",
  ask: "never",
}
const SENT: Sending = {
  host: "api.stripe.com",
  port: 443,
  method: "GET",
  path: "/v1/charges",
  at: "header:authorization",
}
const goes = (use: Partial<Use>, sent: Partial<Sending> = {}): boolean =>
  ruleFor([{ ...STRIPE, ...use }], { ...SENT, ...sent }) !== undefined

describe("a host", () => {
  test.each<[pattern: string, host: string, port: number]>([
    ["api.stripe.com", "api.stripe.com", 443],
    ["*.example.com", "a.example.com", 443],
    ["*.example.com:8443", "a.example.com", 8443],
    ["127.0.0.1:8443", "127.0.0.1", 8443],
    ["[::1]", "[::1]", 443],
    ["[::1]:8443", "[::1]", 8443],
  ])("%s allows %s on %i", (pattern, host, port) => {
    expect(goes({ hosts: [pattern] }, { host, port })).toBe(true)
    expect(isBound([{ ...STRIPE, hosts: [pattern] }], host, port)).toBe(true)
  })

  test.each<[pattern: string, host: string, port: number]>([
    ["api.stripe.com", "api.stripe.com", 8443],
    ["api.stripe.com", "api.stripe.com", 80],
    ["api.stripe.com:8443", "api.stripe.com", 443],
    ["api.stripe.com", "xapi.stripe.com", 443],
    ["api.stripe.com", "a.api.stripe.com", 443],
    ["api.stripe.com", "api.stripe.com.example.org", 443],
    ["api.stripe.com", "apixstripe.com", 443],
    ["*.example.com", "example.com", 443],
    ["*.example.com", ".example.com", 443],
    ["*.example.com", "a.b.example.com", 443],
    ["*.example.com", "aexample.com", 443],
    ["*.example.com", "a.example.com.example.org", 443],
    ["*.example.com", "a.example.com", 8443],
    ["*.example.com:8443", "a.example.com", 443],
    ["127.0.0.1", "2130706433", 443],
    ["[::1]", "::1", 443],
    ["[::1]", "[::2]", 443],
  ])("%s refuses %s on %i", (pattern, host, port) => {
    expect(goes({ hosts: [pattern] }, { host, port })).toBe(false)
    expect(isBound([{ ...STRIPE, hosts: [pattern] }], host, port)).toBe(false)
  })
})

test("a method is told apart by case, and by nothing but the request line", () => {
  expect(goes({}, { method: "GET" })).toBe(true)
  expect(goes({}, { method: "get" })).toBe(false)
  expect(goes({}, { method: "POST" })).toBe(false)
})

describe("a path", () => {
  test.each<[pattern: string, path: string]>([
    ["/v1/**", "/v1/charges"],
    ["/v1/**", "/v1/"],
    ["/v1/**", "/v1/a/b/c"],
    ["/**", "/"],
    ["/**", "/a/b"],
    ["/v1/*", "/v1/charges"],
    ["/v1/*/refunds", "/v1/ch_1/refunds"],
    ["/v1/ch_*", "/v1/ch_1"],
    ["/v1/*.json", "/v1/a.json.json"],
    ["/*a*b*", "/xaxabxb"],
    ["/bot*/*", "/bot123:abc/sendMessage"],
    ["/bot*/*", "/bot123%3Aabc/sendMessage"],
    ["/**/info/refs", "/group/sub/project.git/info/refs"],
    ["/repos/**/issues/*", "/repos/a/issues/issues/1"],
    ["/legacy/", "/legacy/"],
    ["/v1/charges", "/v1/%63harges"],
    ["/v1/a%20b", "/v1/a%20b"],
    ["/models/x:generate", "/models/x:generate"],
  ])("%s allows %s", (pattern, path) => {
    expect(goes({ paths: [pattern] }, { path })).toBe(true)
  })

  test.each<[pattern: string, path: string]>([
    ["/v1/**", "/v1"],
    ["/v1/**", "/v10/charges"],
    ["/v1/**", "/v2/charges"],
    ["/v1/**", "/V1/charges"],
    ["/v1/**", "/a/v1/charges"],
    ["/v1/*", "/v1/a/b"],
    ["/v1/*", "/v1"],
    ["/v1/*/refunds", "/v1/a/b/refunds"],
    ["/v1/charges", "/v1/charges/"],
    ["/v1/charges", "/v1/charges/1"],
    ["/v1/charges", "/v1/charge"],
    ["/v1/ch_*", "/v1/c"],
    ["/**/info/refs", "/info/refs"],
    ["/**/info/refs", "/a/info/refs/b"],
    ["/legacy/", "/legacy"],
  ])("%s refuses %s", (pattern, path) => {
    expect(goes({ paths: [pattern] }, { path })).toBe(false)
  })

  test.each([
    "",
    "v1",
    "http://api.stripe.com/v1/a",
    "*",
    "/v1/../admin",
    "/v1/..",
    "/v1/./a",
    "/v1/.",
    "/v1/%2e%2e/admin",
    "/v1/%2E./admin",
    "/v1/.%2e",
    "/v1/a%2ejson",
    "/v1%2fadmin",
    "/v1/%2F..%2Fadmin",
    "/v1/%252e%252e/admin",
    "/v1/%25252fadmin",
    "/v1/%255cadmin",
    "/v1/%2500",
    "//v1/a",
    "/v1//a",
    "/v1/a//",
    "/v1/..;/admin",
    "/v1/a;b=c",
    "/v1/a%3bb",
    "/v1\\..\\admin",
    "/v1/%5cadmin",
    "/v1/%5C",
    "/v1/a\0",
    "/v1/a%00",
    "/v1/a%0d%0aHost:",
    "/v1/a\r\n",
    "/v1/a b",
    "/v1/a\tb",
    "/v1/%7f",
    "/v1/a%",
    "/v1/a%2",
    "/v1/a%zz",
    "/v1/%c0%af",
    "/v1/%c0%ae%c0%ae",
    "/v1/%e0%80%af",
    "/v1/%ff",
    "/v1/é",
    "/v1/a?b",
    "/v1/a#b",
  ])("%j is ambiguous, whatever the rule says", (path) => {
    expect(() => canonicalPath(path)).toThrow(expect.objectContaining({ code: "USE_REFUSED" }))
    expect(() => goes({ paths: ["/**"] }, { path })).toThrow(
      expect.objectContaining({ code: "USE_REFUSED" }),
    )
  })

  test("has one form, which is its own", () => {
    expect(canonicalPath("/v1/%41%7e%c3%a9/%3a")).toBe("/v1/A~%C3%A9/%3A")
    assert(
      property(webPath(), (path) => {
        let form: string
        try {
          form = canonicalPath(path)
        } catch {
          return
        }
        expect(canonicalPath(form)).toBe(form)
        expect(decodeURIComponent(form)).toBe(decodeURIComponent(path))
        // What a URL's parser would make of it, the path is already.
        expect(new URL(form, "https://a.example").pathname).toBe(form)
      }),
    )
  })

  test("is compared in a time that grows with its length", () => {
    const pattern = `/${"*a".repeat(400)}`
    const path = `/${"a".repeat(20_000)}b`
    expect(goes({ paths: [pattern] }, { path })).toBe(false)
    const deep = "/**/a".repeat(60)
    expect(goes({ paths: [`${deep}/b`] }, { path: "/a".repeat(10_000) })).toBe(false)
  })
})

test("a place is one that the rule names, and no other header", () => {
  expect(goes({}, { at: "header:x-api-key" })).toBe(false)
  expect(goes({}, { at: "query:authorization" })).toBe(false)
  expect(goes({}, { at: "path" })).toBe(false)
  expect(goes({}, { at: "body:json" })).toBe(false)
  expect(goes({ at: ["query:key"] }, { at: "query:key" })).toBe(true)
  expect(goes({ at: ["query:key"] }, { at: "query:Key" })).toBe(false)
})

test("two rules do not add up to a third", () => {
  const rules: Use[] = [
    { ...STRIPE, methods: ["GET"], paths: ["/v1/**"] },
    { ...STRIPE, methods: ["POST"], paths: ["/v2/**"] },
  ]
  expect(ruleFor(rules, { ...SENT, method: "POST", path: "/v1/a" })).toBeUndefined()
  expect(ruleFor(rules, { ...SENT, method: "POST", path: "/v2/a" })).toBe(rules[1])
  expect(ruleFor([], SENT)).toBeUndefined()
})

describe("a refusal", () => {
  test("names what no rule allows, and the command that would", () => {
    const error = whyNoRule("stripe/api-key", [STRIPE], { ...SENT, method: "POST" })
    expect(error.code).toBe("USE_REFUSED")
    expect(error.message).toBe(
      "stripe/api-key may not go to POST api.stripe.com/v1/charges at header:authorization: no use names the method POST",
    )
    expect(error.hint).toBe(
      "ask an owner: agent-vault use stripe/api-key --host api.stripe.com --method POST --path /v1/charges --at header:authorization --scheme bearer",
    )
  })

  test("has a command that an owner can run: its rule allows what was refused", () => {
    const sent: Sending = {
      ...SENT,
      host: "[::1]",
      port: 8443,
      path: "/it's/$(id)/*",
      at: "query:k",
    }
    for (const uses of [[], [STRIPE], [{ ...STRIPE, scheme: "raw" as const }]]) {
      const command = whyNoRule("stripe/api-key", uses, sent).hint ?? ""
      expect(command).toContain(String.raw`--path '/it'\''s/$(id)/*'`)
      const value = (option: string): string => {
        const [, word = ""] =
          new RegExp(`--${option} ('(?:[^']|'\\\\'')*'|\\S+)`).exec(command) ?? []
        return word
          .replaceAll(String.raw`'\''`, "\0")
          .replaceAll("'", "")
          .replaceAll("\0", "'")
      }
      const use = parseUse({
        hosts: [value("host")],
        methods: [value("method")],
        paths: [value("path")],
        at: [value("at")],
        scheme: value("scheme"),
      })
      expect(ruleFor([use], sent)).toBe(use)
    }
  })

  test.each(["/**", "/v1/**/a", "/a**b"])(
    "takes stars in a path that was sent, %s, for no more than text of a segment",
    (path) => {
      const command = whyNoRule("stripe/api-key", [], { ...SENT, path }).hint ?? ""
      const [, pattern = ""] = /--path '([^']*)'/.exec(command) ?? []
      const use = parseUse({ ...STRIPE, paths: [pattern] })
      expect(ruleFor([use], { ...SENT, path })).toBe(use)
      expect(ruleFor([use], { ...SENT, path: `${path}/more/than/that` })).toBeUndefined()
    },
  )

  test("repeats no path in which a placeholder is as the one to allow", () => {
    const bot: Use = {
      ...STRIPE,
      scheme: "raw",
      at: ["path"],
      paths: ["/bot*/*"],
      methods: ["GET"],
    }
    const sent: Sending = { ...SENT, at: "path", method: "POST", path: "/bot1:x/sendMessage" }
    expect(whyNoRule("telegram/bot", [bot], sent).hint).toContain("--path '/bot*/*'")
  })
})
