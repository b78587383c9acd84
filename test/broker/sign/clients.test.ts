import { execFile } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { buffer } from "node:stream/consumers"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { pythonClients } from "../../../scripts/broker-clients.mjs"
import { Placeholders } from "../../../src/broker/placeholder/placeholders.js"
import type { SignedRequest } from "../../../src/broker/sign/signed-request.js"
import { proveSigV4, readSigV4, signSigV4 } from "../../../src/broker/sign/sigv4.js"
import { serviceNamed } from "../../../src/core/services/services.js"
import { testUnless } from "../../needs.js"

// What clients sign with a placeholder, they themselves; here nobody's key is in play.

const shape = serviceNamed("aws").placeholder
const placeholder = Placeholders.make([{ secret: "aws/key", shape }], []).of("aws/key") ?? ""
const python = await pythonClients()
const lack = "missing" in python ? python.missing : undefined
/** The AWS CLI, as the Python that it is installed for runs it. */
const [pythonPath, ...AWS_CLI] = ["path" in python ? python.path : "", "-m", "awscli"]

let server: Server
let endpoint: string
let folder: string
let seen: SignedRequest[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "agent-vault-sigv4-"))
  server = createServer((message, response) => void answer(message, response))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

async function answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await buffer(message)
  seen.push(asSigned(message.method ?? "", message.url ?? "", message.rawHeaders, body))
  response.setHeader("etag", `"${createHash("md5").update(body).digest("hex")}"`)
  response.end("")
}

function asSigned(method: string, target: string, raw: string[], body: Uint8Array): SignedRequest {
  const [path = "", ...query] = target.split("?")
  const headers = raw.flatMap((name, at) =>
    at % 2 === 0 ? [[name, raw[at + 1] ?? ""] as const] : [],
  )
  const bodyDigest = createHash("sha256").update(body).digest("hex")
  return { method, path, query: query.join("?"), headers, bodyDigest }
}

/** An environment with the placeholder in the key's place. */
function environment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env["PATH"],
    HOME: folder,
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: placeholder,
    AWS_DEFAULT_REGION: "eu-central-1",
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_MAX_ATTEMPTS: "1",
  }
}

/** What a program sends to the endpoint. How it ends does not matter: the answer is an empty one. */
async function sentBy(program: string, ...args: string[]): Promise<SignedRequest[]> {
  seen = []
  await new Promise<void>((resolve) => {
    execFile(program, args, { env: environment(), cwd: folder }, () => resolve())
  })
  return seen
}

/** Whether the first request is proven to be signed with the placeholder, and can be signed anew. */
function expectSigned([request]: readonly SignedRequest[]): void {
  if (request === undefined) throw new Error("nothing was sent")
  const sigV4 = readSigV4(request)
  expect(sigV4?.accessKey).toBe("AKIDEXAMPLE")
  const proof = sigV4 && proveSigV4(sigV4, request, placeholder)
  if (proof === undefined) throw new Error(`not proven: ${JSON.stringify(request)}`)
  const real = randomBytes(30).toString("base64")
  const anew = signSigV4(proof, request, Buffer.from(real)).request
  expect(anew).not.toEqual(request)
  const again = readSigV4(anew)
  expect(again && proveSigV4(again, anew, real)).toBeDefined()
  expect(again && proveSigV4(again, anew, placeholder)).toBeUndefined()
}

describe("curl --aws-sigv4", () => {
  test.each([
    ["a GET", ["/a/b?x=1%20z&y=2"]],
    ["a POST", ["/", "--data", "Action=GetCallerIdentity&Version=2011-06-15"]],
    ["a header of its own", ["/", "-H", "x-amz-meta-a:  two   words "]],
  ])("signs %s with a placeholder, and that is proven", async (_, [path = "", ...more]) => {
    const user = ["--user", `AKIDEXAMPLE:${placeholder}`]
    const how = ["--silent", "--aws-sigv4", "aws:amz:eu-central-1:sts", ...user]
    expectSigned(await sentBy("curl", ...how, `${endpoint}${path}`, ...more))
  })
})

describe("the AWS CLI signs with a placeholder, and that is proven:", () => {
  beforeAll(() => writeFileSync(join(folder, "a file"), "some bytes\n".repeat(50)))
  const calls: readonly (readonly [name: string, ...args: string[]])[] = [
    ["sts", "sts", "get-caller-identity"],
    ["dynamodb, a JSON body", "dynamodb", "list-tables"],
    [
      "s3, a key with odd letters",
      "s3api",
      "get-object",
      "--bucket",
      "b",
      "--key",
      "a b/ü+(c)=~'*!$@,;:&.txt",
      "out",
    ],
    [
      "s3, a listing with a query",
      "s3api",
      "list-objects-v2",
      "--bucket",
      "b",
      "--prefix",
      "a b/+ü",
    ],
    ["s3, an upload", "s3api", "put-object", "--bucket", "b", "--key", "k", "--body", "a file"],
    [
      "s3, with metadata",
      "s3api",
      "put-object",
      "--bucket",
      "b",
      "--key",
      "k",
      "--metadata",
      "a=two   words",
    ],
    [
      "lambda, an encoded segment of a path",
      "lambda",
      "get-function",
      "--function-name",
      "arn:aws:lambda:eu-central-1:123456789012:function:f",
    ],
    ["iot, a topic in a path", "iot-data", "publish", "--topic", "a/b c"],
  ]
  for (const [name, ...args] of calls) {
    testUnless(lack, name, async () => {
      expectSigned(await sentBy(pythonPath, ...AWS_CLI, "--endpoint-url", endpoint, ...args))
    })
  }

  testUnless(lack, "s3, presigned", async () => {
    const args = [...AWS_CLI, "--endpoint-url", endpoint, "s3", "presign", "s3://b/a b+ü.txt"]
    const { stdout } = await promisify(execFile)(pythonPath, args, { env: environment() })
    const presigned = stdout.trim()
    expect(presigned).toContain("X-Amz-Signature=")
    expectSigned(await sentBy("curl", "--silent", presigned))
  })
})
