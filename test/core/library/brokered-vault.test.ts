import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import {
  type Audit,
  type BrokeredVault,
  type Sending,
  type Use,
  attributionOf,
  auditTo,
  findVault,
  identityAt,
  noAudit,
  openBrokered,
  parseSecretName,
  ruleOf,
} from "../../../src/core/index.js"
import { changeUse, setSecret } from "../../../src/core/owner.js"
import { RULE, SENDING } from "../rule-of-pay.js"
import { type World, outcome, vaultWorld } from "../world.js"

const NAME = parseSecretName("stripe/api-key")
const AGREED = { isAgreed: () => true, request: 1 }

let template: World
let world: World
let vault: BrokeredVault

beforeAll(async () => {
  template = await vaultWorld()
  await rules(template, [RULE])
})
afterEach(() => {
  vault.close()
  world.remove()
})
afterAll(() => template.remove())

async function rules(where: World, use: readonly Partial<typeof RULE & { ask: Use["ask"] }>[]) {
  const request = { ...(await where.request()), name: NAME.full }
  await changeUse({ ...request, edit: { do: "remove" } }).catch(() => {})
  const all = use.map((rule) => ({ ...RULE, ...rule }))
  await changeUse({ ...request, edit: { do: "add", rules: all } })
}

async function open(): Promise<void> {
  world = template.copy()
  vault = await opened(noAudit(), { agent: "ci" })
}

async function opened(audit: Audit, identity: object): Promise<BrokeredVault> {
  const place = findVault(world.vaultFolder)
  const key = await identityAt(place, identity, "always", world.env, none)
  return openBrokered({ place, key, env: world.env, audit }, [NAME])
}

const none = (): Promise<string> => Promise.reject(new Error("no key has a passphrase"))

/** The value that is sent, or the code of the refusal. */
async function sent(changes: Partial<Sending> = {}, terms = AGREED): Promise<string> {
  const sending = { ...SENDING, ...changes }
  return outcome(
    vault
      .send([{ name: NAME, sending }], terms)
      .then(([read]) => Buffer.from(read?.value ?? []).toString()),
  )
}

describe("a value is sent", () => {
  test("where the rule of its record says, and nowhere else", async () => {
    await open()
    expect(await sent()).toBe("old")
    for (const changes of [
      { host: "other.pay.test" },
      { port: 8443 },
      { method: "POST" },
      { path: "/v2/a" },
      { path: "/v1/../v2" },
      { at: "header:x-api-key" },
    ] as const) {
      expect(await sent(changes)).toBe("USE_REFUSED")
    }
  })

  test("only if a person agreed, where the rule says so", async () => {
    await open()
    await rules(world, [{ ask: "each" }])
    expect(await sent()).toBe("old")
    expect(await sent({}, { ...AGREED, isAgreed: () => false })).toBe("ASK_REFUSED")
  })

  test("by no owner's key, however it was given", async () => {
    await open()
    const owner = opened(noAudit(), {})
    expect(await outcome(owner)).toBe("OWNER_KEY_UNASKED")
  })

  test("only after its line is on the disk", async () => {
    await open()
    const file = join(world.folder, "audit.jsonl")
    vault = await opened(auditTo({ file }, attributionOf(world.env)), { agent: "ci" })
    expect(await sent()).toBe("old")
    rmSync(file)
    mkdirSync(file)
    expect(await sent()).toBe("AUDIT_UNWRITABLE")
  })

  test("as it is now: a rule, a value, a grant", async () => {
    await open()
    expect(await sent()).toBe("old")
    const request = await world.request()
    await setSecret({ ...request, name: NAME.full, value: Buffer.from("new"), metadata: {} })
    expect(await sent()).toBe("new")
    await rules(world, [{ paths: ["/v2/**"] }])
    expect(await sent()).toBe("USE_REFUSED")
    expect(await sent({ path: "/v2/a" })).toBe("new")
    await world.revoke("ci", "stripe")
    expect(await sent({ path: "/v2/a" })).toBe("NOT_GRANTED")
    const bound = await vault.bound()
    expect(bound.get(NAME.full)).toMatchObject({
      uses: [],
      refusal: { code: "NOT_GRANTED" },
    })
    expect(() => ruleOf(bound, NAME.full, SENDING)).toThrow(
      expect.objectContaining({ code: "NOT_GRANTED" }),
    )
  })
})
