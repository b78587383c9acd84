import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import {
  type AuditLine,
  attributionOf,
  auditFileOf,
  auditFolder,
  auditTo,
  claimedId,
  findVault,
  identityAt,
  noAudit,
  withVault,
} from "../../../src/core/index.js"
import { Canaries, addCanaries } from "../../../src/core/owner.js"
import {
  BrokerWorld,
  type Reply,
  Service,
  brokeredWorld,
  refusalIn,
  useAt,
} from "../../broker/proxy/broker-world.js"
import type { World } from "../../core/world.js"

// A program that runs blind got hold of a canary of its agent, and tries to get it out.

const KEY = "stripe/api-key"
const CANARY = "openai-ci/openai-api-key"
const unasked = (): Promise<string> => Promise.reject(new Error("no key has a passphrase"))
let service: Service
let world: World
let brokered: BrokerWorld
let canary: string

beforeAll(async () => {
  service = await Service.start("api.pay.test")
  const value = `test-only-${randomBytes(12).toString("hex")}`
  world = await brokeredWorld({ [KEY]: { value, use: [useAt(service)] } })
  await addCanaries({ ...(await world.request()), whose: { agent: "ci" } })
  canary = await world.read("ci", CANARY)
  const audit = auditTo({ folder: folderOf() }, attributionOf(world.env))
  brokered = await BrokerWorld.start(world, [KEY, CANARY], [service], { audit })
})
afterEach(() => {
  service.got.length = 0
})
afterAll(() => {
  brokered.close()
  service.close()
  world.remove()
})

function folderOf(): string {
  return auditFolder(claimedId(findVault(world.top)), world.env)
}

/** A POST with a body, and the key of the run or something else as its bearer. */
function post(body: string, bearer = brokered.of(KEY)): Promise<Reply> {
  const head = `POST /v1/charges HTTP/1.1\r\nHost: ${service.authority}\r\nAuthorization: Bearer ${bearer}`
  return brokered.send(service, `${head}\r\nContent-Length: ${Buffer.byteLength(body)}`, body)
}

/** What the audit has that an owner takes for the use of a canary, and whose it was. */
async function marked(): Promise<string[]> {
  const place = findVault(world.top)
  const key = await identityAt(place, { owner: true }, "never", world.env, unasked)
  const terms = { outlet: { surface: "cli", isShown: true }, audit: noAudit() } as const
  const canaries = await withVault(place, key.trust, world.env, (vault) =>
    Canaries.read(vault, key, terms, new Date()),
  )
  const file = auditFileOf(folderOf(), { role: "agent", name: "ci" })
  const lines = readFileSync(file, "utf8").trimEnd().split("\n")
  return lines
    .map((line) => JSON.parse(line) as AuditLine)
    .filter(({ event }) => event !== "read")
    .flatMap(({ at, event, decision = "", secrets = [] }) =>
      secrets.flatMap((secret) => {
        const found = canaries.of(secret, at)
        return found === undefined ? [] : [`${found.agent}: ${event} ${decision}`]
      }),
    )
}

describe("a canary in a request", () => {
  test.each([
    ["in the body", () => post(`key=${canary}`)],
    ["in base64", () => post(Buffer.from(canary).toString("base64"))],
    ["as the bearer", () => post("", canary)],
  ])("%s reaches nobody; the refusal is that of any value, the audit names it", async (_, send) => {
    const before = (await marked()).length
    const reply = await send()
    expect(reply.status).toBe(403)
    expect(refusalIn(reply).code).toBe("GATE_REFUSED")
    expect(reply.body.toString()).not.toMatch(/canar/i)
    expect(reply.body.toString()).not.toContain(canary)
    expect(service.got).toHaveLength(0)
    expect((await marked()).slice(before)).toEqual(["ci: gate refused"])
  })

  test("by its placeholder is refused, since no rule lets it go anywhere", async () => {
    const reply = await post("", brokered.of(CANARY))
    expect([reply.status, refusalIn(reply).code]).toEqual([403, "USE_REFUSED"])
    expect(service.got).toHaveLength(0)
  })

  test("that comes back is taken out as any value", async () => {
    service.handler = (_request, response) => response.end(`held: ${canary}`)
    const { body } = await post("")
    expect(body.toString()).toBe(`held: [REDACTED ${CANARY}]`)
  })
})
