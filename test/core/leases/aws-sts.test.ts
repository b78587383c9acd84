import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type AgentVault, VaultError } from "../../../src/core/index.js"
import { changeMetadata, parseLease, setSecret } from "../../../src/core/owner.js"
import { type World, vaultWorld } from "../world.js"
import { readerIn, trusting } from "./issuer-world.js"
import {
  GIVEN,
  KEY_ID,
  ROLE,
  SECRET,
  SessionServer,
  sendError,
  sendXml,
  sessionOf,
} from "./session-server.js"

const NAME = "stripe/api-key"
const SEALED = `${KEY_ID}:${SECRET}`

let server: SessionServer
let world: World
let vault: AgentVault

beforeAll(async () => {
  server = await SessionServer.start()
  server.region = "eu-central-1"
})
beforeEach(async () => {
  world = trusting(await vaultWorld(), server)
  vault = await readerIn(world)
})
afterEach(async () => {
  await vault.close()
  server.forget()
  world.remove()
})
afterAll(() => server.stop())

function leaseOf(...more: readonly string[]) {
  const region = more.some((each) => each.startsWith("region=")) ? [] : ["region=eu-central-1"]
  const endpoint = more.some((each) => each.startsWith("endpoint="))
    ? []
    : [`endpoint=${server.url}`]
  return parseLease("aws-sts", [...region, ...endpoint, ...more])
}

async function lease(sealed: string, ...more: readonly string[]): Promise<void> {
  const request = { ...(await world.request()), name: NAME, metadata: {} }
  await setSecret({ ...request, value: Buffer.from(sealed), lease: leaseOf(...more) })
}

const got = async (): Promise<string> => (await vault.get(NAME)).reveal()

async function refusal(): Promise<VaultError> {
  const thrown = await got().catch((error: unknown) => error)
  if (VaultError.is(thrown, "LEASE_FAILED")) return thrown
  throw new Error("it was read", { cause: thrown })
}

test("a key buys keys of its user for an hour, as AWS's programs take them, which nobody ends", async () => {
  await lease(`${SEALED}\n`)
  const [one, other] = [await got(), await got()]
  expect(one).toBe(other)
  expect(JSON.parse(one)).toEqual({
    Version: 1,
    ...GIVEN,
    Expiration: expect.any(String) as string,
  })
  expect(server.lines).toEqual(["POST /"])
  const form = { Action: "GetSessionToken", Version: "2011-06-15", DurationSeconds: "3600" }
  expect(server.forms).toEqual([form])
  await vault.close()
  expect(server.lines).toEqual(["POST /"])
  expect(JSON.stringify(server.asked)).not.toContain(SECRET)
  const audit = readFileSync(join(world.folder, "audit.jsonl"), "utf8")
  expect(audit.match(/"event":"[a-z-]+"/g)).toEqual(
    ["lease", "read", "read"].map((event) => `"event":"${event}"`),
  )
})

test("a role is assumed, in a session of the name of who reads", async () => {
  await lease(SEALED, `role=${ROLE}`, "duration=900")
  await got()
  expect(server.forms).toEqual([
    {
      Action: "AssumeRole",
      Version: "2011-06-15",
      DurationSeconds: "900",
      RoleArn: ROLE,
      RoleSessionName: "agent-vault-ci",
    },
  ])
})

test("or of another name, with an external id, behind a path", async () => {
  const path = `endpoint=${server.url}/a.b/sts~1`
  await lease(SEALED, `role=${ROLE}`, "session=a,b=c@d", "external=a:b/c+d", path)
  await got()
  expect(server.lines).toEqual(["POST /a.b/sts~1"])
  expect(server.forms).toMatchObject([{ RoleSessionName: "a,b=c@d", ExternalId: "a:b/c+d" }])
})

test("readers get the text that the record names", async () => {
  await lease(SEALED, "value={access_key_id} {secret_access_key} {session_token} {other }")
  const { AccessKeyId, SecretAccessKey, SessionToken } = GIVEN
  expect(await got()).toBe(`${AccessKeyId} ${SecretAccessKey} ${SessionToken} {other }`)
})

test("what is sealed may be what AWS prints for a new key", async () => {
  const key = { UserName: "agents", AccessKeyId: KEY_ID, SecretAccessKey: SECRET, Status: "Active" }
  await lease(JSON.stringify({ AccessKey: key }, undefined, 4))
  expect(await got()).toContain(GIVEN.SessionToken)
})

/** What a test looks for in all that was told. */
const SAID = "said-by-the-server"
type Instead = NonNullable<SessionServer["instead"]>
const says =
  (fields: Readonly<Record<string, string>>): Instead =>
  (_, response) =>
    sendXml(response, 200, sessionOf("GetSessionToken", { ...GIVEN, ...fields }))

describe("nothing leaves, and nothing that was said is told, where STS", () => {
  test.each<[string, string, Instead]>([
    [
      "refuses",
      "it answers 403, AccessDenied",
      (_, response) => sendError(response, 403, "AccessDenied", SAID),
    ],
    ["says another code", "it answers 400", (_, response) => sendError(response, 400, SAID)],
    ["sends elsewhere", "it answers 307", (_, response) => response.writeHead(307).end(SAID)],
    ["says no end", "without Expiration", says({})],
    ["says no time", "does not say when", says({ Expiration: "1:2:3" })],
    ["said an end that is over", "is over by", says({ Expiration: "2020-01-01T00:00:00Z" })],
    ["lacks a field", "without SessionToken", says({ SessionToken: "" })],
    ["gives lines", "without SecretAccessKey", says({ SecretAccessKey: `${SAID}\n${SAID}` })],
    ["gives XML in a field", "without AccessKeyId", says({ AccessKeyId: `<b>${SAID}</b>` })],
    ["answers nothing", "without AccessKeyId", (_, response) => response.writeHead(200).end()],
  ])("%s", async (_what, why, instead) => {
    await lease(SEALED)
    server.instead = instead
    const { message, hint, cause } = await refusal()
    expect(message).toContain(why)
    expect([message, hint, String(cause)].join()).not.toContain(SAID)
  })
})

describe("what STS refuses is told with its mend:", () => {
  const other = `${ROLE}/other`
  test.each([
    [
      "another secret",
      `${KEY_ID}:${SECRET.replace("n", "m")}`,
      [],
      "SignatureDoesNotMatch",
      "clock",
    ],
    ["another region", SEALED, ["region=us-east-1"], "SignatureDoesNotMatch", "clock"],
    ["a key that is gone", `${KEY_ID}X:${SECRET}`, [], "InvalidClientTokenId", "not active"],
    ["another role", SEALED, [`role=${other}`], "AccessDenied", "trust policy"],
  ])("%s", async (_what, sealed, more, code, mend) => {
    await lease(sealed, ...more)
    const { message, hint } = await refusal()
    expect(message).toBe(
      `${NAME} has no lease from ${new URL(server.url).host}: it answers 403, ${code}`,
    )
    expect(hint).toContain(mend)
  })
})

test("what is no long-lived key is not sealed, and goes nowhere if it was", async () => {
  const temporary = `${GIVEN.AccessKeyId}:${SECRET}`
  const wrong = [SECRET, `${KEY_ID}:`, `${KEY_ID}:${SECRET}\n${SECRET}`, "{}", temporary]
  for (const sealed of wrong) {
    await expect(lease(sealed)).rejects.toMatchObject({ code: "USAGE" })
  }
  await expect(lease(temporary)).rejects.toThrow("a short-lived key")
  await lease(SEALED)
  await expect(world.set(NAME, SECRET)).rejects.toThrow("no ID:SECRET of an access key")
  const request = { ...(await world.request()), name: NAME, metadata: {} }
  await setSecret({ ...request, value: Buffer.from(SECRET), lease: "none" })
  await changeMetadata({ ...request, lease: leaseOf() })
  expect((await refusal()).message).toContain("no ID:SECRET of an access key")
  expect(server.asked).toEqual([])
})
