import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest"
import {
  type BrokeredVault,
  type LeaseBook,
  type Place,
  VaultError,
  attributionOf,
  auditTo,
  findVault,
  identityAt,
  newLeaseBook,
  openBrokered,
  openVault,
  parseSecretName,
} from "../../../src/core/index.js"
import { changeUse, parseLease, setSecret } from "../../../src/core/owner.js"
import { RULE, SENDING } from "../rule-of-pay.js"
import { type World, outcome, vaultWorld } from "../world.js"
import { trusting } from "./issuer-world.js"
import { APP_KEY, Issuer, KEY_LINE } from "./issuer.js"
import { send } from "./lease-server.js"

const NAME = parseSecretName("stripe/api-key")
const POST = "POST /app/installations/678/access_tokens"
const DELETE = "DELETE /installation/token"

let issuer: Issuer
let template: World
let world: World
let place: Place
let vault: BrokeredVault
let notes: string[]

beforeAll(async () => {
  issuer = await Issuer.start()
  template = await vaultWorld()
  await lease(template, issuer.url)
  const request = { ...(await template.request()), name: NAME.full }
  await changeUse({ ...request, edit: { do: "add", rules: [RULE] } })
})
beforeEach(async () => {
  world = template.copy()
  world = trusting(world, issuer)
  place = findVault(world.top)
  vault = await opened()
})
afterEach(async () => {
  vi.useRealTimers()
  vault.close()
  await vault.endLeases()
  issuer.forget()
  world.remove()
})
afterAll(async () => {
  template.remove()
  await issuer.stop()
})

async function lease(where: World, endpoint: string): Promise<void> {
  const said = ["app=12345", "installation=678", `endpoint=${endpoint}`]
  const request = { ...(await where.request()), name: NAME.full, metadata: {} }
  await setSecret({
    ...request,
    value: Buffer.from(APP_KEY),
    lease: parseLease("github-app", said),
  })
}

const none = (): Promise<string> => Promise.reject(new Error("no passphrase"))

async function opened(more: { leases?: LeaseBook } = {}): Promise<BrokeredVault> {
  notes = []
  const key = await identityAt(place, { agent: "ci" }, "never", world.env, none)
  const audit = auditTo({ file: auditFile() }, attributionOf(world.env))
  const onNote = (note: string): void => void notes.push(note)
  return openBrokered({ place, key, env: world.env, audit, onNote, ...more }, [NAME])
}

const auditFile = (): string => join(world.folder, "audit.jsonl")
const events = (): string[] =>
  readFileSync(auditFile(), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Readonly<Record<string, string>>)
    .filter(({ event }) => event !== "read")
    .map(({ event, decision, reason }) => [event, decision, reason].filter(Boolean).join(" "))

const sent = async (): Promise<string[]> => {
  const reads = await vault.send([{ name: NAME, sending: SENDING }], {
    isAgreed: () => true,
    request: 1,
  })
  return reads.map(({ value }) => Buffer.from(value).toString())
}

const refusal = async (): Promise<VaultError> => {
  const thrown = await sent().catch((error: unknown) => error)
  if (VaultError.is(thrown)) return thrown
  throw new Error("it was sent")
}

test("a lease is taken for the first request, kept for the next, and ended with the broker", async () => {
  expect(await vault.values()).toMatchObject([{ name: NAME }])
  expect(issuer.asked).toEqual([])
  const [first] = await sent()
  expect(await sent()).toEqual([first])
  expect(issuer.lines).toEqual([POST])
  vault.close()
  await vault.endLeases()
  expect(issuer.lines).toEqual([POST, DELETE])
  expect(issuer.live.size).toBe(0)
  expect(events()).toEqual([
    "lease allowed",
    "request allowed",
    "request allowed",
    "lease-end allowed",
  ])
  expect(notes).toEqual([])
})

test("many who ask at once wait for one lease", async () => {
  const all = await Promise.all([sent(), sent(), sent()])
  expect(new Set(all.flat()).size).toBe(1)
  expect(issuer.lines).toEqual([POST])
})

test("one that has hardly any time left is replaced, and both are ended", async () => {
  const [first = ""] = await sent()
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 54 * 60_000 })
  expect(await sent()).toEqual([first])
  vi.setSystemTime(Date.now() + 60_001)
  const [second = ""] = await sent()
  expect(second).not.toBe(first)
  vault.close()
  await vault.endLeases()
  expect(issuer.lines).toEqual([POST, POST, DELETE, DELETE])
  expect(issuer.live.size).toBe(0)
})

test("one is taken anew where the clock was set back by more than it may have left", async () => {
  const [first = ""] = await sent()
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 4 * 60_000 })
  expect(await sent()).toEqual([first])
  vi.setSystemTime(Date.now() - 2 * 60_000)
  expect(await sent()).not.toEqual([first])
  vault.close()
  await vault.endLeases()
  expect(issuer.live.size).toBe(0)
})

test("one that is over is not kept until its reader ends", async () => {
  const leases = newLeaseBook()
  vault.close()
  vault = await opened({ leases })
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() })
  for (let hour = 0; hour < 5; hour += 1) {
    await sent()
    vi.setSystemTime(Date.now() + 3_600_000)
  }
  expect(issuer.lines).toHaveLength(5)
  expect(leases.earlier.size).toBe(1)
})

test("of the key nothing goes to the issuer", async () => {
  await sent()
  expect(JSON.stringify(issuer.asked)).not.toContain(KEY_LINE)
})

describe("nothing leaves, and nothing that was said is told, where the issuer", () => {
  const SAID = "said-by-the-issuer"
  const token = { token: SAID, expires_at: new Date(Date.now() + 3_600_000).toISOString() }
  type Instead = NonNullable<Issuer["instead"]>
  test.each<[string, string, Instead]>([
    ["refuses", "it answers 401", (_, response) => send(response, 401, { message: SAID })],
    [
      "sends elsewhere",
      "it answers 307",
      (_, response) => response.writeHead(307, { location: `${issuer.url}/${SAID}` }).end(SAID),
    ],
    ["answers 200", "it answers 200", (_, response) => send(response, 200, token)],
    [
      "gives no token",
      "without a token",
      (_, response) => send(response, 201, { ...token, token: "" }),
    ],
    [
      "gives what is no token",
      "without a token",
      (_, response) => send(response, 201, { ...token, token: `${SAID}\r\nHost: other` }),
    ],
    ["says no end", "does not say when", (_, response) => send(response, 201, { token: SAID })],
    [
      "gives what is over",
      "over by this machine's clock",
      (_, response) => send(response, 201, { ...token, expires_at: "2020-01-01T00:00:00Z" }),
    ],
    ["answers no JSON", "without a token", (_, response) => response.writeHead(201).end(SAID)],
    [
      "answers without end",
      "too large",
      (_, response) => response.writeHead(201).end(SAID.repeat(10_000)),
    ],
    ["hangs up", "the connection broke", (_, response) => response.destroy()],
    [
      "switches to another protocol",
      "the connection broke",
      ({ socket }) =>
        socket.write("HTTP/1.1 101 Other\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n"),
    ],
  ])("%s", async (_what, why, instead) => {
    issuer.instead = instead
    const { code, message, hint, cause } = await refusal()
    expect(code).toBe("LEASE_FAILED")
    expect(message).toContain(why)
    expect([message, hint, String(cause)].join()).not.toContain(SAID)
    expect(issuer.lines).not.toContain(`GET /${SAID}`)
    expect(readFileSync(auditFile(), "utf8")).not.toContain(SAID)
    // What is a token all the same is ended, which is answered in this way too.
    const ends = why.startsWith("over") ? ["lease-end refused LEASE_FAILED"] : []
    expect(events()).toEqual(["lease allowed", ...ends, "lease refused LEASE_FAILED"])
  })

  test("does not prove to be the endpoint", async () => {
    const other = await Issuer.start()
    writeFileSync(join(world.folder, "roots.pem"), other.authority)
    await other.stop()
    expect(await refusal()).toMatchObject({
      code: "LEASE_FAILED",
      hint: expect.stringContaining("NODE_EXTRA_CA_CERTS=FILE") as string,
    })
    expect(issuer.asked).toEqual([])
  })

  test("is nowhere", async () => {
    await lease(world, "https://localhost:1")
    const { code, hint } = await refusal()
    expect([code, hint]).toEqual(["LEASE_FAILED", expect.stringMatching(/^look whether it is up/)])
  })
})

test("no issuer is asked that no owner signed", async () => {
  const other = await Issuer.start()
  const record = join(world.top, ".agent-vault/secrets/stripe/api-key.json")
  writeFileSync(record, readFileSync(record, "utf8").replace(issuer.url, other.url))
  expect(await outcome(sent())).toBe("SIGNATURE_INVALID")
  expect([...other.asked, ...issuer.asked]).toEqual([])
  await other.stop()
})

test("what was revoked while the issuer was asked gets nothing, and its lease is ended", async () => {
  issuer.before = async () => {
    issuer.before = () => Promise.resolve()
    await world.revoke("ci", "stripe")
  }
  expect(await outcome(sent())).toBe("NOT_GRANTED")
  expect(await outcome(sent())).toBe("NOT_GRANTED")
  expect(issuer.lines).toEqual([POST])
  vault.close()
  await vault.endLeases()
  expect(issuer.live.size).toBe(0)
  expect(events()).toEqual(["lease allowed", "lease-end allowed"])
})

test("a value that fails beside it does not spoil a lease that others wait for", async () => {
  const elsewhere = { name: "stripe/elsewhere", value: Buffer.from("env:NOWHERE"), metadata: {} }
  const source = { store: "env", keep: 0 } as const
  await setSecret({ ...(await world.request()), ...elsewhere, source })
  const { env, top: dir } = world
  await using reader = await openVault({ dir, agent: "ci", env, audit: auditFile() })
  // What it loads for the first time takes longer to fail.
  expect(await outcome(reader.get(elsewhere.name))).toBe("SOURCE_UNAGREED")
  expect(await outcome(reader.getMany([elsewhere.name, NAME.full]))).toBe("SOURCE_UNAGREED")
  expect((await reader.get(NAME.full)).reveal()).toMatch(/^ghs_/)
  expect(issuer.lines).toEqual([POST])
  expect(events()).toEqual(["lease allowed"])
})

test("the lines of a lease name the call that it was taken for", async () => {
  const { env, top: dir } = world
  const reader = await openVault({ dir, agent: "ci", env, audit: auditFile() })
  await reader.get(NAME.full, { session: "a-conversation", turn: "a-turn", call: "a-call" })
  await reader.close()
  const lines = readFileSync(auditFile(), "utf8").trimEnd().split("\n")
  const told = lines.map((line) => JSON.parse(line) as Readonly<Record<string, string>>)
  expect(
    told.map(({ event, session, turn, call }) => [event, session, turn, call].join(" ")),
  ).toEqual(["lease", "read", "lease-end"].map((event) => `${event} a-conversation a-turn a-call`))
})

test("another lease that an owner signed meanwhile is to be asked for anew", async () => {
  issuer.before = async () => {
    issuer.before = () => Promise.resolve()
    await lease(world, "https://localhost:1")
  }
  expect(await outcome(sent())).toBe("BUSY")
})

test("who does not wait any more is not kept, and an issuer that is late is not asked to end", async () => {
  const late: (() => void)[] = []
  issuer.before = () => new Promise<void>((resolve) => late.push(resolve))
  const sending = outcome(sent())
  while (issuer.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  vault.close()
  expect(await sending).toBe("LEASE_FAILED")
  await vault.endLeases()
  for (const go of late) go()
  expect(issuer.lines).toEqual([POST])
  expect(events()).toEqual(["lease allowed", "lease refused LEASE_FAILED"])
})

test("where the audit cannot be written, nothing is asked for", async () => {
  vault.close()
  mkdirSync(auditFile())
  vault = await opened()
  expect(await outcome(sent())).toBe("AUDIT_UNWRITABLE")
  expect(issuer.asked).toEqual([])
})

test("no token lies on the disk", async () => {
  const [token = ""] = await sent()
  const files = readdirSync(world.folder, { recursive: true, withFileTypes: true })
  const holding = files.filter(
    (each) =>
      each.isFile() && readFileSync(join(each.parentPath, each.name)).includes(token.slice(-20)),
  )
  expect(holding).toEqual([])
})
