import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { unseal } from "../../../src/core/age/age.js"
import {
  type AgentVault,
  VaultError,
  agentKeyFile,
  findVault,
  openVault,
} from "../../../src/core/index.js"
import {
  changeMetadata,
  formatKeyFile,
  moveSecret,
  parseLease,
  rekeyAgent,
  removeAgent,
  revoke,
  setSecret,
} from "../../../src/core/owner.js"
import { type World, outcome, vaultWorld } from "../world.js"
import { trusting } from "./issuer-world.js"
import { send } from "./lease-server.js"
import { FIRST, TokenServer } from "./token-server.js"

const NAME = "stripe/api-key"
/** What a plan says where ci loses access, or its key. */
const KEPT = [{ secret: NAME, agent: "ci" }]

let server: TokenServer
let world: World
let readers: AgentVault[]

beforeAll(async () => {
  server = await TokenServer.start()
})
beforeEach(async () => {
  world = await vaultWorld()
  await world.grant("deploy", "stripe")
  world = trusting(world, server)
  readers = []
})
afterEach(async () => {
  for (const vault of readers) await vault.close()
  server.forget()
  world.remove()
})
afterAll(() => server.stop())

const saidOf = (...more: readonly string[]): readonly string[] => [
  "client=a-client",
  `endpoint=${server.url}/token`,
  ...more,
]

async function lease(sealed: string | Buffer, ...more: readonly string[]): Promise<void> {
  const request = { ...(await world.request()), name: NAME, metadata: {} }
  await setSecret({
    ...request,
    value: Buffer.from(sealed),
    lease: parseLease("oauth", saidOf(...more)),
  })
}

/** An owner says more of the lease of what is there. */
async function meta(...more: readonly string[]): Promise<void> {
  const request = { ...(await world.request()), name: NAME, metadata: {} }
  await changeMetadata({ ...request, lease: parseLease("oauth", saidOf(...more)) })
}

/** Another process that reads as this agent. */
async function opened(agent = "ci"): Promise<AgentVault> {
  const { env, top: dir } = world
  const vault = await openVault({ dir, agent, env, audit: join(world.folder, `${agent}.jsonl`) })
  readers.push(vault)
  return vault
}

const got = async (vault: AgentVault): Promise<string> => (await vault.get(NAME)).reveal()

async function refusal(agent = "ci"): Promise<VaultError> {
  const thrown = await got(await opened(agent)).catch((error: unknown) => error)
  if (VaultError.is(thrown, "LEASE_FAILED")) return thrown
  throw new Error("it was read", { cause: thrown })
}

const audited = (agent = "ci"): Readonly<Record<string, unknown>>[] =>
  readFileSync(join(world.folder, `${agent}.jsonl`), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
const events = (): string[] =>
  audited("ci").map(({ event, decision }) => [event, decision].filter(Boolean).join(" "))

/** Where the successor is kept. */
const kept = (agent = "ci"): string =>
  join(world.folder, "agent-vault", vaultId(), "successors/agents", agent, `${NAME}.age`)
const vaultId = (): string =>
  (
    JSON.parse(readFileSync(join(findVault(world.top).root, "vault.json"), "utf8")) as {
      vault: string
    }
  ).vault

/** The files of the machine that hold a text. */
const holding = (text: string): string[] =>
  readdirSync(world.folder, { recursive: true, withFileTypes: true })
    .filter(
      (each) => each.isFile() && readFileSync(join(each.parentPath, each.name)).includes(text),
    )
    .map(({ name }) => name)

test("a refresh token buys an access token, which is kept in memory, and revoked at the end", async () => {
  const resource = "resource=https://a.example/,https://b.example/"
  await lease(FIRST, `revoke=${server.url}/revoke`, "scope=write,read", resource)
  const vault = await opened()
  const token = await got(vault)
  expect([token, await got(vault)]).toEqual([token, token])
  expect([...server.live]).toEqual([token])
  expect(server.asked).toHaveLength(1)
  expect(server.asked[0]?.headers["content-type"]).toBe("application/x-www-form-urlencoded")
  expect([...new URLSearchParams(server.asked[0]?.body)]).toEqual([
    ["client_id", "a-client"],
    ["grant_type", "refresh_token"],
    ["refresh_token", FIRST],
    ["scope", "read write"],
    ["resource", "https://a.example/"],
    ["resource", "https://b.example/"],
  ])
  await vault.close()
  expect(server.lines).toEqual(["POST /token", "POST /revoke"])
  expect(new URLSearchParams(server.asked[1]?.body).get("token_type_hint")).toBe("access_token")
  expect(server.live.size).toBe(0)
  expect(events()).toEqual(["lease allowed", "read allowed", "read allowed", "lease-end allowed"])
  expect(holding(FIRST)).toEqual([])
  expect(holding(token)).toEqual([])
})

test("without an endpoint that ends it, a token lives until it is over", async () => {
  await lease(FIRST)
  const vault = await opened()
  await got(vault)
  await vault.close()
  expect(server.lines).toEqual(["POST /token"])
  expect(events()).toEqual(["lease allowed", "read allowed"])
})

const portOf = ({ url }: TokenServer): number => Number(new URL(url).port)

test("the audit names the server that was asked to end a token", async () => {
  const other = await TokenServer.start()
  writeFileSync(join(world.folder, "roots.pem"), server.authority + other.authority)
  await lease(FIRST, `revoke=${other.url}/revoke`)
  const vault = await opened()
  await got(vault)
  await vault.close()
  expect(other.lines).toEqual(["POST /revoke"])
  const ports = audited().flatMap(({ event, port }) => (event === "read" ? [] : [[event, port]]))
  expect(ports).toEqual([
    ["lease", portOf(server)],
    ["lease-end", portOf(other)],
  ])
  await other.stop()
})

test.each(["basic", "post"])("a client shows its secret: %s", async (auth) => {
  server.secret = "not a real: secret %&+ü".replace("ü", "u")
  const sealed = JSON.stringify({ refresh_token: FIRST, client_secret: server.secret })
  await lease(sealed, `auth=${auth}`, `revoke=${server.url}/revoke`)
  const vault = await opened()
  await got(vault)
  await vault.close()
  expect(server.live.size).toBe(0)
  const { body = "", headers } = server.asked[0] ?? {}
  const isShown = body.includes("client_secret")
  expect([isShown, headers?.authorization !== undefined]).toEqual([
    auth === "post",
    auth === "basic",
  ])
})

describe("what is no refresh token", () => {
  test.each(["two\nlines", '{"refresh_token":1}', '{"client_secret":"x"}', "{"])(
    "is not sealed, and goes nowhere if it was: %j",
    async (sealed) => {
      expect(await outcome(lease(sealed))).toBe("USAGE")
      await world.set(NAME, sealed)
      await meta()
      expect((await refusal()).message).toContain("what is sealed is not a refresh token")
      expect(server.asked).toEqual([])
    },
  )
})

type Instead = NonNullable<TokenServer["instead"]>
const says =
  (status: number, said: object): Instead =>
  (_, response) =>
    send(response, status, said)

describe("nothing leaves, and nothing that was said is told, where the server", () => {
  const SAID = "said-by-the-server"
  const whole = { access_token: SAID, token_type: "bearer", expires_in: 3600 }
  test.each<[string, string, Instead]>([
    ["ends the grant", "it answers 400, invalid_grant: the", says(400, { error: "invalid_grant" })],
    ["knows no client", "it answers 401, invalid_client", says(401, { error: "invalid_client" })],
    ["says what it likes", "it answers 400", says(400, { error: SAID })],
    ["sends elsewhere", "it answers 307", (_, response) => response.writeHead(307).end()],
    ["answers 201", "it answers 201", says(201, whole)],
    ["gives no token", "without a token", says(200, { ...whole, access_token: undefined })],
    ["gives what is no token", "without a token", says(200, { ...whole, access_token: "a\r\nb" })],
    ["gives another type", "not a bearer token", says(200, { ...whole, token_type: "mac" })],
    ["says no end", "does not say when", says(200, { ...whole, expires_in: undefined })],
    ["says an odd end", "does not say when", says(200, { ...whole, expires_in: -1 })],
    [
      "gives no refresh token",
      "which is none",
      says(200, { ...whole, refresh_token: `${SAID}\n` }),
    ],
    ["answers no JSON", "without a token", (_, response) => response.writeHead(200).end(SAID)],
    ["answers a list", "without a token", says(200, [SAID])],
  ])("%s", async (_what, why, instead) => {
    await lease(FIRST, "successors=agent:ci")
    server.instead = instead
    const { message, hint, cause } = await refusal()
    expect(message).toContain(why)
    expect([message, hint, String(cause)].join()).not.toContain(SAID)
    expect(events()).toEqual(["lease allowed", "lease refused"])
  })
})

describe("a token that came and does not leave is ended, where the server", () => {
  const TOKEN = "not-a-real-token"
  const whole = { access_token: TOKEN, token_type: "bearer", expires_in: 3600 }
  const next = { refresh_token: "not-a-real-refresh-token-2" }
  test.each<[string, string, object, number?]>([
    ["says no end", "does not say when", { ...whole, expires_in: undefined }],
    ["gives another type", "not a bearer token", { ...whole, token_type: "mac" }],
    ["gives what no header carries", "without a token", { ...whole, access_token: `${TOKEN} b` }],
    ["gives no refresh token", "which is none", { ...whole, refresh_token: "a\nb" }],
    ["answers 201", "it answers 201", whole, 201],
    ["gives another refresh token too", "who keeps", { ...whole, ...next, expires_in: undefined }],
  ])("%s", async (_what, why, said, status = 200) => {
    await lease(FIRST, `revoke=${server.url}/revoke`)
    server.instead = (request, response) =>
      request.url === "/token" ? send(response, status, said) : send(response, 200)
    expect((await refusal()).message).toContain(why)
    expect(server.lines).toEqual(["POST /token", "POST /revoke"])
    const ended = new URLSearchParams(server.asked[1]?.body).get("token")
    expect(ended).toBe((said as typeof whole).access_token)
    expect(events()).toEqual(["lease allowed", "lease-end allowed", "lease refused"])
  })

  test.each([["with an agent that keeps what succeeds", "successors=agent:ci"], ["without one"]])(
    "gives a refresh token that cannot be kept, %s",
    async (_what, ...successors) => {
      server.renewal = "strict"
      await lease(FIRST, `revoke=${server.url}/revoke`, ...successors)
      // After it was seen that the folder takes files.
      server.before = () => {
        mkdirSync(join(kept(), "in-the-way"), { recursive: true })
        return Promise.resolve()
      }
      expect(await outcome(got(await opened()))).toBe("NO_ACCESS")
      expect(server.lines).toEqual(["POST /token", "POST /revoke"])
      expect(server.live.size).toBe(0)
      expect(events()).toEqual(["lease allowed", "lease-end allowed", "lease refused"])
    },
  )

  test("does not end it either, which the audit says", async () => {
    await lease(FIRST, `revoke=${server.url}/revoke`)
    server.instead = (request, response) =>
      request.url === "/token" ? send(response, 201, whole) : send(response, 503)
    expect((await refusal()).message).toContain("it answers 201")
    expect(events()).toEqual(["lease allowed", "lease-end refused", "lease refused"])
  })
})

test("no record names an agent that there is not to keep what succeeds", async () => {
  const none = { code: "AGENT_NOT_FOUND", hint: "did you mean deploy?" }
  await expect(lease(FIRST, "successors=agent:deplay")).rejects.toMatchObject(none)
  await lease(FIRST, "successors=agent:deploy")
  await expect(meta("successors=agent:deplay")).rejects.toMatchObject(none)
  await removeAgent({ ...(await world.request()), agent: "deploy" })
  await expect(meta("successors=agent:deploy")).rejects.toMatchObject({ code: none.code })
  // A new value for what is leased as before.
  await world.set(NAME, `${FIRST}-of-another-grant`)
})

test.each([null, ""])("a refresh token of which the server says %j stays good", async (refresh) => {
  await lease(FIRST)
  const whole = { access_token: "not-a-real", token_type: "bearer", expires_in: 3600 }
  server.instead = says(200, { ...whole, refresh_token: refresh })
  expect(await got(await opened())).toBe("not-a-real")
})

describe("a server that gives another refresh token with each lease", () => {
  beforeEach(() => {
    server.renewal = "strict"
  })

  test("gives none that leaves, while no record says who keeps the refresh token; which is not lost", async () => {
    await lease(FIRST, `revoke=${server.url}/revoke`)
    const { message, hint } = await refusal()
    expect(message).toContain("does not say who keeps them")
    expect(hint).toContain("--with successors=agent:ci")
    expect(hint).toContain(kept())
    expect(server.live.size).toBe(0)
    await meta("successors=agent:ci")
    expect(await got(await opened())).toMatch(/^not-a-real-access-token-/)
    expect(server.forms.map((form) => form["refresh_token"])).toEqual([
      FIRST,
      "not-a-real-refresh-token-2",
    ])
    expect(holding("not-a-real-refresh-token")).toEqual([])
  })

  test("is not asked once more with what it ended, while no record says who keeps the next", async () => {
    await lease(FIRST)
    await refusal()
    const { message, hint } = await refusal()
    expect(message).toContain("does not say who keeps them")
    expect(hint).toContain(kept())
    expect(server.asked).toHaveLength(1)
    await meta("successors=agent:ci")
    expect(await got(await opened())).toMatch(/^not-a-real-access-token-/)
  })

  test("is followed under another name of the secret, and under the first again", async () => {
    await lease(FIRST, "successors=agent:ci")
    await got(await opened())
    const to = "stripe/other"
    // What a secret left that had the other name before.
    renameSync(kept(), join(dirname(kept()), "other.age"))
    server.forget()
    server.renewal = "strict"
    await lease(JSON.stringify({ refresh_token: FIRST }), "successors=agent:ci")
    await got(await opened())
    await moveSecret({ ...(await world.request()), from: NAME, to })
    expect((await (await opened()).get(to)).reveal()).toMatch(/^not-a-real/)
    await moveSecret({ ...(await world.request()), from: to, to: NAME })
    expect(await got(await opened())).toMatch(/^not-a-real/)
    expect(new Set(server.forms.map((form) => form["refresh_token"])).size).toBe(3)
  })

  test("is followed where what is sealed has other bytes than UTF-8", async () => {
    const sealed = JSON.stringify({ refresh_token: FIRST, client_secret: "s", user: "Jos\u00e9" })
    server.secret = "s"
    await lease(Buffer.from(sealed, "latin1"), "successors=agent:ci")
    for (const _ of [1, 2]) await got(await opened())
    expect(server.forms.at(-1)?.["refresh_token"]).toBe("not-a-real-refresh-token-2")
  })

  test.each([" with a blank at each end ", '{"refresh_token":"another"}'])(
    "is followed where it gives %j",
    async (refresh) => {
      await lease(FIRST, "successors=agent:ci")
      const whole = { access_token: "not-a-real", token_type: "bearer", expires_in: 3600 }
      server.instead = says(200, { ...whole, refresh_token: refresh })
      for (const _ of [1, 2]) await got(await opened())
      expect(server.forms.at(-1)?.["refresh_token"]).toBe(refresh)
    },
  )

  test("is followed by the agent that the record names, whatever reads at once", async () => {
    await lease(FIRST, "successors=agent:ci")
    const all = await Promise.all([1, 2, 3].map(async () => got(await opened())))
    expect(new Set(all).size).toBe(3)
    expect(await got(await opened())).toMatch(/^not-a-real/)
    expect(new Set(server.forms.map((form) => form["refresh_token"])).size).toBe(4)
    expect(holding("not-a-real-refresh-token")).toEqual([])
  })

  test("is asked by nobody else", async () => {
    await lease(FIRST, "successors=agent:ci")
    const { message } = await refusal("deploy")
    expect(message).toContain("the agent ci alone")
    expect(server.asked).toEqual([])
  })

  test("is not asked where its next refresh token could not be kept", async () => {
    await lease(FIRST, "successors=agent:ci")
    mkdirSync(dirname(dirname(dirname(kept()))), { recursive: true })
    writeFileSync(dirname(dirname(kept())), "no folder")
    expect(await outcome(got(await opened()))).toBe("NO_ACCESS")
    expect(server.asked).toEqual([])
  })

  test("is not asked with what is spent, where the successor is another key's", async () => {
    await lease(FIRST, "successors=agent:ci")
    await got(await opened())
    await meta("successors=agent:deploy")
    mkdirSync(dirname(kept("deploy")), { recursive: true })
    copyFileSync(kept(), kept("deploy"))
    const { message, hint } = await refusal("deploy")
    expect(message).toContain("which this key does not open")
    expect(hint).toContain("and then removes that file")
    expect(server.asked).toHaveLength(1)
  })

  test("is followed with a new key of its agent, on the machine where an owner gives that", async () => {
    await lease(FIRST, "successors=agent:ci")
    await got(await opened())
    const { result, unfinished } = await rekeyAgent({ ...(await world.request()), agent: "ci" })
    expect([result.plan.groups[0]?.kept, unfinished]).toEqual([KEPT, undefined])
    const { identity = "", recipient, vault, signer: trust } = result
    const key = { identity, recipient, vault, agent: "ci", trust }
    writeFileSync(agentKeyFile(vault, "ci", world.env), formatKeyFile(key, "2026-01-01T00:00:00Z"))
    await got(await opened())
    expect(server.forms.at(-1)?.["refresh_token"]).toBe("not-a-real-refresh-token-2")
    expect(holding("not-a-real-refresh-token")).toEqual([])
  })

  test("is not followed by a new key where an owner cannot open what is kept, which is said", async () => {
    await lease(FIRST, "successors=agent:ci")
    await got(await opened())
    writeFileSync(kept(), "damaged")
    const { unfinished } = await rekeyAgent({ ...(await world.request()), agent: "ci" })
    expect(unfinished).toMatchObject([{ message: expect.stringContaining(kept()) as string }])
  })

  test("is asked by nobody any more when its agent loses it, which the plan names", async () => {
    await lease(FIRST, "successors=agent:ci")
    const request = { ...(await world.request()), dryRun: true }
    const removed = await removeAgent({ ...request, agent: "ci" })
    const revoked = await revoke({ ...request, agent: "ci", groups: ["stripe"] })
    const other = await removeAgent({ ...request, agent: "deploy" })
    expect(
      [removed, revoked, other].map(({ result: { plan } }) => plan.groups.map((each) => each.kept)),
    ).toEqual([[KEPT], [KEPT], [undefined]])
  })

  test("gives what an owner opens, and seals for all", async () => {
    server.secret = "not-a-real-secret"
    const sealed = JSON.stringify({ refresh_token: FIRST, client_secret: server.secret })
    await lease(sealed, "successors=agent:ci")
    await got(await opened())
    const { identity } = (await world.request()).identity
    const text = Buffer.from(await unseal(readFileSync(kept()), [identity])).toString()
    const { next } = JSON.parse(text) as { next: string }
    await lease(next, "successors=agent:deploy")
    await got(await opened("deploy"))
    expect(server.forms.map((form) => form["refresh_token"])).toEqual([
      FIRST,
      "not-a-real-refresh-token-2",
    ])
  })

  test("begins anew with a value that an owner sets", async () => {
    await lease(FIRST, "successors=agent:ci")
    await got(await opened())
    await lease(`${FIRST}-of-another-grant`, "successors=agent:ci")
    await refusal()
    expect(server.forms.at(-1)?.["refresh_token"]).toBe(`${FIRST}-of-another-grant`)
  })

  test("is heard to the end by who does not wait any more", async () => {
    await lease(FIRST, "successors=agent:ci")
    const late: (() => void)[] = []
    const asked = new Promise<void>((resolve) => {
      server.before = () => {
        resolve()
        return new Promise<void>((answer) => late.push(answer))
      }
    })
    const vault = await opened()
    const reading = outcome(got(vault))
    await asked
    const closed = vault.close()
    server.before = () => Promise.resolve()
    for (const go of late) go()
    await closed
    expect(await reading).not.toMatch(/^not-a-real/)
    expect(await got(await opened())).toMatch(/^not-a-real/)
    expect(server.forms.at(-1)?.["refresh_token"]).toBe("not-a-real-refresh-token-2")
  })
})

test("where the sealed refresh token stays good, it is the one that is used", async () => {
  server.renewal = "beside"
  await lease(FIRST, "successors=ignored")
  for (const agent of ["ci", "deploy"]) await got(await opened(agent))
  expect(server.forms.map((form) => form["refresh_token"])).toEqual([FIRST, FIRST])
  expect(readdirSync(world.folder, { recursive: true }).join()).not.toContain("successors")
})
