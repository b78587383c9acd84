import { createHash, randomBytes } from "node:crypto"
import { mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { gzipSync } from "node:zlib"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import {
  type Use,
  attributionOf,
  auditFolder,
  auditTo,
  claimedId,
  findVault,
} from "../../../src/core/index.js"
import type { Ask } from "../../../src/broker/proxy/asking.js"
import { changeUse, setPolicy } from "../../../src/core/owner.js"
import type { Choice, ChoiceQuestion } from "../../../src/questions/question.js"
import { type World, outcome } from "../../core/world.js"
import {
  type BrokerOptions,
  BrokerWorld,
  Reader,
  type Reply,
  Service,
  brokeredWorld,
  refusalIn,
  setUse,
  useAt,
} from "./broker-world.js"

const KEY = "stripe/api-key"
const VALUE = `test-only-${randomBytes(12).toString("hex")}`
const OTHER = `test-only-${randomBytes(12).toString("hex")}`
let service: Service
let elsewhere: Service
let template: World
let world: World
let brokered: BrokerWorld

beforeAll(async () => {
  service = await Service.start("api.pay.test")
  elsewhere = await Service.start("other.pay.test")
  template = await brokeredWorld({
    [KEY]: { value: VALUE, use: [useAt(service)] },
    "stripe/webhook": { value: OTHER, use: [useAt(elsewhere)] },
  })
})
afterEach(() => {
  brokered.close()
  world.remove()
  for (const each of [service, elsewhere]) {
    each.got.length = 0
    each.handler = (_request, response) => response.end("ok")
  }
})
afterAll(() => {
  service.close()
  elsewhere.close()
  template.remove()
})

const SECRETS = [KEY, "stripe/webhook"]

async function start(options: BrokerOptions = {}, use?: Partial<Use>): Promise<void> {
  world = template.copy()
  if (use !== undefined) await setUse(world, KEY, [useAt(service, use)], VALUE)
  brokered = await BrokerWorld.start(world, SECRETS, [service, elsewhere], options)
}

/** A request with the placeholder as most clients send it. */
function charges(changes: { line?: string; host?: string; more?: string } = {}): string {
  const { line = "GET /v1/charges HTTP/1.1", host = service.authority, more = "" } = changes
  return `${line}\r\nHost: ${host}\r\nAuthorization: Bearer ${brokered.of(KEY)}${more}`
}

/** The code of a refusal, and how many requests the other sides got. */
function told(reply: Reply): [number, string, number] {
  return [reply.status, refusalIn(reply).code, service.got.length + elsewhere.got.length]
}

describe("a value", () => {
  test("is put in place of its placeholder, and not elsewhere", async () => {
    await start()
    const body = JSON.stringify({ prompt: `my key is ${brokered.of(KEY)}` })
    const more = `\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`
    const reply = await brokered.send(
      service,
      charges({ line: "POST /v1/charges?a=%20b&c HTTP/1.1", more }),
      body,
    )
    expect([reply.status, reply.body.toString()]).toEqual([200, "ok"])
    const [got] = service.got
    expect(got?.request.headers.authorization).toBe(`Bearer ${VALUE}`)
    expect(got?.request.url).toBe("/v1/charges?a=%20b&c")
    // Merely quoted, it passes as it is.
    expect(got?.body.toString()).toBe(body)
  })

  test("comes back from nowhere in a reply", async () => {
    await start()
    service.handler = (request, response) => {
      const echo = request.headers.authorization ?? ""
      const text = `${echo} ${Buffer.from(echo).toString("base64")}`
      response.writeHead(200, `OK ${VALUE}`, [
        ["X-Echo", echo],
        ["Set-Cookie", `a=${VALUE}`],
        ["Content-Encoding", "gzip"],
        ["Trailer", "X-Late"],
      ])
      response.write(gzipSync(text))
      response.addTrailers({ "X-Late": echo })
      response.end()
    }
    const socket = await brokered.tunnel(service)
    socket.write(`${charges()}\r\n\r\n`)
    const reader = new Reader(socket)
    const reply = await reader.reply()
    socket.destroy()
    const all = [reply.head, reply.body.toString(), reader.trailers].join("\n")
    expect(all).not.toContain(VALUE)
    expect(all).not.toContain(Buffer.from(VALUE).toString("base64").slice(4, 16))
    expect(all.split("[REDACTED stripe/api-key]").length).toBeGreaterThanOrEqual(5)
  })

  test("goes into Basic, a query, a path, JSON and a form", async () => {
    const at = ["header:authorization", "query:key", "path", "body:json", "body:form"] as const
    const seen: string[] = []
    await start({}, { at: [...at], scheme: "raw", methods: ["POST"], paths: ["/v1/**"] })
    const placeholder = brokered.of(KEY)
    const tries: [string, string, string][] = [
      [`POST /v1/a?key=${placeholder} HTTP/1.1`, "", ""],
      [`POST /v1/${placeholder}/b HTTP/1.1`, "", ""],
      ["POST /v1/c HTTP/1.1", "application/json", `{"key":"${placeholder}"}`],
      ["POST /v1/d HTTP/1.1", "application/x-www-form-urlencoded", `a=b&key=${placeholder}`],
    ]
    for (const [line, type, body] of tries) {
      const head = `${line}\r\nHost: ${service.authority}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}`
      const reply = await brokered.send(service, head, body)
      seen.push(
        `${reply.status} ${service.got.at(-1)?.request.url} ${service.got.at(-1)?.body.toString()}`,
      )
    }
    expect(seen).toEqual([
      `200 /v1/a?key=${VALUE} `,
      `200 /v1/${VALUE}/b `,
      `200 /v1/c {"key":"${VALUE}"}`,
      `200 /v1/d a=b&key=${VALUE}`,
    ])
  })

  test("goes to all places that one rule names, once to each", async () => {
    const at = ["header:apikey", "header:authorization", "body:json"] as const
    const asked: string[] = []
    const ask: Ask = ({ request }) => {
      asked.push(request?.path ?? "")
      return Promise.resolve({ choice: "session" })
    }
    await start({ ask }, { at: [...at], scheme: "raw", ask: "session" })
    const placeholder = brokered.of(KEY)
    const body = `{"key":"${placeholder}"}`
    const more = `\r\napikey: ${placeholder}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`
    const head = charges({ line: "POST /v1/a HTTP/1.1", more })
    expect((await brokered.send(service, head, body)).status).toBe(200)
    const [got] = service.got
    const { authorization, apikey } = got?.request.headers ?? {}
    expect([authorization, apikey, got?.body.toString()]).toEqual([
      `Bearer ${VALUE}`,
      VALUE,
      `{"key":"${VALUE}"}`,
    ])
    // One question for one request.
    expect(asked).toEqual(["/v1/a"])
    const again = charges({ more: `\r\napikey: ${placeholder},${placeholder}` })
    expect(told(await brokered.send(service, again))).toEqual([403, "PLACEHOLDER_REFUSED", 1])
    const beside = charges({ more: `\r\nX-Key: ${placeholder}` })
    expect(told(await brokered.send(service, beside))).toEqual([403, "PLACEHOLDER_REFUSED", 1])
  })

  test("goes to no two places that two rules name", async () => {
    await start()
    const rules = [useAt(service), useAt(service, { at: ["header:apikey"], scheme: "raw" })]
    await setUse(world, KEY, rules, VALUE)
    const apart = `GET /v1/a HTTP/1.1\r\nHost: ${service.authority}\r\napikey: ${brokered.of(KEY)}`
    expect((await brokered.send(service, apart)).status).toBe(200)
    const both = charges({ more: `\r\napikey: ${brokered.of(KEY)}` })
    const reply = await brokered.send(service, both)
    expect(told(reply)).toEqual([403, "PLACEHOLDER_REFUSED", 1])
    expect(refusalIn(reply).hint).toContain("--at header:authorization --at header:apikey")
    // A third rule that names both is the one, though the others come before it.
    const at = ["header:apikey", "header:authorization"] as const
    await setUse(world, KEY, [...rules, useAt(service, { at: [...at], scheme: "raw" })], VALUE)
    expect((await brokered.send(service, both)).status).toBe(200)
  })

  test("is not put into a request that would be taken for another method", async () => {
    await start()
    const more = "\r\nX-HTTP-Method-Override: DELETE"
    expect(told(await brokered.send(service, charges({ more })))).toEqual([403, "USE_REFUSED", 0])
    const line = "GET /v1/charges?_method=delete HTTP/1.1"
    expect(told(await brokered.send(service, charges({ line })))).toEqual([403, "USE_REFUSED", 0])
  })

  test.each([
    "_method=DELETE",
    "a=b&_METHOD=put",
    "a=b;%5Fmethod=DELETE",
    ".method=DELETE",
    "_HttpMethod=DELETE",
    "X-HTTP-Method-Override=DELETE",
  ])("is not put into a form that would be taken for another method: %s", async (form) => {
    await start()
    const send = (body: string, type = "application/x-www-form-urlencoded"): Promise<Reply> => {
      const more = `\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}`
      return brokered.send(service, charges({ line: "POST /v1/a HTTP/1.1", more }), body)
    }
    expect(told(await send(form))).toEqual([403, "USE_REFUSED", 0])
    const types = "text/plain\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8"
    expect(told(await send(form, types))).toEqual([403, "USE_REFUSED", 0])
    // What only looks like it is a value of the program's.
    expect((await send("a=_method%3DDELETE&the_method=x")).status).toBe(200)
    expect(service.got[0]?.body.toString()).toBe("a=_method%3DDELETE&the_method=x")
  })

  test("does not follow a redirect", async () => {
    await start()
    service.handler = (_request, response) => {
      response.writeHead(302, { Location: `https://${elsewhere.authority}/v1/a` }).end()
    }
    const reply = await brokered.send(service, charges())
    expect([reply.status, elsewhere.got.length]).toEqual([302, 0])
    const next = charges({ line: "GET /v1/a HTTP/1.1", host: elsewhere.authority })
    expect(told(await brokered.send(elsewhere, next))).toEqual([403, "USE_REFUSED", 1])
  })
})

describe("where a request goes", () => {
  test.each([
    ["Host", { host: "other.pay.test" }],
    ["the port in Host", { host: "api.pay.test:443" }],
    ["no port in Host", { host: "api.pay.test" }],
    ["a user in Host", { host: `x@api.pay.test` }],
  ])("%s differs", async (_what, changes) => {
    await start()
    const reply = await brokered.send(service, charges(changes))
    expect(told(reply)).toEqual([403, "TARGET_REFUSED", 0])
  })

  test("the name in the handshake differs", async () => {
    await start()
    const socket = await brokered.tunnel(service, "other.pay.test")
    socket.write(`${charges()}\r\n\r\n`)
    expect(told(await new Reader(socket).reply())).toEqual([403, "TARGET_REFUSED", 0])
    socket.destroy()
  })

  test("a target in absolute form is refused, whatever it names", async () => {
    await start()
    for (const host of [service.authority, elsewhere.authority]) {
      const line = `GET https://${host}/v1/charges HTTP/1.1`
      const reply = await brokered.send(service, charges({ line }))
      expect(told(reply)).toEqual([400, "REQUEST_REFUSED", 0])
    }
  })

  test.each([
    ["a host that no use names", "www.pay.test:443", "--allow www.pay.test"],
    ["its subdomain", "a.api.pay.test:443", "--allow"],
    ["its suffix", "api.pay.test.evil.test:443", "--allow"],
    ["another port", "api.pay.test:22", "--allow api.pay.test:22"],
    ["this machine", "127.0.0.1:443", "--host 127.0.0.1"],
    ["this machine as a number", "2130706433:443", "--host 127.0.0.1"],
  ])("%s is refused, with what would allow it", async (_what, authority, hint) => {
    await start()
    const { reply } = await brokered.connect(authority)
    expect(told(reply)).toEqual([403, "TARGET_REFUSED", 0])
    expect(refusalIn(reply).hint).toContain(hint)
  })

  test("an allowed host and a tunnel are vetted", async () => {
    await start({
      allowed: ["127.0.0.1", "localtest.test"],
      unbound: "tunnel",
      resolve: () => Promise.resolve(["127.0.0.1"]),
    })
    for (const authority of ["any.test:443", "127.1:80", "[::ffff:127.0.0.1]:443"]) {
      const { reply } = await brokered.connect(authority)
      expect([reply.status, authority]).toEqual([authority === "127.1:80" ? 200 : 403, authority])
    }
    const local = { host: "localtest.test", authority: "localtest.test:443" }
    const reply = await brokered.send(local, "GET / HTTP/1.1\r\nHost: localtest.test")
    expect(told(reply)).toEqual([403, "TARGET_REFUSED", 0])
  })

  test("nothing goes over plain HTTP to the host of a use", async () => {
    await start({ unbound: "tunnel" })
    const socket = await brokered.dial()
    socket.write(
      `GET http://${service.authority}/v1/charges HTTP/1.1\r\nHost: ${service.authority}\r\nProxy-Authorization: Basic ${Buffer.from(`x:${brokered.token}`).toString("base64")}\r\nAuthorization: Bearer ${brokered.of(KEY)}\r\n\r\n`,
    )
    const reply = await new Reader(socket).reply()
    expect(told(reply)).toEqual([403, "TARGET_REFUSED", 0])
    socket.destroy()
  })

  test("another side that cannot prove itself gets nothing", async () => {
    await start({ roots: elsewhere.root })
    const reply = await brokered.send(service, charges())
    expect(told(reply)).toEqual([502, "UPSTREAM_UNTRUSTED", 0])
  })

  test("a port that nobody listens on is unreachable", async () => {
    const closed = await Service.start("closed.pay.test")
    closed.close()
    await start({ resolve: () => Promise.resolve(["127.0.0.1"]) }, { hosts: [closed.authority] })
    const head = charges({ host: closed.authority })
    expect(told(await brokered.send(closed, head))).toEqual([502, "UPSTREAM_UNREACHABLE", 0])
  })
})

describe("the token", () => {
  test.each(["", "wrong", "x".repeat(43)])("%j is not it", async (token) => {
    await start()
    const { reply } = await brokered.connect(service.authority, token)
    expect(told(reply)).toEqual([407, "PROXY_TOKEN_WRONG", 0])
    expect(reply.headers.get("proxy-authenticate")).toBe('Basic realm="agent-vault"')
  })

  test("is asked of plain requests too", async () => {
    await start()
    const socket = await brokered.dial()
    socket.write("GET http://any.test/ HTTP/1.1\r\nHost: any.test\r\n\r\n")
    expect(told(await new Reader(socket).reply())).toEqual([407, "PROXY_TOKEN_WRONG", 0])
    socket.destroy()
  })
})

describe("a placeholder is refused", () => {
  test("of another run", async () => {
    await start()
    const before = charges()
    brokered.close()
    world.remove()
    await start()
    expect(told(await brokered.send(service, before))).toEqual([403, "PLACEHOLDER_REFUSED", 0])
  })

  test("twice, in another header, at another host, method or path", async () => {
    await start()
    const placeholder = brokered.of(KEY)
    const twice = `GET /v1/a?a=${placeholder}&a=${placeholder} HTTP/1.1\r\nHost: ${service.authority}`
    const more = charges({ more: `\r\nX-Api-Key: ${placeholder}` })
    const other = `GET /v1/a HTTP/1.1\r\nHost: ${service.authority}\r\nX-Api-Key: ${placeholder}`
    expect(told(await brokered.send(service, twice))).toEqual([403, "PLACEHOLDER_REFUSED", 0])
    expect(told(await brokered.send(service, more))).toEqual([403, "PLACEHOLDER_REFUSED", 0])
    expect(told(await brokered.send(service, other))).toEqual([403, "USE_REFUSED", 0])
    const there = charges({ host: elsewhere.authority })
    expect(told(await brokered.send(elsewhere, there))).toEqual([403, "USE_REFUSED", 0])
    for (const line of ["PUT /v1/a HTTP/1.1", "GET /v2/a HTTP/1.1", "GET /v1/%2e%2e/a HTTP/1.1"]) {
      const reply = await brokered.send(service, charges({ line }))
      expect([line, ...told(reply)]).toEqual([line, 403, "USE_REFUSED", 0])
    }
  })
})

describe("once a program is gone", () => {
  test("what it waited for is broken off, and not sent again", async () => {
    await start()
    const socket = await brokered.tunnel(service)
    const reader = new Reader(socket)
    socket.write(`${charges()}\r\n\r\n`)
    expect((await reader.reply()).status).toBe(200)
    // On the connection that is kept, as the next one finds it.
    const broken = new Promise((resolve) => {
      service.handler = (request) => {
        request.socket.once("close", resolve)
        socket.destroy()
      }
    })
    socket.write(`${charges()}\r\n\r\n`)
    await broken
    service.handler = (_request, response) => response.end("ok")
    // Behind whatever else would have been sent.
    expect((await brokered.send(service, charges())).status).toBe(200)
    expect(service.got).toHaveLength(3)
  })
})

test("a kept connection that ends with a POST: it is sent once, and nobody is told to send it again", async () => {
  await start()
  const socket = await brokered.tunnel(service)
  const reader = new Reader(socket)
  const head = charges({ line: "POST /v1/a HTTP/1.1", more: "\r\nContent-Length: 0" })
  socket.write(`${head}\r\n\r\n`)
  expect((await reader.reply("POST")).status).toBe(200)
  service.handler = (request) => request.socket.destroy()
  socket.write(`${head}\r\n\r\n`)
  const reply = await reader.reply("POST")
  expect(told(reply)).toEqual([502, "UPSTREAM_UNREACHABLE", 2])
  expect(refusalIn(reply).hint).toContain("look before you send it again")
  socket.destroy()
})

async function takeUsesAway(): Promise<void> {
  await changeUse({ ...(await world.request()), name: KEY, edit: { do: "remove" } })
}

describe("as long as the body of a request is awaited", () => {
  test.each([
    ["a revoke", "NOT_GRANTED", () => world.revoke("ci", "stripe")],
    ["a rule that is taken away", "USE_REFUSED", takeUsesAway],
  ])("%s stops it", async (_what, code, change) => {
    await start()
    // Files that are old enough are looked at, and not read again; the first request makes some.
    for (let requests = 0; requests < 3; requests++) {
      expect((await brokered.send(service, charges())).status).toBe(200)
      await sleep(150)
    }
    const socket = await brokered.tunnel(service)
    const reader = new Reader(socket)
    const more = "\r\nExpect: 100-continue\r\nContent-Length: 3"
    socket.write(`${charges({ line: "POST /v1/a HTTP/1.1", more })}\r\n\r\n`)
    expect((await reader.reply("POST", true)).status).toBe(100)
    await change()
    socket.write("abc")
    expect(told(await reader.reply("POST"))).toEqual([403, code, 3])
    socket.destroy()
  })
})

describe("between two requests", () => {
  test("a revoke stops the next one", async () => {
    await start()
    expect((await brokered.send(service, charges())).status).toBe(200)
    await world.revoke("ci", "stripe")
    expect(told(await brokered.send(service, charges()))).toEqual([403, "NOT_GRANTED", 1])
  })

  test("a changed rule counts, on the same connection too", async () => {
    await start()
    const socket = await brokered.tunnel(service)
    const reader = new Reader(socket)
    socket.write(`${charges()}\r\n\r\n`)
    expect((await reader.reply()).status).toBe(200)
    await setUse(world, KEY, [useAt(service, { methods: ["POST"] })], VALUE)
    socket.write(`${charges()}\r\n\r\n`)
    expect(told(await reader.reply())).toEqual([403, "USE_REFUSED", 1])
    socket.destroy()
  })

  test("a new value is sent, and neither comes back", async () => {
    await start()
    await brokered.send(service, charges())
    const fresh = `test-only-${randomBytes(12).toString("hex")}`
    await setUse(world, KEY, [useAt(service)], fresh)
    service.handler = (request, response) => {
      response.end(`${request.headers.authorization} ${VALUE}`)
    }
    const reply = await brokered.send(service, charges())
    expect(service.got[1]?.request.headers.authorization).toBe(`Bearer ${fresh}`)
    expect(reply.body.toString()).toBe(`Bearer [REDACTED ${KEY}] [REDACTED ${KEY}]`)
  })

  test("a record that nobody signed stops it", async () => {
    await start()
    const path = ".agent-vault/secrets/stripe/api-key.json"
    const record = readFileSync(join(world.top, path), "utf8")
    world.write(path, record.replaceAll("/v1/**", "/**/a"))
    expect(told(await brokered.send(service, charges()))).toEqual([403, "SIGNATURE_INVALID", 0])
  })
})

describe("a person", () => {
  test("is asked where the rule says so; nobody there is a no", async () => {
    await start({}, { ask: "session" })
    expect(told(await brokered.send(service, charges()))).toEqual([403, "ASK_REFUSED", 0])
  })

  test.each([
    ["session", "session", 1],
    ["session", "once", 2],
    ["each", "once", 2],
  ] as const)("is asked by a rule that says %s, and says yes: %s", async (rule, choice, times) => {
    const questions: ChoiceQuestion[] = []
    await start(
      {
        ask: (question) => {
          questions.push(question)
          return Promise.resolve({ choice })
        },
        who: "a test, as the agent ci",
      },
      { ask: rule },
    )
    const body = "a=1"
    const more = `\r\nContent-Length: ${body.length}`
    const line = "POST /v1/charges HTTP/1.1"
    for (const _ of [1, 2]) {
      const reply = await brokered.send(service, charges({ line, more }), body)
      expect(reply.status).toBe(200)
    }
    expect(questions.length).toBe(times)
    const [{ request, yes, ...asked } = { yes: {} }] = questions
    expect(asked).toMatchObject({ kind: "choice", secret: KEY, who: "a test, as the agent ci" })
    expect(request).toMatchObject({
      method: "POST",
      host: service.authority,
      path: "/v1/charges",
    })
    // `each` is each time: nobody can say yes for more, and it is for this very body.
    expect(Object.keys(yes)).toEqual(rule === "each" ? ["once"] : ["once", "session"])
    expect(request?.body?.startsWith("sha256:")).toBe(rule === "each" ? true : undefined)
    expect(service.got.at(-1)?.body.toString()).toBe(body)
  })

  test("is asked where the vault's policy says so, and what it denies is not asked about", async () => {
    let asked = 0
    const ask: Ask = () => {
      asked += 1
      return Promise.resolve({ choice: "session" })
    }
    await start({ ask })
    const rules = [
      { name: "granted", when: "true", effect: "allow" },
      { name: "a person", when: 'request.method == "POST"', effect: "confirm" },
      { name: "never", when: 'request.path.startsWith("/v1/refunds")', effect: "deny" },
    ]
    const bytes = Buffer.from(JSON.stringify({ version: 1, rules }))
    // It counts from the next request on.
    await setPolicy(await world.request(), { file: "rules", bytes })
    expect((await brokered.send(service, charges())).status).toBe(200)
    expect(asked).toBe(0)
    const line = "POST /v1/charges HTTP/1.1"
    for (const _ of [1, 2]) {
      const reply = await brokered.send(service, charges({ line, more: "\r\nContent-Length: 0" }))
      expect([reply.status, asked]).toEqual([200, 1])
    }
    const refund = "POST /v1/refunds HTTP/1.1"
    const reply = await brokered.send(
      service,
      charges({ line: refund, more: "\r\nContent-Length: 0" }),
    )
    expect([told(reply), asked]).toEqual([[403, "POLICY_REFUSED", 3], 1])
  })

  test("who agrees to one request agrees to no other", async () => {
    let choice: Choice = "session"
    await start({ ask: () => Promise.resolve({ choice }) }, { ask: "session" })
    expect((await brokered.send(service, charges())).status).toBe(200)
    choice = "no"
    const line = "GET /v1/refunds HTTP/1.1"
    expect(told(await brokered.send(service, charges({ line })))).toEqual([403, "ASK_REFUSED", 1])
  })

  test("agrees to the body that leaves, not to what the program sent", async () => {
    const digests: unknown[] = []
    const ask: Ask = ({ request }) => {
      digests.push(request?.body)
      return Promise.resolve({ choice: "once" })
    }
    await start({ ask, isModel: () => true }, { ask: "each" })
    for (const body of ["hello", `it says ${OTHER}`]) {
      const more = `\r\nContent-Length: ${body.length}`
      const head = charges({ line: "POST /v1/charges HTTP/1.1", more })
      expect((await brokered.send(service, head, body)).status).toBe(200)
    }
    const left = service.got.map(({ body }) => createHash("sha256").update(body).digest("hex"))
    expect(digests).toEqual(left.map((digest) => `sha256:${digest}`))
    expect(service.got[1]?.body.toString()).toBe("it says [REDACTED stripe/webhook]")
  })

  test("who agreed for the run agreed to no rule that asks each time since", async () => {
    const ask: Ask = async () => {
      await setUse(world, KEY, [useAt(service, { ask: "each" })], VALUE)
      return { choice: "session" }
    }
    await start({ ask }, { ask: "session" })
    expect(told(await brokered.send(service, charges()))).toEqual([403, "ASK_REFUSED", 0])
  })

  test.each([
    ["fails", () => Promise.reject(new Error("nobody"))],
    ["is late", () => Promise.resolve({ without: "timeout" })],
    ["is answered with something else", () => Promise.resolve({ choice: true })],
  ] as const)("whose asking %s says no", async (_what, ask) => {
    await start({ ask: ask as unknown as Ask }, { ask: "each" })
    expect(told(await brokered.send(service, charges()))).toEqual([403, "ASK_REFUSED", 0])
  })
})

describe("what the vault gets during a run is looked for from the next request on:", () => {
  const FRESH = `test-only-${randomBytes(12).toString("hex")}`
  const line = "POST /v1/charges HTTP/1.1"
  const post = (): Promise<Reply> => {
    const more = `\r\nContent-Length: ${FRESH.length}`
    return brokered.send(service, charges({ line, more }), FRESH)
  }
  test("a secret that was set", async () => {
    await start()
    expect((await post()).status).toBe(200)
    await world.set("stripe/new", FRESH)
    expect(told(await post())).toEqual([403, "GATE_REFUSED", 1])
    service.handler = (_request, response) => response.end(`held: ${FRESH}`)
    const { body } = await brokered.send(service, charges())
    expect(body.toString()).toBe("held: [REDACTED stripe/new]")
  })

  test("the new value of one, which the old one stays beside", async () => {
    await start()
    expect((await post()).status).toBe(200)
    await world.set("stripe/webhook", FRESH)
    service.handler = (_request, response) => response.end(`held: ${FRESH} ${OTHER}`)
    const { body } = await brokered.send(service, charges())
    expect(body.toString().match(/\[REDACTED stripe\/webhook\]/g)).toHaveLength(2)
    expect(told(await post())).toEqual([403, "GATE_REFUSED", 2])
  })

  test("one of a group that was granted", async () => {
    world = template.copy()
    await world.set("later/key", FRESH)
    brokered = await BrokerWorld.start(world, SECRETS, [service, elsewhere])
    // Nobody can look for what this agent cannot read.
    expect((await post()).status).toBe(200)
    await world.grant("ci", "later")
    expect(told(await post())).toEqual([403, "GATE_REFUSED", 1])
  })

  test("and nothing is read again while nothing changes", async () => {
    await startNoting()
    // What was written a moment ago is looked at again, until its times tell all changes.
    await expect.poll(readsOfRequest).toBe(0)
  })
})

/** A run with the one secret, whose program found the other one somewhere. */
async function startWithout(options: BrokerOptions = {}): Promise<void> {
  world = template.copy()
  brokered = await BrokerWorld.start(world, [KEY], [service], options)
}
const posted = (): Promise<Reply> => {
  const line = "POST /v1/charges HTTP/1.1"
  const more = `\r\nContent-Length: ${OTHER.length}`
  return brokered.send(service, charges({ line, more }), OTHER)
}

describe("a value of a secret that the run does not have, but the agent may read", () => {
  test("is refused elsewhere", async () => {
    await startWithout()
    const reply = await posted()
    expect(told(reply)).toEqual([403, "GATE_REFUSED", 0])
    expect(reply.body.toString()).toContain("stripe/webhook")
    expect(reply.body.toString()).not.toContain(OTHER)
  })

  test("is replaced by its name towards a model", async () => {
    await startWithout({ isModel: () => true })
    expect((await posted()).status).toBe(200)
    expect(service.got[0]?.body.toString()).toBe("[REDACTED stripe/webhook]")
  })

  test("does not come back either", async () => {
    await startWithout()
    service.handler = (_request, response) => response.end(`held: ${OTHER}`)
    const { body } = await brokered.send(service, charges())
    expect(body.toString()).toBe("held: [REDACTED stripe/webhook]")
  })

  test("is not looked for if it cannot be read, which is said, and the rest goes on", async () => {
    world = template.copy()
    const path = ".agent-vault/secrets/stripe/webhook.json"
    world.write(path, readFileSync(join(world.top, path), "utf8").replaceAll("/v1/**", "/**/a"))
    brokered = await BrokerWorld.start(world, [KEY], [service])
    expect((await brokered.send(service, charges())).status).toBe(200)
    expect(brokered.broker.unsearched()).toEqual(["stripe/webhook"])
  })
})

const text = (): string => {
  const folder = auditFolder(claimedId(findVault(world.top)), world.env)
  return readFileSync(join(folder, "agents", "ci.jsonl"), "utf8")
}
const lines = (): Record<string, unknown>[] =>
  text()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>)

/** Without the reads of the vault, which go on beside a request where files are young. */
const sent = (): Record<string, unknown>[] => lines().filter(({ event }) => event !== "read")

const countReads = (): number => lines().filter(({ event }) => event === "read").length
const readsOfRequest = async (): Promise<number> => {
  const before = countReads()
  await brokered.send(service, charges())
  return countReads() - before
}

async function startNoting(options: BrokerOptions = {}, use?: Partial<Use>): Promise<void> {
  world = template.copy()
  if (use !== undefined) await setUse(world, KEY, [useAt(service, use)], VALUE)
  const folder = auditFolder(claimedId(findVault(world.top)), world.env)
  const audit = auditTo({ folder }, attributionOf(world.env))
  brokered = await BrokerWorld.start(world, SECRETS, [service, elsewhere], { ...options, audit })
}

describe("the audit", () => {
  test("has the line before the other side has the value, and the result after", async () => {
    await startNoting()
    let before: Record<string, unknown>[] = []
    service.handler = (_request, response) => {
      before = sent()
      response.writeHead(201).end()
    }
    await brokered.send(service, charges())
    await brokered.send(service, charges({ line: "PUT /v1/charges HTTP/1.1" }))
    expect(before.at(-1)).toMatchObject({
      event: "request",
      door: "broker",
      agent: "ci",
      secrets: [{ name: KEY, version: 2 }],
      host: service.host,
      port: service.port,
      method: "GET",
      path: "/v1/**",
      place: "header:authorization",
      scheme: "bearer",
      rule: `${KEY}#1`,
      decision: "allowed",
      request: 1,
    })
    expect(sent().slice(-2)).toMatchObject([
      { event: "result", status: 201, request: 1 },
      { event: "refused", reason: "USE_REFUSED", request: 2 },
    ])
    expect(text()).not.toContain(VALUE)
    expect(text()).not.toContain("/v1/charges")
  })

  test.each([
    ["elsewhere", false, "refused"],
    ["to a model", true, "redacted"],
  ] as const)("says whose value a program sent %s", async (_, isModels, decision) => {
    await startNoting({ isModel: () => isModels })
    await posted()
    expect(lines().find(({ event }) => event === "gate")).toMatchObject({
      secrets: [{ name: "stripe/webhook" }],
      host: service.host,
      method: "POST",
      decision,
      request: 1,
    })
    expect(text()).not.toContain(OTHER)
  })

  test.each([
    ["session", "allowed", 1],
    ["once", "allowed", 2],
    ["no", "refused", 2],
  ] as const)("has what a person said: %s", async (choice, decision, times) => {
    await startNoting({ ask: () => Promise.resolve({ choice }) }, { ask: "session" })
    for (const _ of [1, 2]) await brokered.send(service, charges())
    const asked = lines().filter(({ event }) => event === "asked")
    expect(asked).toHaveLength(times)
    expect(asked[0]).toMatchObject({
      reason: choice,
      request: 1,
      secrets: [{ name: KEY }],
      host: service.host,
      port: service.port,
      method: "GET",
      decision,
    })
    expect(text()).not.toContain("/v1/charges")
  })

  test("that cannot be written lets nothing leave", async () => {
    world = template.copy()
    const audit = auditTo({ file: "/dev/full" }, attributionOf(world.env))
    const started = await outcome(BrokerWorld.start(world, SECRETS, [service], { audit }))
    expect(started).toBe("AUDIT_UNWRITABLE")
    const file = join(world.folder, "audit.jsonl")
    const options = { audit: auditTo({ file }, attributionOf(world.env)) }
    brokered = await BrokerWorld.start(world, SECRETS, [service, elsewhere], options)
    rmSync(file)
    mkdirSync(file)
    expect(told(await brokered.send(service, charges()))).toEqual([403, "AUDIT_UNWRITABLE", 0])
  })
})
