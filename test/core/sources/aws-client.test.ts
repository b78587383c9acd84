import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { json } from "node:stream/consumers"
import { afterAll, beforeAll, describe, expect } from "vitest"
import { pythonClients } from "../../../scripts/broker-clients.mjs"
import { claimedId, findVault, parseSecretName } from "../../../src/core/index.js"
import { agreeToReference, parseReference, referenceFingerprint } from "../../../src/core/owner.js"
import { type SourcePlace, resolveReference } from "../../../src/core/sources/fetch-value.js"
import { testUnless } from "../../needs.js"
import { type World, outcome, vaultWorld } from "../world.js"

const NAME = parseSecretName("stripe/api-key")
const python = await pythonClients()
const lack = "missing" in python ? python.missing : undefined

/** What the service holds, as it answers. */
const HELD: Readonly<Record<string, object>> = {
  "prod/stripe": { SecretString: "größe 💶\n" },
  "prod/json": { SecretString: JSON.stringify({ key: "one", port: 5432 }) },
  "prod/bytes": { SecretBinary: Buffer.from([0xff, 0, 10]).toString("base64") },
}
/** In which region each request was signed. */
const regions: string[] = []

let service: Server
let world: World
let at: SourcePlace

beforeAll(async () => {
  service = createServer((request, response) => void answer(request, response))
  await new Promise<void>((listening) => service.listen(0, "127.0.0.1", listening))
  world = await vaultWorld()
  const bin = join(world.folder, "bin")
  mkdirSync(bin)
  const aws = join(bin, "aws")
  writeFileSync(aws, `#!/bin/sh\nexec '${"path" in python ? python.path : ""}' -m awscli "$@"\n`)
  chmodSync(aws, 0o755)
  const { port } = service.address() as AddressInfo
  const env = {
    ...world.env,
    PATH: `${bin}:/usr/bin:/bin`,
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "not-a-real-key",
    AWS_DEFAULT_REGION: "eu-west-1",
    AWS_MAX_ATTEMPTS: "1",
    NO_PROXY: "127.0.0.1",
  }
  at = { place: findVault(world.top), env, kept: new Map() }
})
afterAll(() => {
  service.close()
  world.remove()
})

/** As Secrets Manager does (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html). */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { SecretId: id = "" } = (await json(request)) as { SecretId?: string }
  const [, region = ""] =
    /Credential=AKIDEXAMPLE\/\d+\/([^/]+)\//.exec(request.headers.authorization ?? "") ?? []
  regions.push(region)
  const isAsked = request.headers["x-amz-target"] === "secretsmanager.GetSecretValue"
  const held = isAsked ? HELD[id] : undefined
  const type = { "Content-Type": "application/x-amz-json-1.1" }
  if (held === undefined) {
    response.writeHead(400, type).end('{"__type":"ResourceNotFoundException","Message":"none"}')
  } else {
    response.writeHead(200, type).end(JSON.stringify({ Name: id, VersionId: "1", ...held }))
  }
}

async function resolve(reference: string): Promise<Buffer> {
  const vault = claimedId(at.place)
  agreeToReference(vault, NAME, referenceFingerprint(NAME, reference), at.env)
  const source = { store: parseReference(reference), keep: 0 }
  const { value } = await resolveReference(
    { vault, name: NAME, version: 1, changed: "2026-12-01T00:00:00Z", source, reference },
    at,
    new Date(),
  )
  return Buffer.from(value)
}

describe("AWS's own program", () => {
  testUnless(lack, "gives a text, a member of a JSON value, and bytes", async () => {
    expect((await resolve("aws-sm://prod/stripe")).toString()).toBe("größe 💶\n")
    expect((await resolve("aws-sm://prod/json#key")).toString()).toBe("one")
    expect((await resolve("aws-sm://prod/json#port")).toString()).toBe("5432")
    expect([...(await resolve("aws-sm://prod/bytes"))]).toEqual([0xff, 0, 10])
  })

  testUnless(lack, "asks in the region of a reference, else in that of the user", async () => {
    regions.length = 0
    await resolve("aws-sm://prod/stripe?region=us-east-2")
    await resolve("aws-sm://prod/stripe")
    expect(regions).toEqual(["us-east-2", "eu-west-1"])
  })

  testUnless(lack, "fails for what is not there, and there is no value", async () => {
    expect(await outcome(resolve("aws-sm://prod/none"))).toBe("SOURCE_FAILED")
    expect(await outcome(resolve("aws-sm://prod/json#none"))).toBe("SOURCE_FAILED")
    expect(await outcome(resolve("aws-sm://prod/bytes#key"))).toBe("SOURCE_FAILED")
  })
})
