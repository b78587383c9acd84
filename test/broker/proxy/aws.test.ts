import { randomBytes } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import type { IncomingMessage, ServerResponse } from "node:http"
import { join } from "node:path"
import { crc32, gzipSync } from "node:zlib"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { pythonClients } from "../../../scripts/broker-clients.mjs"
import type { World } from "../../core/world.js"
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
import {
  BrokerWorld,
  type Reply,
  Service,
  brokeredWorld,
  refusalIn,
  useAt,
} from "./broker-world.js"

const AWS = "stripe/aws"
const VALUE = `test-only-${randomBytes(15).toString("hex")}`
const OTHER_VALUE = `test-only-${randomBytes(12).toString("hex")}`
const USER = "AKIAEXAMPLEEXAMPLE00"
const BODY = Buffer.from("some bytes\n".repeat(100))
const python = await pythonClients()
const lack = "missing" in python ? python.missing : undefined

let service: Service
let world: World
let brokered: BrokerWorld
/** What was uploaded, by its path. */
const stored = new Map<string, Buffer>()

beforeAll(async () => {
  service = await Service.start("s3.aws.test")
  const at = ["header:authorization", "query:X-Amz-Signature"] as const
  const sigV4 = { scheme: "sigv4", user: USER, paths: ["/**"], at: [...at] } as const
  const use = [useAt(service, { ...sigV4, methods: ["GET", "HEAD", "PUT"] })]
  world = await brokeredWorld({
    [AWS]: { value: VALUE, use },
    "stripe/other": { value: OTHER_VALUE, use: [useAt({ authority: "other.aws.test" })] },
  })
  brokered = await BrokerWorld.start(world, [AWS, "stripe/other"], [service])
  service.handler = answer
})
afterEach(() => {
  service.got.length = 0
  stored.clear()
})
afterAll(() => {
  brokered.close()
  service.close()
  world.remove()
})

/** As S3 does: 403 for what is not signed with the key, 400 for a checksum that does not fit. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const body = service.got.at(-1)?.body ?? Buffer.alloc(0)
  const [path = ""] = (request.url ?? "").split("?")
  if (request.headers.range?.includes(",")) {
    response.writeHead(206, { "Content-Type": "multipart/byteranges; boundary=x" }).end("--x--")
  } else if (!isAcceptedByAws(request, body, VALUE)) {
    response.writeHead(403).end("<Error><Code>SignatureDoesNotMatch</Code></Error>")
  } else if (request.method === "PUT") {
    const data = dataOf(request, body)
    if (data === undefined) response.writeHead(400).end("<Error><Code>BadDigest</Code></Error>")
    else {
      stored.set(path, data)
      response.writeHead(200, { ETag: '"1"' }).end()
    }
  } else {
    const data = stored.get(path) ?? Buffer.alloc(0)
    const modified = "Thu, 01 Jan 2026 00:00:00 GMT"
    const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? "") ?? []
    const isPart = from !== undefined && request.method === "GET"
    const first = from === "" ? Math.max(0, data.length - Number(to)) : Number(from ?? 0)
    const last = from === "" ? data.length : Math.min(data.length, Number(to || data.length) + 1)
    const sent = isPart ? data.subarray(first, last) : data
    const headers = { "Content-Length": sent.length, ETag: '"1"', "Last-Modified": modified }
    const which = `bytes ${first}-${first + sent.length - 1}/${data.length}`
    response.writeHead(isPart ? 206 : 200, {
      ...headers,
      ...(isPart && { "Content-Range": which }),
    })
    response.end(request.method === "HEAD" ? undefined : sent)
  }
}

/** What was uploaded; undefined if a signature or a checksum does not fit. */
function dataOf(request: IncomingMessage, body: Buffer): Buffer | undefined {
  const said = String(request.headers["x-amz-content-sha256"])
  if (said.startsWith(SIGNED)) return signedData(body, said, request)
  return request.headers["content-encoding"] === "aws-chunked" ? unchunked(body) : body
}

/** The data of chunks, each signed with the key over the last one. */
function signedData(body: Buffer, said: string, { headers }: IncomingMessage): Buffer | undefined {
  const chunks: Buffer[] = []
  for (let at = 0; at < body.length;) {
    const end = body.indexOf("\r\n", at)
    const size = parseInt(body.subarray(at, end).toString(), 16)
    if (size === 0) break
    chunks.push(body.subarray(end + 2, end + 2 + size))
    at = end + 2 + size + 2
  }
  const meant = inSignedChunks(chunks, {
    key: VALUE,
    signature: signatureIn(headers.authorization ?? ""),
    ...(said === SIGNED ? {} : { trailer: CHECKSUM }),
  })
  return meant.equals(body) ? Buffer.concat(chunks) : undefined
}

/** What was sent in chunks; undefined if its checksum does not fit. */
function unchunked(body: Buffer): Buffer | undefined {
  const chunks: Buffer[] = []
  let at = 0
  for (;;) {
    const end = body.indexOf("\r\n", at)
    const size = parseInt(body.subarray(at, end).toString(), 16)
    if (size === 0) {
      const data = Buffer.concat(chunks)
      const sum = Buffer.alloc(4)
      sum.writeUInt32BE(crc32(data))
      const trailer = `x-amz-checksum-crc32:${sum.toString("base64")}`
      return body.subarray(end).toString().trim() === trailer ? data : undefined
    }
    chunks.push(body.subarray(end + 2, end + 2 + size))
    at = end + 2 + size + 2
  }
}

function chunked(body: Buffer): Buffer {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([
    Buffer.from(`${body.length.toString(16)}\r\n`),
    body,
    Buffer.from(`\r\n0\r\nx-amz-checksum-crc32:${sum.toString("base64")}\r\n\r\n`),
  ])
}

/** What an SDK sends that has the placeholder for its key. */
async function put(
  payload: string,
  body: Buffer,
  changes: Partial<ToSign> = {},
  more: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const isInHeader = changes.in !== "query"
  const says = isInHeader ? { "x-amz-content-sha256": payload } : {}
  const signed = signedByAws({
    method: "PUT",
    path: "/bucket/a%20b",
    headers: { host: service.authority, ...says, ...more },
    payload,
    key: brokered.of(AWS),
    user: USER,
    in: "authorization",
    ...changes,
  })
  const lines = Object.entries(signed.headers).map((pair) => pair.join(": "))
  const head = [`PUT ${signed.target} HTTP/1.1`, ...lines, `Content-Length: ${body.length}`]
  return brokered.send(service, head.join("\r\n"), body)
}

const TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
const IN_CHUNKS = {
  "content-encoding": "aws-chunked",
  "x-amz-decoded-content-length": String(BODY.length),
  "x-amz-trailer": "x-amz-checksum-crc32",
}

const SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
const CHECKSUM = "x-amz-checksum-crc32c:sOO8/Q=="

/** What an SDK sends that signs each chunk; `key` signs the chunks, in place of the placeholder. */
async function putSigned(
  chunks: readonly Buffer[],
  { key = brokered.of(AWS), trailer, headers = IN_CHUNKS }: SignedPut = {},
): Promise<Reply> {
  const payload = trailer === undefined ? SIGNED : `${SIGNED}-TRAILER`
  const signed = signedByAws({
    method: "PUT",
    path: "/bucket/a%20b",
    headers: { host: service.authority, "x-amz-content-sha256": payload, ...headers },
    payload,
    key: brokered.of(AWS),
    user: USER,
    in: "authorization",
  })
  const signature = signatureIn(signed.headers["authorization"] ?? "")
  const body = inSignedChunks(chunks, { key, signature, ...(trailer ? { trailer } : {}) })
  const lines = Object.entries(signed.headers).map((pair) => pair.join(": "))
  const head = [`PUT ${signed.target} HTTP/1.1`, ...lines, `Content-Length: ${body.length}`]
  return brokered.send(service, head.join("\r\n"), body)
}

interface SignedPut {
  readonly key?: string
  readonly trailer?: string
  readonly headers?: Readonly<Record<string, string>>
}

describe("a service of AWS accepts what the broker signed anew:", () => {
  test("the body signed, in the header", async () => {
    expect((await put(sha256(BODY), BODY)).status).toBe(200)
    expect(stored.get("/bucket/a%20b")).toEqual(BODY)
  })

  test("the body not signed, in the header", async () => {
    expect((await put("UNSIGNED-PAYLOAD", BODY)).status).toBe(200)
  })

  test("the body not signed, in the query", async () => {
    expect((await put("UNSIGNED-PAYLOAD", BODY, { in: "query" })).status).toBe(200)
    const [got] = service.got
    expect(got?.request.url).not.toContain("Authorization")
  })

  test("in the query: a redirect gives no address that is good without the broker", async () => {
    service.handler = (request, response) => {
      response.writeHead(307, { Location: `https://other.aws.test${request.url}` })
      response.end(`<Endpoint>${request.url}</Endpoint>`)
    }
    const reply = await put("UNSIGNED-PAYLOAD", BODY, { in: "query" })
    service.handler = answer
    const made = /X-Amz-Signature=(\w{64})/.exec(service.got[0]?.request.url ?? "")?.[1] ?? "none"
    expect(reply.status).toBe(307)
    expect(reply.head + reply.body.toString()).not.toContain(made)
    expect(reply.head).toContain("X-Amz-Signature=[REDACTED stripe/aws]")
  })

  test("the body in chunks, with a checksum behind them, as SDKs send it by themselves", async () => {
    expect((await put(TRAILER, chunked(BODY), {}, IN_CHUNKS)).status).toBe(200)
    expect(stored.get("/bucket/a%20b")).toEqual(BODY)
    // Byte for byte, with its encoding.
    expect(service.got[0]?.body).toEqual(chunked(BODY))
  })
})

describe("a service of AWS accepts chunks that the broker signed anew:", () => {
  test.each([
    ["with nothing behind them", undefined],
    ["with a signed checksum behind them", CHECKSUM],
  ])("%s", async (_what, trailer) => {
    const chunks = [randomBytes(70_000), Buffer.from("0;x\r\n"), randomBytes(1)]
    const reply = await putSigned(chunks, trailer === undefined ? {} : { trailer })
    expect(reply.status).toBe(200)
    expect(stored.get("/bucket/a%20b")).toEqual(Buffer.concat(chunks))
  })

  test("where no header of HTTP says that there are any, as some clients send it", async () => {
    const headers = { "x-amz-decoded-content-length": "1100" }
    expect((await putSigned([BODY], { headers })).status).toBe(200)
    expect(stored.get("/bucket/a%20b")).toEqual(BODY)
  })

  test("also of a body that is compressed, as it was sent", async () => {
    const sent = gzipSync(BODY)
    const headers = { ...IN_CHUNKS, "content-encoding": "aws-chunked,gzip" }
    expect((await putSigned([sent.subarray(0, 9), sent.subarray(9)], { headers })).status).toBe(200)
    expect(stored.get("/bucket/a%20b")).toEqual(sent)
  })

  test("and none of a compressed body that holds a value of another secret", async () => {
    const sent = gzipSync(`it says ${OTHER_VALUE}`)
    const headers = { ...IN_CHUNKS, "content-encoding": "gzip, aws-chunked" }
    const reply = await putSigned([sent.subarray(0, 9), sent.subarray(9)], { headers })
    expect([reply.status, refusalIn(reply).code]).toEqual([403, "GATE_REFUSED"])
    expect(service.got).toEqual([])
  })
})

describe("nothing is signed", () => {
  test.each(["authorization", "query"] as const)("for another key in the %s", async (where) => {
    const changes = { in: where, key: "another key of somebody's" }
    const reply = await put("UNSIGNED-PAYLOAD", BODY, changes)
    expect([reply.status, refusalIn(reply).code]).toEqual([403, "PLACEHOLDER_REFUSED"])
    expect(service.got).toEqual([])
  })

  test("of chunks that are signed in a way that is not known here", async () => {
    const payload = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
    const reply = await put(payload, chunked(BODY), {}, IN_CHUNKS)
    expect([reply.status, refusalIn(reply).code]).toEqual([403, "PLACEHOLDER_REFUSED"])
    expect(service.got).toEqual([])
  })

  test("of chunks that somebody else signed", async () => {
    const reply = await putSigned([BODY, BODY], { key: "another key of somebody's" })
    expect([reply.status, refusalIn(reply).code]).toEqual([403, "PLACEHOLDER_REFUSED"])
    expect(stored.size).toBe(0)
  })

  test.each([IN_CHUNKS, { "x-amz-decoded-content-length": "1" }])(
    "of signed chunks that hold a value of another secret between them, with %j",
    async (headers) => {
      const [one, two] = [OTHER_VALUE.slice(0, 9), OTHER_VALUE.slice(9)]
      const reply = await putSigned([Buffer.from(one), Buffer.from(two)], { headers })
      expect([reply.status, refusalIn(reply).code]).toEqual([403, "GATE_REFUSED"])
      expect(stored.size).toBe(0)
    },
  )

  test("of a body in chunks that holds a value of another secret", async () => {
    const body = chunked(Buffer.from(`it says ${OTHER_VALUE}`))
    const reply = await put(TRAILER, body, {}, IN_CHUNKS)
    expect([reply.status, refusalIn(reply).code]).toEqual([403, "GATE_REFUSED"])
    expect(service.got).toEqual([])
  })
})

/** What a client gets that asks for a part, as the SDKs do: signed. */
async function part(range: string): Promise<Reply> {
  const signed = signedByAws({
    method: "GET",
    path: "/bucket/k",
    headers: { host: service.authority, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", range },
    payload: "UNSIGNED-PAYLOAD",
    key: brokered.of(AWS),
    user: USER,
    in: "authorization",
  })
  const lines = Object.entries(signed.headers).map((pair) => pair.join(": "))
  return brokered.send(service, [`GET ${signed.target} HTTP/1.1`, ...lines].join("\r\n"))
}

describe("a part of a stored file", () => {
  const file = randomBytes(300_000)
  test.each([
    ["bytes=0-9", 0, 10],
    ["bytes=70000-70000", 70_000, 70_001],
    ["bytes=150000-", 150_000, 300_000],
    ["bytes=299990-999999999", 299_990, 300_000],
    ["bytes=-5", 299_995, 300_000],
    ["bytes=-999999", 0, 300_000],
    ["bytes=0-", 0, 300_000],
  ])("%s is what was asked for", async (range, first, end) => {
    stored.set("/bucket/k", file)
    const reply = await part(range)
    expect(reply.status).toBe(206)
    expect(reply.headers.get("content-range")).toBe(`bytes ${first}-${end - 1}/300000`)
    expect(reply.headers.get("content-length")).toBe(String(end - first))
    expect(reply.body.equals(file.subarray(first, end))).toBe(true)
  })

  test("is not there behind the end", async () => {
    stored.set("/bucket/k", file)
    const reply = await part("bytes=300005-300010")
    expect([reply.status, reply.headers.get("content-range")]).toEqual([416, "bytes */300000"])
    expect(reply.body).toHaveLength(0)
  })

  test.each([
    ["first byte", 0, 0],
    ["last byte", -1, -1],
    ["middle", 5, 5],
    ["whole", -10, 100],
  ])("holds not even one byte of a value: its %s", async (_which, from, to) => {
    const at = 150_000
    const holding = Buffer.from(file)
    holding.write(VALUE, at)
    stored.set("/bucket/k", holding)
    const edge = (offset: number): number => (offset < 0 ? VALUE.length + offset : offset)
    const [first, last] = [at + (from === -10 ? -10 : edge(from)), at + edge(to)]
    const reply = await part(`bytes=${first}-${last}`)
    expect([reply.status, refusalIn(reply).code]).toEqual([502, "REPLY_REFUSED"])
  })

  test("several at once are refused", async () => {
    const reply = await part("bytes=0-1,5-6")
    expect([reply.status, refusalIn(reply).code]).toEqual([502, "REPLY_REFUSED"])
  })
})

function aws(...args: string[]): Promise<string> {
  const env = { AWS_ACCESS_KEY_ID: USER, AWS_SECRET_ACCESS_KEY: brokered.of(AWS) }
  const path = "path" in python ? python.path : ""
  return awsCli({ python: path, world, brokered, service: service.authority, env }, args)
}

describe("the AWS CLI, through the broker", () => {
  testUnless(lack, "uploads a file as it does by itself, and gets it back", async () => {
    const file = join(world.folder, "a file")
    writeFileSync(file, BODY)
    await aws("s3", "cp", file, "s3://bucket/k")
    // By itself it sends over TLS what is not signed, in chunks, with a checksum behind them.
    expect(service.got[0]?.request.headers["x-amz-content-sha256"]).toBe(TRAILER)
    expect(stored.get("/bucket/k")).toEqual(BODY)
    await aws("s3", "cp", "s3://bucket/k", join(world.folder, "back"))
    expect(readFileSync(join(world.folder, "back"))).toEqual(BODY)
  })

  testUnless(lack, "gets a large file back, which it asks for in parts at once", async () => {
    const large = randomBytes(20 * 2 ** 20)
    stored.set("/bucket/large", large)
    await aws("s3", "cp", "s3://bucket/large", join(world.folder, "large"))
    expect(service.got.filter(({ request }) => request.headers.range !== undefined).length).toBe(3)
    expect(readFileSync(join(world.folder, "large")).equals(large)).toBe(true)
  })

  testUnless(lack, "gets no file in parts that holds a value, wherever it stands", async () => {
    const large = Buffer.alloc(20 * 2 ** 20, "text ")
    // At the edge of what it asks for first: half of it would be in either part.
    large.write(VALUE, 8 * 2 ** 20 - 7)
    stored.set("/bucket/large", large)
    const got = aws("s3", "cp", "s3://bucket/large", join(world.folder, "none"))
    await expect(got).rejects.toThrow(/download failed/)
    expect(existsSync(join(world.folder, "none"))).toBe(false)
  })
})
