import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type AgentVault, VaultError } from "../../../src/core/index.js"
import { changeMetadata, parseLease, setSecret } from "../../../src/core/owner.js"
import { type World, vaultWorld } from "../world.js"
import { readerIn, trusting } from "./issuer-world.js"
import { send } from "./lease-server.js"
import { SECRET_ID, SecretsServer, TOKEN } from "./secrets-server.js"

const NAME = "stripe/api-key"
const READ = "GET /v1/database/creds/app"
const LOGIN = "POST /v1/auth/approle/login"
const END = "POST /v1/auth/token/revoke-self"

let server: SecretsServer
let world: World
let vault: AgentVault

beforeAll(async () => {
  server = await SecretsServer.start()
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

function saidOf(...more: readonly string[]): readonly string[] {
  const path = more.some((each) => each.startsWith("path=")) ? [] : ["path=database/creds/app"]
  const value = more.some((each) => each.startsWith("value=")) ? [] : ["value={password}"]
  return [`endpoint=${server.url}`, ...path, ...value, ...more]
}

async function lease(sealed: string, ...more: readonly string[]): Promise<void> {
  const request = { ...(await world.request()), name: NAME, metadata: {} }
  await setSecret({
    ...request,
    value: Buffer.from(sealed),
    lease: parseLease("vault", saidOf(...more)),
  })
}

const got = async (): Promise<string> => (await vault.get(NAME)).reveal()

async function refusal(): Promise<VaultError> {
  const thrown = await got().catch((error: unknown) => error)
  if (VaultError.is(thrown, "LEASE_FAILED")) return thrown
  throw new Error("it was read", { cause: thrown })
}

/** What a test of the next describe looks for in all that was told. */
const SAID = "said-by-the-server"
type Instead = NonNullable<SecretsServer["instead"]>
const says =
  (status: number, said: object): Instead =>
  (_, response) =>
    send(response, status, said)

test("a token buys a dynamic secret, which is kept in memory, and ended at the end", async () => {
  await lease(`${TOKEN}\n`, "namespace=team/a")
  expect([await got(), await got()]).toEqual(Array(2).fill("A1a-not/a:real@password"))
  expect(server.lines).toEqual([READ])
  expect(server.asked[0]?.headers).toMatchObject({
    "x-vault-token": TOKEN,
    "x-vault-namespace": "team/a",
    "x-vault-request": "true",
  })
  const [id] = server.live
  await vault.close()
  expect(server.lines).toEqual([READ, "POST /v1/sys/leases/revoke"])
  expect(JSON.parse(server.asked[1]?.body ?? "")).toEqual({ lease_id: id, sync: true })
  expect(server.live.size).toBe(0)
  const audit = readFileSync(join(world.folder, "audit.jsonl"), "utf8")
  expect(audit.match(/"event":"[a-z-]+"/g)).toEqual(
    ["lease", "read", "read", "lease-end"].map((event) => `"event":"${event}"`),
  )
})

test("an AppRole logs in with its secret id, and the end of its token ends the lease", async () => {
  await lease(SECRET_ID, "role=a-role")
  await got()
  await vault.close()
  expect(server.lines).toEqual([LOGIN, READ, END])
  expect(server.live.size).toBe(0)
})

test("a lease is over with the token that it was given to", async () => {
  server.lives = { lease: 3600, token: 4 }
  await lease(SECRET_ID, "role=a-role")
  await got()
  await new Promise((resolve) => setTimeout(resolve, 3100))
  await got()
  expect(server.lines).toEqual([LOGIN, READ, LOGIN, READ])
})

describe("readers get a text with the fields", () => {
  test.each([
    ["as it is", "{username}:{password}", /^v-app-\d+:a"b\\c\/@$/],
    [
      "encoded in an address",
      "postgres://{username}:{password}@db.example/app",
      /^postgres:\/\/v-app-\d+:a%22b%5Cc%2F%40@db\.example\/app$/,
    ],
    [
      "encoded in an address whose scheme is written otherwise",
      "Postgres://{username}:{password}@db.example/app",
      /^Postgres:\/\/v-app-\d+:a%22b%5Cc%2F%40@db\.example\/app$/,
    ],
    [
      "quoted in JSON",
      '{"user":"{username}","password":"{password}"}',
      /^\{"user":"v-app-\d+","password":"a\\"b\\\\c\/@"\}$/,
    ],
    ["quoted in JSON after blanks", ' { "p": "{password}" }', /^ \{ "p": "a\\"b\\\\c\/@" \}$/],
    [
      "quoted in a list",
      '[{"p":"{password}","n":{port}}]',
      /^\[\{"p":"a\\"b\\\\c\/@","n":5432\}\]$/,
    ],
    ["quoted in a text of JSON", '"{password}"', /^"a\\"b\\\\c\/@"$/],
    ["quoted in lines of JSON", '{"p":"{password}"} {}', /^\{"p":"a\\"b\\\\c\/@"\} \{\}$/],
    ["as it is where no text is JSON's", "[{password}]", /^\[a"b\\c\/@\]$/],
  ])("%s", async (_what, value, text) => {
    server.fields = { password: 'a"b\\c/@', port: 5432 }
    await lease(TOKEN, `value=${value}`)
    expect(await got()).toMatch(text)
  })

  test("and what looks like a field in one stays as it is", async () => {
    server.fields = { password: "{username}$&" }
    await lease(TOKEN, "value=-{password}-")
    expect(await got()).toBe("-{username}$&-")
  })
})

describe("nothing leaves, and nothing that was said is told, where the server", () => {
  const whole = { lease_id: SAID, lease_duration: 60, data: { password: SAID } }
  test.each<[string, string, Instead]>([
    ["refuses", "it answers 403", says(403, { errors: [SAID] })],
    ["sends elsewhere", "it answers 307", (_, response) => response.writeHead(307).end(SAID)],
    ["has nothing there", "it answers 404", says(404, { errors: [] })],
    ["gives no lease", "is no lease", says(200, { ...whole, lease_id: "" })],
    ["gives a lease of no name", "is no lease", says(200, { ...whole, lease_id: "a\nb" })],
    ["says no end", "does not say when", says(200, { ...whole, lease_duration: 0 })],
    ["lacks a field", "without a field password", says(200, { ...whole, data: { other: SAID } })],
    [
      "gives lines",
      "its field password is not a line of text",
      says(200, { ...whole, data: { password: `${SAID}\n` } }),
    ],
    [
      "gives a fraction",
      "its field password is not a line of text",
      says(200, { ...whole, data: { password: 0.5 } }),
    ],
    [
      "gives no text",
      "its field password is not a line of text",
      says(200, { ...whole, data: { password: true } }),
    ],
    ["has other fields", "without a field password", says(200, { ...whole, data: [SAID] })],
    ["answers no JSON", "is no lease", (_, response) => response.writeHead(200).end(SAID)],
    ["answers nothing", "is no lease", (_, response) => response.writeHead(200).end("null")],
  ])("%s", async (_what, why, instead) => {
    await lease(TOKEN)
    server.instead = instead
    const { message, hint, cause } = await refusal()
    expect(message).toContain(why)
    expect([message, hint, String(cause)].join()).not.toContain(SAID)
  })
})

test("what is not leased there is no lease", async () => {
  await lease(TOKEN, "path=secret/data/x")
  expect((await refusal()).message).toContain("is no lease, and would not end")
})

test("an AppRole that reads nothing is logged out", async () => {
  await lease(SECRET_ID, "role=a-role", "path=database/creds/other")
  expect((await refusal()).message).toContain("it answers 404")
  expect(server.lines).toEqual([LOGIN, "GET /v1/database/creds/other", END])
})

test("an AppRole does not log in with another secret id", async () => {
  await lease("another", "role=a-role")
  expect((await refusal()).message).toContain("it answers 400 to the login")
  expect(server.lines).toEqual([LOGIN])
})

test("what is no word is not sealed, and goes nowhere if it was", async () => {
  const sealed = `${SECRET_ID}\n${SECRET_ID}`
  await expect(lease(sealed, "role=a-role")).rejects.toMatchObject({
    code: "USAGE",
    message: `${NAME} is leased as vault, and what is sealed is no secret id`,
  })
  await lease(SECRET_ID, "role=a-role")
  await expect(world.set(NAME, sealed)).rejects.toMatchObject({ code: "USAGE" })
  const request = { ...(await world.request()), name: NAME, metadata: {} }
  await setSecret({ ...request, value: Buffer.from(sealed), lease: "none" })
  await changeMetadata({ ...request, lease: parseLease("vault", saidOf("role=a-role")) })
  expect((await refusal()).message).toContain("what is sealed is no secret id")
  expect(server.asked).toEqual([])
})

test("what was given and cannot be told of is ended", async () => {
  server.fields = {}
  await lease(TOKEN)
  await refusal()
  expect(server.live.size).toBe(0)
})
