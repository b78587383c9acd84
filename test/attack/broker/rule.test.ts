import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { setUse, useAt } from "../../broker/proxy/broker-world.js"
import type { Ask } from "../../../src/broker/proxy/asking.js"
import { grant } from "../../../src/core/owner.js"
import { KEY, OTHER_KEY, Stage, VALUE, expectNone } from "./stage.js"

// Attacks on the rule. Those of test/broker/proxy/order.test.ts ("a placeholder is refused",
// "between two requests", "a person") and test/broker/placing/placing.test.ts are not repeated here.

const stage = Stage.forTests()

/** The rule allows /v1/charges/** alone. */
const NARROW = { paths: ["/v1/charges/**"] }

describe("a path that two servers could read in two ways is refused", () => {
  test.each([
    "/v1/charges/../admin",
    "/v1/charges/..",
    "/v1/charges/.",
    "/v1/charges/./a",
    "/v1/charges/%2e%2e/admin",
    "/v1/charges/.%2E/admin",
    "/v1/charges/%252e%252e/admin",
    "/v1/charges/..%2fadmin",
    "/v1/charges%2f..%2fadmin",
    "/v1/charges//admin",
    "//v1/charges/a",
    "/v1/charges/..;/admin",
    "/v1/charges/a;b=c",
    "/v1/charges/..\\admin",
    "/v1/charges/%5c..%5cadmin",
    "/v1/charges/%00",
    "/v1/charges/%0d%0aX:%20y",
    "/V1/charges/a",
    "/v1/charges/%c0%ae%c0%ae/admin",
    "/v1/chargesx",
    "/v1/admin?/v1/charges/a",
  ])("%s", async (path) => {
    await stage.start({}, NARROW)
    const reply = await stage.send({ line: `GET ${path} HTTP/1.1` })
    expect(stage.told(reply)).toEqual([403, "USE_REFUSED", 0])
  })
})

const FORM = "Content-Type: application/x-www-form-urlencoded"

describe("a request that the server would take for another is refused", () => {
  test.each([
    ["a header", "/v1/charges/a", "X-HTTP-Method-Override: DELETE"],
    ["a header as CGI reads it", "/v1/charges/a", "X_HTTP_Method_Override: DELETE"],
    ["another header", "/v1/charges/a", "X-Method-Override: DELETE"],
    ["the query", "/v1/charges/a?_method=delete", "X: y"],
    ["the query, as Salesforce has it", "/v1/charges/a?_HttpMethod=DELETE", "X: y"],
    ["the query, by a header's name", "/v1/charges/a?x-http-method-override=DELETE", "X: y"],
    ["the query, as Google has it", "/v1/charges/a?%24httpMethod=DELETE", "X: y"],
    [
      "headers in the query, as Google has them",
      "/v1/charges/a?$httpHeaders=X-HTTP-Method-Override:DELETE",
      "X: y",
    ],
    ["the query, escaped", "/v1/charges/a?%5Fm%65thod=delete", "X: y"],
    ["the query, after a semicolon", "/v1/charges/a?a=b;_method=delete", "X: y"],
    ["a header as some of CGI read it", "/v1/charges/a", "X.HTTP~Method!Override: DELETE"],
    ["a host in a header", "/v1/charges/a", "X-Forwarded-Host: other.pay.test"],
    ["a host behind this machine's", "/v1/charges/a", "X-Forwarded-Host: localhost:3000, a.test"],
    ["a host that begins like it", "/v1/charges/a", "X-Forwarded-Host: localhost.pay.test"],
    [
      "a host beside it",
      "/v1/charges/a",
      "X-Forwarded-Host: localhost\r\nX-Forwarded-Host: a.test",
    ],
    ["a host in another header", "/v1/charges/a", "Forwarded: host=other.pay.test"],
    ["a path before its own", "/v1/charges/a", "X-Forwarded-Prefix: /v1/admin"],
    ["a path in a header", "/v1/charges/a", "X-Original-URL: /v1/admin"],
    ["a path in another header", "/v1/charges/a", "X-Rewrite-URL: /v1/admin"],
    ["a form", "/v1/charges/a", FORM, "_method=delete"],
    ["a form, escaped, in capitals", "/v1/charges/a", FORM, "a=b&%5FMETHOD=delete"],
    ["a form, as PHP reads it", "/v1/charges/a", FORM, ".method=delete"],
  ])("by %s", async (_what, path, more, body = "") => {
    await stage.start({}, NARROW)
    const reply = await stage.send({ line: `POST ${path} HTTP/1.1`, more: `\r\n${more}` }, body)
    expect(stage.told(reply)).toEqual([403, "USE_REFUSED", 0])
  })

  test.each(["localhost:3000", "127.0.0.1:3000", "[::1]:8080", "LOCALHOST"])(
    "but not for %s, as proxies of development servers add it: the server does not get it",
    async (host) => {
      await stage.start({}, NARROW)
      const more = `\r\nX-Forwarded-Host: ${host}\r\nx_forwarded_host: ${host}\r\nX-Forwarded-For: ::1`
      expect((await stage.send({ line: "GET /v1/charges/a HTTP/1.1", more })).status).toBe(200)
      const [got] = stage.service.got
      expect(got?.request.headers.authorization).toContain(VALUE)
      const names = Object.keys(got?.request.headers ?? {})
      expect(names.filter((name) => name.startsWith("x"))).toEqual(["x-forwarded-for"])
    },
  )

  test("and reaches it as it is where it gets no value", async () => {
    await stage.start({}, NARROW)
    const head = `GET /v1/charges/a HTTP/1.1\r\nHost: ${stage.service.authority}\r\nX-Forwarded-Host: localhost`
    await stage.broker.send(stage.service, head)
    expect(stage.service.got[0]?.request.headers["x-forwarded-host"]).toBe("localhost")
  })

  test.each(["get", "Get", "POST-X", "PROPFIND"])("with the method %s", async (method) => {
    await stage.start()
    const reply = await stage.send({ line: `${method} /v1/charges HTTP/1.1` })
    expect([400, 403]).toContain(reply.status)
    expect(stage.service.got.length).toBe(0)
  })
})

describe("a placeholder at another place than the rule's is refused", () => {
  test.each([
    ["the query", "GET /v1/a?key=PLACEHOLDER HTTP/1.1", "X: y"],
    ["the path", "GET /v1/PLACEHOLDER HTTP/1.1", "X: y"],
    ["a cookie", "GET /v1/a HTTP/1.1", "Cookie: a=PLACEHOLDER"],
    ["another header", "GET /v1/a HTTP/1.1", "X-Debug: PLACEHOLDER"],
    ["the name of a header", "GET /v1/a HTTP/1.1", "PLACEHOLDER: y"],
    ["Basic", "GET /v1/a HTTP/1.1", "Authorization: Basic BASIC"],
    ["another scheme", "GET /v1/a HTTP/1.1", "Authorization: Digest PLACEHOLDER"],
    ["its header, twice", "GET /v1/a HTTP/1.1", "Authorization: Bearer PLACEHOLDER, PLACEHOLDER"],
    ["text after it", "GET /v1/a HTTP/1.1", "Authorization: Bearer PLACEHOLDER@evil.test"],
    ["the user's header", "GET /v1/a HTTP/1.1", "User-Agent: PLACEHOLDER"],
    ["the word of a range", "GET /v1/a HTTP/1.1", "Range: bytes=0-1\r\nX-A: PLACEHOLDER"],
  ])("%s", async (_what, line, more) => {
    await stage.start()
    const placeholder = stage.broker.of(KEY)
    const written = (text: string): string =>
      text
        .replaceAll("PLACEHOLDER", placeholder)
        .replaceAll("BASIC", Buffer.from(`x:${placeholder}`).toString("base64"))
    const head = `${written(line)}\r\nHost: ${stage.service.authority}\r\n${written(more)}`
    const reply = await stage.broker.send(stage.service, head)
    const [status, code, got] = stage.told(reply)
    expect([status, got]).toEqual([403, 0])
    expect(["USE_REFUSED", "PLACEHOLDER_REFUSED"]).toContain(code)
  })

  test("another secret's placeholder beside one's own: nothing of either leaves", async () => {
    await stage.start()
    const more = `\r\nX-Api-Key: ${stage.broker.of(OTHER_KEY)}`
    expect(stage.told(await stage.send({ more }))).toEqual([403, "USE_REFUSED", 0])
  })

  test.each([
    ["cut by one", (text: string) => text.slice(0, -1)],
    ["with one more", (text: string) => `${text}x`],
    ["in another case", (text: string) => text.toUpperCase()],
    [
      "escaped",
      (text: string) => text.replace(/.$/, (last) => `%${last.charCodeAt(0).toString(16)}`),
    ],
  ])("%s it brings no value", async (_what, change) => {
    await stage.start()
    const head = `GET /v1/a HTTP/1.1\r\nHost: ${stage.service.authority}\r\nAuthorization: Bearer ${change(stage.broker.of(KEY))}`
    await stage.broker.send(stage.service, head)
    expectNone(JSON.stringify(stage.service.got.map(({ request }) => request.rawHeaders)))
  })
})

describe("what happens meanwhile decides the next request", () => {
  test("a grant that ends", async () => {
    await stage.start()
    expect((await stage.send()).status).toBe(200)
    // An owner's clock is behind, so that nobody has to wait.
    const now = new Date(Date.now() - 2 * 3_600_000)
    const until = new Date(Date.now() - 3_600_000).toISOString().replace(/\.\d+Z/, "Z")
    const request = { ...(await stage.world.request()), now }
    await grant({ ...request, agent: "ci", groups: ["stripe"], until })
    expect(stage.told(await stage.send())).toEqual([403, "GRANT_ENDED", 1])
  })

  test("an agent that is removed", async () => {
    await stage.start()
    expect((await stage.send()).status).toBe(200)
    await stage.world.revoke("ci", "stripe")
    expect(stage.told(await stage.send())[2]).toBe(1)
  })

  test("a secret whose uses are all taken away", async () => {
    await stage.start()
    expect((await stage.send()).status).toBe(200)
    await setUse(stage.world, KEY, [useAt(stage.elsewhere)], VALUE)
    expect(stage.told(await stage.send())).toEqual([403, "USE_REFUSED", 1])
  })

  test("an older record, with its wider rule, put back", async () => {
    await stage.start()
    const path = ".agent-vault/secrets/stripe/api-key.json"
    const before = readFileSync(join(stage.world.top, path), "utf8")
    await setUse(stage.world, KEY, [useAt(stage.service, { paths: ["/v1/balance"] })], VALUE)
    expect(stage.told(await stage.send())).toEqual([403, "USE_REFUSED", 0])
    stage.world.write(path, before)
    const [status, code, got] = stage.told(await stage.send())
    expect([status, code, got]).toEqual([403, "ROLLED_BACK", 0])
  })

  test.each([
    ["a word that nobody knows", (text: string) => text.replace('"bearer"', '"anything"')],
    ["no JSON", () => "{"],
    ["nothing", () => ""],
  ])("a record that errs: %s", async (_what, change) => {
    await stage.start()
    const path = ".agent-vault/secrets/stripe/api-key.json"
    const before = readFileSync(join(stage.world.top, path), "utf8")
    stage.world.write(path, change(before))
    const [status, , got] = stage.told(await stage.send())
    expect([status, got]).toEqual([403, 0])
  })
})

describe("a person's yes", () => {
  test("to one body is none to another", async () => {
    const digests: (string | undefined)[] = []
    const ask: Ask = ({ request }) => {
      digests.push(request?.body)
      return Promise.resolve({ choice: digests.length === 1 ? "once" : "no" })
    }
    await stage.start({ ask }, { ask: "each" })
    const line = "POST /v1/charges HTTP/1.1"
    expect((await stage.send({ line }, "amount=1")).status).toBe(200)
    expect(stage.told(await stage.send({ line }, "amount=1000000"))).toEqual([
      403,
      "ASK_REFUSED",
      1,
    ])
    expect(new Set(digests).size).toBe(2)
  })

  test("is to the query too, which they see", async () => {
    const paths: (string | undefined)[] = []
    const ask: Ask = ({ request }) => {
      paths.push(request?.path)
      return Promise.resolve({ choice: paths.length === 1 ? "once" : "no" })
    }
    await stage.start({ ask }, { ask: "each" })
    expect((await stage.send({ line: "POST /v1/charges?amount=1 HTTP/1.1" })).status).toBe(200)
    const reply = await stage.send({ line: "POST /v1/charges?amount=1000000 HTTP/1.1" })
    expect(stage.told(reply)).toEqual([403, "ASK_REFUSED", 1])
    expect(paths).toEqual(["/v1/charges?amount=1", "/v1/charges?amount=1000000"])
  })

  test("that came too late, after the rule was taken away, sends nothing", async () => {
    const ask: Ask = async () => {
      await setUse(stage.world, KEY, [useAt(stage.service, { methods: ["DELETE"] })], VALUE)
      return { choice: "once" }
    }
    await stage.start({ ask }, { ask: "each" })
    expect(stage.told(await stage.send())).toEqual([403, "USE_REFUSED", 0])
  })

  test("that came too late, after a revoke, sends nothing", async () => {
    const ask: Ask = async () => {
      await stage.world.revoke("ci", "stripe")
      return { choice: "once" }
    }
    await stage.start({ ask }, { ask: "each" })
    const [status, , got] = stage.told(await stage.send())
    expect([status, got]).toEqual([403, 0])
  })
})
