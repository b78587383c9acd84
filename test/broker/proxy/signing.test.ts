import { createHash, createHmac, randomBytes } from "node:crypto"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { pairsOf } from "../../../src/broker/proxy/framing.js"
import type { SignedRequest } from "../../../src/broker/sign/signed-request.js"
import { proveSigV4, readSigV4, signSigV4 } from "../../../src/broker/sign/sigv4.js"
import type { World } from "../../core/world.js"
import {
  type BrokerOptions,
  BrokerWorld,
  type Reply,
  Service,
  brokeredWorld,
  refusalIn,
  useAt,
} from "./broker-world.js"

const HOOK = "stripe/hook"
const QUERY = "stripe/query"
const AWS = "stripe/aws"
const OTHER = "stripe/other"
const VALUE = `test-only-${randomBytes(12).toString("hex")}`

const AWS_VALUE = `test-only-${randomBytes(20).toString("hex")}`
const OTHER_VALUE = `test-only-${randomBytes(12).toString("hex")}`
const USER = "AKIAEXAMPLEEXAMPLE00"

let service: Service
let world: World
let brokered: BrokerWorld

beforeAll(async () => {
  service = await Service.start("api.pay.test")
  world = await brokeredWorld({
    [HOOK]: {
      value: VALUE,
      use: [
        useAt(service, {
          at: ["header:x-signature"],
          scheme: "hmac-sha256",
          template: "{method}{\\n}{body-sha256}",
          encoding: "hex",
        }),
      ],
    },
    [QUERY]: {
      value: VALUE,
      use: [
        useAt(service, {
          at: ["query:sig"],
          scheme: "hmac-sha256",
          template: "{method}{\\n}{path}{\\n}{query}{\\n}{header:x-time}{\\n}{body}",
          encoding: "base64",
        }),
      ],
    },
    [AWS]: {
      value: AWS_VALUE,
      use: [useAt(service, { scheme: "sigv4", user: USER })],
    },
    [OTHER]: { value: OTHER_VALUE, use: [useAt({ authority: "other.pay.test" })] },
  })
})
afterEach(() => {
  brokered.close()
  service.got.length = 0
  service.handler = (_request, response) => response.end("ok")
})
afterAll(() => {
  service.close()
  world.remove()
})

async function start(options: BrokerOptions = {}): Promise<void> {
  brokered = await BrokerWorld.start(world, [HOOK, QUERY, AWS, OTHER], [service], options)
}

const sha256 = (bytes: string): string => createHash("sha256").update(bytes).digest("hex")

/** As the rule of HOOK says. */
function hmacOf(key: string, method: string, body: string): string {
  return createHmac("sha256", key)
    .update(`${method}\n${sha256(body)}`)
    .digest("hex")
}

describe("an HMAC over the digest of the body", () => {
  test.each([
    ["GET", ""],
    ["POST", ""],
    ["POST", '{"a":1}'],
  ])("of %s %j is made anew", async (method, body) => {
    await start()
    const signed = (key: string): string => hmacOf(key, method, body)
    const length = body === "" ? "" : `\r\nContent-Length: ${body.length}`
    const head = `${method} /v1/a HTTP/1.1\r\nHost: ${service.authority}\r\nX-Signature: ${signed(brokered.of(HOOK))}${length}`
    expect((await brokered.send(service, head, body)).status).toBe(200)
    expect(service.got[0]?.request.headers["x-signature"]).toBe(signed(VALUE))
  })

  test("that the gate changed is made anew over what leaves", async () => {
    await start({ isModel: () => true })
    const body = `{"prompt":"${OTHER_VALUE}"}`
    const head = `POST /v1/a HTTP/1.1\r\nHost: ${service.authority}\r\nX-Signature: ${hmacOf(brokered.of(HOOK), "POST", body)}\r\nContent-Length: ${body.length}`
    expect((await brokered.send(service, head, body)).status).toBe(200)
    const [got] = service.got
    const left = `{"prompt":"[REDACTED ${OTHER}]"}`
    expect(got?.body.toString()).toBe(left)
    expect(got?.request.headers["x-signature"]).toBe(hmacOf(VALUE, "POST", left))
  })
})

describe("an HMAC in the query, over query, header and body", () => {
  const body = '{"a":1}'
  const signed = (key: string): string =>
    createHmac("sha256", key).update(`POST\n/v1/a\na=1&b=%20\n7\n${body}`).digest("base64")
  const sendWith = (signature: string): Promise<Reply> => {
    const target = `/v1/a?a=1&sig=${encodeURIComponent(signature)}&b=%20`
    const head = `POST ${target} HTTP/1.1\r\nHost: ${service.authority}\r\nX-Time: 7\r\nContent-Length: ${body.length}`
    return brokered.send(service, head, body)
  }
  const accepted: string[] = []

  test("is accepted by a service that verifies it", async () => {
    await start()
    service.handler = (request, response) => {
      const query = new URL(request.url ?? "", "https://x").searchParams
      accepted.push(query.get("sig") ?? "")
      response.writeHead(query.get("sig") === signed(VALUE) ? 200 : 401).end(request.url)
    }
    const reply = await sendWith(signed(brokered.of(QUERY)))
    expect(reply.status).toBe(200)
    // Who has the address could send it without the broker.
    expect(reply.body.toString()).toMatch(/&sig=\[REDACTED [^\]]+\]&/)
    expect(accepted).toEqual([signed(VALUE)])
    expect(service.got[0]?.body.toString()).toBe(body)
  })

  test("that no placeholder made is refused", async () => {
    await start()
    const reply = await sendWith(signed("another key"))
    expect([reply.status, refusalIn(reply).code]).toEqual([403, "PLACEHOLDER_REFUSED"])
    expect(service.got).toEqual([])
  })
})

/** As the clients of Bedrock sign: over the body, whose digest S3's clients say in a header. */
function requestToBedrock(
  body: string,
  more: Readonly<Record<string, string>> = {},
): SignedRequest {
  const headers = { host: service.authority, "x-amz-date": "20260101T000000Z", ...more }
  const names = Object.keys(headers).toSorted().join(";")
  const authorization = `AWS4-HMAC-SHA256 Credential=${USER}/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=${names}, Signature=${"0".repeat(64)}`
  const request = {
    method: "POST",
    path: "/v1/model/invoke",
    query: "",
    headers: Object.entries({ ...headers, authorization }),
  }
  const sigV4 = readSigV4(request)
  if (sigV4 === undefined) throw new Error("it is signed")
  const form = { path: "as sent", plus: "+", payload: sha256(body) } as const
  return signSigV4({ sigV4, form }, request, Buffer.from(brokered.of(AWS))).request
}

function send({ method, path, headers }: SignedRequest, body: string): Promise<Reply> {
  const lines = headers.map((pair) => pair.join(": "))
  const head = [`${method} ${path} HTTP/1.1`, ...lines, `Content-Length: ${body.length}`]
  return brokered.send(service, head.join("\r\n"), body)
}

/** Whether what arrived is signed with the value, over the body that arrived. */
function isSignedAsArrived(): boolean {
  const [got] = service.got
  const { method = "", url: path = "", rawHeaders = [] } = got?.request ?? {}
  const bodyDigest = sha256(got?.body.toString() ?? "")
  const request = { method, path, query: "", headers: pairsOf(rawHeaders), bodyDigest }
  const sigV4 = readSigV4(request)
  return sigV4 !== undefined && proveSigV4(sigV4, request, AWS_VALUE) !== undefined
}

describe("a request that is signed by SigV4, towards a model", () => {
  const holding = `{"prompt":"${OTHER_VALUE}"}`
  const plain = '{"prompt":"hello"}'
  const replaced = `{"prompt":"[REDACTED ${OTHER}]"}`
  const md5 = createHash("md5").update(plain).digest("base64")

  test.each([
    ["says its digest", holding, replaced, { "x-amz-content-sha256": sha256(holding) }],
    ["does not say it", holding, replaced, {}],
    ["is unchanged, and says it", plain, plain, { "x-amz-content-sha256": sha256(plain) }],
    ["is unchanged, and says it in MD5", plain, plain, { "content-md5": md5 }],
  ])("is signed anew as it leaves: one that %s", async (_, body, arrived, more) => {
    await start({ isModel: () => true })
    const reply = await send(requestToBedrock(body, more), body)
    const got = service.got[0]
    expect([reply.status, got?.body.toString()]).toEqual([200, arrived])
    const said = "x-amz-content-sha256" in more ? sha256(arrived) : undefined
    expect(got?.request.headers["x-amz-content-sha256"]).toBe(said)
    expect(got?.request.headers["content-md5"]).toBe("content-md5" in more ? md5 : undefined)
    expect(isSignedAsArrived()).toBe(true)
  })

  test("is refused if it signs a digest of a body that the gate changes", async () => {
    await start({ isModel: () => true })
    const reply = await send(requestToBedrock(holding, { "content-md5": md5 }), holding)
    expect([reply.status, refusalIn(reply).code]).toEqual([403, "GATE_REFUSED"])
    expect(refusalIn(reply).hint).toContain("content-md5")
    expect(service.got).toEqual([])
  })

  test("loses a digest that it does not sign", async () => {
    await start({ isModel: () => true })
    const signed = requestToBedrock(holding)
    const headers = [...signed.headers, ["Content-MD5", md5] as const]
    expect((await send({ ...signed, headers }, holding)).status).toBe(200)
    expect(service.got[0]?.request.headers["content-md5"]).toBeUndefined()
    expect(isSignedAsArrived()).toBe(true)
  })
})
