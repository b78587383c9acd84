import { randomBytes } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import type { IncomingMessage, ServerResponse } from "node:http"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { pythonClients } from "../../../scripts/broker-clients.mjs"
import { signerOf } from "../../../src/broker/sign/in-session.js"
import { attributionOf, auditTo } from "../../../src/core/index.js"
import { changeMetadata, changeUse, parseLease, setSecret } from "../../../src/core/owner.js"
import { trusting } from "../../core/leases/issuer-world.js"
import {
  GIVEN,
  KEY_ID,
  SECRET,
  SessionServer,
  sendXml,
  sessionOf,
} from "../../core/leases/session-server.js"
import { type World, vaultWorld } from "../../core/world.js"
import { testUnless } from "../../needs.js"
import {
  type ToSign,
  inSignedChunks,
  isAcceptedByAws,
  sha256,
  signatureIn,
  signedByAws,
} from "../sign/aws-signer.js"
import { awsCli } from "./aws-cli.js"
import { BrokerWorld, type Reply, Service, refusalIn, useAt } from "./broker-world.js"

const AWS = "stripe/aws"
const OTHER = "stripe/other"
const OTHER_VALUE = `test-only-${randomBytes(12).toString("hex")}`
/** What the program has for the id of its key, as the rule names none. */
const USER = signerOf(useAt({ authority: "unused.test" }))
/** A session token of the program's own. */
const OWN = "a-session-token-of-somebody-else"
const BODY = Buffer.from("some bytes\n".repeat(100))
const SIGV4 = {
  scheme: "sigv4",
  methods: ["GET", "HEAD", "PUT", "POST"],
  paths: ["/**"],
  at: ["header:authorization", "query:X-Amz-Signature"],
} as const
const python = await pythonClients()
const lack = "missing" in python ? python.missing : undefined

let sts: SessionServer
let service: Service
let elsewhere: Service
let world: World
let brokered: BrokerWorld
/** What the service takes now. */
let good: { AccessKeyId: string; SecretAccessKey: string; SessionToken: string } = GIVEN
/** What it answers with, besides what it was sent. */
let said: Readonly<Record<string, string>> = {}

beforeAll(async () => {
  sts = await SessionServer.start()
  sts.region = "us-east-1"
  service = await Service.start("s3.aws.test")
  elsewhere = await Service.start("other.aws.test")
  service.handler = answer
})
beforeEach(async () => {
  world = trusting(await vaultWorld(), sts)
  await lease({ rules: [useAt(service, SIGV4)] })
  await world.set(OTHER, OTHER_VALUE)
  const request = { ...(await world.request()), name: OTHER }
  await changeUse({ ...request, edit: { do: "add", rules: [useAt(elsewhere)] } })
  await begin()
})
afterEach(() => {
  brokered.close()
  world.remove()
  for (const each of [service, elsewhere]) each.got.length = 0
  sts.forget()
  good = GIVEN
  said = {}
})
afterAll(async () => {
  service.close()
  elsewhere.close()
  await sts.stop()
})

/** As S3 does: 403 for what is not signed by the short-lived key, or does not show its token. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const body = service.got.at(-1)?.body ?? Buffer.alloc(0)
  const { credential, token } = shownBy(request)
  const isSigned = isAcceptedByAws(request, body, good.SecretAccessKey)
  const isKnown = credential.startsWith(`${good.AccessKeyId}/`) && token === good.SessionToken
  if (!isSigned || !isKnown) response.writeHead(403).end("<Code>SignatureDoesNotMatch</Code>")
  else response.writeHead(200, said).end(request.method === "GET" ? Object.values(said)[0] : "")
}

function shownBy({ headers, url = "" }: IncomingMessage) {
  const pairs = new URL(url, "https://unused.test").searchParams
  const [, inHeader] = /Credential=([^,]+)/.exec(headers.authorization ?? "") ?? []
  const isInHeader = inHeader !== undefined
  const signed = isInHeader
    ? /SignedHeaders=([^,]+)/.exec(headers.authorization ?? "")?.[1]
    : pairs.get("X-Amz-SignedHeaders")
  return {
    credential: inHeader ?? pairs.get("X-Amz-Credential") ?? "",
    token: isInHeader ? headers["x-amz-security-token"] : pairs.get("X-Amz-Security-Token"),
    signed,
  }
}

interface Leased {
  readonly rules?: readonly ReturnType<typeof useAt>[]
  readonly sealed?: string
}

async function lease({ rules = [], sealed = `${KEY_ID}:${SECRET}` }: Leased): Promise<void> {
  const request = { ...(await world.request()), name: AWS }
  const leaseSaid = parseLease("aws-sts", ["region=us-east-1", `endpoint=${sts.url}`])
  await setSecret({
    ...request,
    value: Buffer.from(sealed),
    metadata: {},
    lease: leaseSaid,
    use: rules,
  })
}

/** A broker, which notes what it does in a file of the world's folder. */
async function begin(options: Parameters<typeof BrokerWorld.start>[3] = {}): Promise<void> {
  const audit = auditTo({ file: join(world.folder, "audit.jsonl") }, attributionOf(world.env))
  brokered = await BrokerWorld.start(world, [AWS, OTHER], [service, elsewhere], {
    audit,
    ...options,
  })
}

function audited(): string[] {
  const lines = readFileSync(join(world.folder, "audit.jsonl"), "utf8").trim().split("\n")
  return lines.map((line) => {
    const { event, decision = "", reason = "" } = JSON.parse(line) as Record<string, string>
    return `${event} ${decision} ${reason}`.trim()
  })
}

/** What an SDK sends that has the placeholder for its key. */
async function send(
  changes: Partial<ToSign> = {},
  { body = Buffer.alloc(0), to = service }: { body?: Buffer; to?: Service } = {},
): Promise<Reply> {
  const { method = "GET", payload = "UNSIGNED-PAYLOAD", headers = {} } = changes
  const says = changes.in === "query" ? {} : { "x-amz-content-sha256": payload }
  const signed = signedByAws({
    path: "/bucket/a%20b",
    key: brokered.of(AWS),
    user: USER,
    in: "authorization",
    ...changes,
    method,
    payload,
    headers: { host: to.authority, ...says, ...headers },
  })
  const lines = Object.entries(signed.headers).map((pair) => pair.join(": "))
  const head = [`${method} ${signed.target} HTTP/1.1`, ...lines]
  if (body.length > 0) head.push(`Content-Length: ${body.length}`)
  return brokered.send(to, head.join("\r\n"), body)
}

/** What a program must never have: the short-lived keys. */
function expectNothingOf(text: string): void {
  for (const secret of [GIVEN.SecretAccessKey, GIVEN.SessionToken, SECRET]) {
    expect(text).not.toContain(secret)
  }
}

describe("a service of AWS accepts what the broker signed with keys of a lease:", () => {
  test("in the header, with the token signed", async () => {
    expect((await send()).status).toBe(200)
    const [got] = service.got
    expect(shownBy(got?.request as IncomingMessage).signed).toBe(
      "host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
    )
  })

  test("in the header, with a body that is signed", async () => {
    const reply = await send({ method: "PUT", payload: sha256(BODY) }, { body: BODY })
    expect(reply.status).toBe(200)
    expect(service.got[0]?.body).toEqual(BODY)
  })

  test("in the query", async () => {
    expect((await send({ in: "query" })).status).toBe(200)
    const { request } = service.got[0] ?? {}
    expect(request?.headers["x-amz-security-token"]).toBeUndefined()
    expect(shownBy(request as IncomingMessage).signed).toBe("host")
  })

  test("a body in chunks, each signed", async () => {
    const payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    const headers = { host: service.authority, "x-amz-content-sha256": payload }
    const path = "/bucket/k"
    const signed = signedByAws({
      method: "PUT",
      path,
      headers,
      payload,
      key: brokered.of(AWS),
      user: USER,
      in: "authorization",
    })
    const chunks = [randomBytes(70_000), Buffer.from("0;x\r\n"), randomBytes(1)]
    const of = (key: string, authorization = ""): Buffer =>
      inSignedChunks(chunks, { key, signature: signatureIn(authorization) })
    const body = of(brokered.of(AWS), signed.headers["authorization"])
    const lines = Object.entries(signed.headers).map((pair) => pair.join(": "))
    const head = [`PUT ${path} HTTP/1.1`, ...lines, `Content-Length: ${body.length}`]
    expect((await brokered.send(service, head.join("\r\n"), body)).status).toBe(200)
    const [got] = service.got
    const meant = of(GIVEN.SecretAccessKey, got?.request.headers.authorization)
    expect(got?.body.equals(meant)).toBe(true)
  })

  test.each(["authorization", "query"] as const)(
    "in the %s, where the program shows a token of its own, which does not go on",
    async (where) => {
      const isInHeader = where === "authorization"
      const headers = { "x-amz-security-token": OWN }
      // The signer of the tests signs all headers: in the query it is one that is not needed.
      expect((await send({ in: where, headers })).status).toBe(200)
      const { request } = service.got[0] ?? {}
      expect(JSON.stringify([request?.url, request?.rawHeaders])).not.toContain(OWN)
      expect(request?.headers["x-amz-security-token"] === GIVEN.SessionToken).toBe(isInHeader)
    },
  )

  test("in the name of a key, where the rule has one", async () => {
    const request = { ...(await world.request()), name: AWS }
    await changeUse({ ...request, edit: { do: "remove" } })
    const rule = useAt(service, { ...SIGV4, user: KEY_ID })
    await changeUse({ ...request, edit: { do: "add", rules: [rule] } })
    expect((await send({ user: KEY_ID })).status).toBe(200)
  })
})

test("one lease serves many requests, and another one what is sealed anew", async () => {
  for (const where of ["authorization", "query"] as const) await send({ in: where })
  expect(sts.forms).toHaveLength(1)
  const next = { ...GIVEN, SessionToken: "the/next+session/token==" }
  sts.instead = (_request, response) => {
    const Expiration = new Date(Date.now() + 3_600_000).toISOString()
    sendXml(response, 200, sessionOf("GetSessionToken", { ...next, Expiration }))
  }
  await lease({ sealed: `${KEY_ID}:${SECRET}2` })
  good = next
  expect((await send()).status).toBe(200)
  expect(sts.asked).toHaveLength(2)
  await brokered.vault.endLeases()
  const allowed = ["request allowed", "result"]
  expect(audited().filter((line) => /^(?:lease|request|result)/.test(line))).toEqual([
    "lease allowed",
    ...allowed,
    ...allowed,
    "lease allowed",
    ...allowed,
  ])
})

async function refused(reply: Promise<Reply>): Promise<unknown[]> {
  const got = await reply
  expectNothingOf(got.body.toString())
  expect(service.got).toEqual([])
  return [got.status, refusalIn(got).code]
}

describe("nothing leaves", () => {
  test("where STS gives nothing", async () => {
    sts.instead = (_request, response) => response.writeHead(503).end("said-by-the-server")
    expect(await refused(send())).toEqual([403, "LEASE_FAILED"])
    expect(audited().filter((line) => line.startsWith("request"))).toEqual([])
    expect(audited()).toContain("lease refused LEASE_FAILED")
  })

  test("where the agent was revoked while STS was asked", async () => {
    sts.before = () => world.revoke("ci", "stripe")
    expect(await refused(send())).toEqual([403, "NOT_GRANTED"])
    expect(sts.asked).toHaveLength(1)
  })

  test("where the agent was revoked after a lease was taken", async () => {
    expect((await send()).status).toBe(200)
    service.got.length = 0
    await world.revoke("ci", "stripe")
    expect(await refused(send())).toEqual([403, "NOT_GRANTED"])
  })

  test("to a host of another rule, and no lease is taken", async () => {
    expect(await refused(send({}, { to: elsewhere }))).toEqual([403, "USE_REFUSED"])
    expect([elsewhere.got, sts.asked]).toEqual([[], []])
  })

  test("by a signature of another key, and no lease is taken", async () => {
    expect(await refused(send({ key: "another key" }))).toEqual([403, "PLACEHOLDER_REFUSED"])
    expect(sts.asked).toEqual([])
  })

  test("where the secret is leased no more, and no rule says whose key it is", async () => {
    const request = { ...(await world.request()), name: AWS, metadata: {} }
    await changeMetadata({ ...request, lease: "none" })
    expect(await refused(send())).toEqual([403, "USE_REFUSED"])
  })
})

test("no rule without a user is signed for what is no lease of STS", async () => {
  const request = { ...(await world.request()), name: OTHER }
  const rules = [useAt(service, SIGV4)]
  await expect(changeUse({ ...request, edit: { do: "add", rules } })).rejects.toThrow(
    "does not say whose key stripe/other is",
  )
})

/** Every form in which a service may write something. */
function formsOf(text: string): string[] {
  const bytes = Buffer.from(text)
  return [
    text,
    bytes.toString("base64"),
    bytes.toString("base64url"),
    bytes.toString("hex"),
    spacedHex(text),
    encodeURIComponent(text),
    JSON.stringify(text).replaceAll("/", String.raw`\/`),
    Buffer.from(`{"Token":"${text}"}`).toString("base64"),
  ]
}

/** As S3 shows what it expected to be signed, the session token with it: CanonicalRequestBytes. */
function spacedHex(text: string): string {
  return Buffer.from(text).toString("hex").replaceAll(/..\B/g, "$& ")
}

async function expectRedacted(form: string): Promise<void> {
  said = { "x-said": form }
  const reply = await send()
  expect(reply.status).toBe(200)
  expect(reply.headers.get("x-said")).toContain("[REDACTED stripe/aws]")
  expect(reply.body.toString()).toContain("[REDACTED stripe/aws]")
  expect(reply.head + reply.body.toString()).not.toContain(form)
}

describe("of the keys nothing comes to the program:", () => {
  test.each(["SecretAccessKey", "SessionToken"] as const)("%s", async (which) => {
    for (const form of formsOf(GIVEN[which])) await expectRedacted(form)
  })

  test("SessionToken, as it stands in a presigned query, of which S3 shows the bytes", async () => {
    await expectRedacted(spacedHex(encodeURIComponent(GIVEN.SessionToken)))
  })

  test("a value that comes from elsewhere goes to no other host, and to no model", async () => {
    await send()
    const text = `{"prompt":"it is ${GIVEN.SessionToken} and ${GIVEN.SecretAccessKey}"}`
    const head = (to: Service): string =>
      `POST /v1/x HTTP/1.1\r\nHost: ${to.authority}\r\nContent-Length: ${text.length}`
    const reply = await brokered.send(elsewhere, head(elsewhere), text)
    expect([reply.status, refusalIn(reply).code]).toEqual([403, "GATE_REFUSED"])
    brokered.close()
    await begin({ isModel: (host) => host === elsewhere.host })
    await send()
    expect((await brokered.send(elsewhere, head(elsewhere), text)).status).toBe(200)
    expect(elsewhere.got.at(-1)?.body.toString()).toBe(
      '{"prompt":"it is [REDACTED stripe/aws] and [REDACTED stripe/aws]"}',
    )
  })
})

function aws(more: Readonly<Record<string, string>>, ...args: string[]): Promise<string> {
  const env = { AWS_ACCESS_KEY_ID: USER, AWS_SECRET_ACCESS_KEY: brokered.of(AWS), ...more }
  const path = "path" in python ? python.path : ""
  return awsCli({ python: path, world, brokered, service: service.authority, env }, args)
}

describe("the AWS CLI, through the broker, with keys of a lease", () => {
  testUnless(lack, "uploads a file, also where it has a session token of its own", async () => {
    const file = join(world.folder, "a file")
    writeFileSync(file, BODY)
    await aws({}, "s3", "cp", file, "s3://bucket/k")
    await aws({ AWS_SESSION_TOKEN: OWN }, "s3", "cp", file, "s3://bucket/k")
    expect(service.got.map(({ request }) => request.method)).toEqual(["PUT", "PUT"])
    expect(JSON.stringify(service.got.map(({ request }) => request.rawHeaders))).not.toContain(OWN)
    expect(sts.forms).toHaveLength(1)
  })

  testUnless(lack, "presigns what opens only through the broker", async () => {
    const config = join(world.folder, "aws-config")
    // By itself it presigns in version 2.
    writeFileSync(config, "[default]\ns3 =\n  signature_version = s3v4\n")
    const env = { AWS_SESSION_TOKEN: OWN, AWS_CONFIG_FILE: config }
    const url = (await aws(env, "s3", "presign", "s3://bucket/k")).trim()
    const { pathname, search } = new URL(url)
    expect(search).toContain(OWN)
    const head = `GET ${pathname}${search} HTTP/1.1\r\nHost: ${service.authority}`
    expect((await brokered.send(service, head)).status).toBe(200)
    expect(service.got[0]?.request.url).not.toContain(OWN)
  })
})
