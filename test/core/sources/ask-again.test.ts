import { chmodSync, existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import {
  type BrokeredVault,
  type Place,
  type Sources,
  claimedId,
  findVault,
  identityAt,
  noAudit,
  openBrokered,
  parseSecretName,
  readSecret,
  withVault,
} from "../../../src/core/index.js"
import {
  agreeToReference,
  changeUse,
  grant,
  referenceFingerprint,
  setPolicy,
  setSecret,
} from "../../../src/core/owner.js"
import { newLeaseBook } from "../../../src/core/leases/lease-book.js"
import { utc } from "../../../src/core/words/time.js"
import { RULE, SENDING } from "../rule-of-pay.js"
import { type World, outcome, vaultWorld } from "../world.js"

const NAME = parseSecretName("stripe/api-key")
const REFERENCE = "vault://secret/stripe#key"

let template: World
let world: World
let place: Place

beforeAll(async () => {
  template = await vaultWorld()
  await putIn(template, REFERENCE)
  const request = { ...(await template.request()), name: NAME.full }
  await changeUse({ ...request, edit: { do: "add", rules: [RULE] } })
  await template.grant("deploy", "stripe")
})
beforeEach(() => {
  world = template.copy().withPrograms()
  place = findVault(world.top)
  agreeToReference(claimedId(place), NAME, referenceFingerprint(NAME, REFERENCE), world.env)
})
afterEach(() => world.remove())
afterAll(() => template.remove())

/** A store's program that does something first. */
function program(first: string): void {
  const file = join(world.folder, "bin", "vault")
  writeFileSync(file, `#!/bin/sh\n${first}\nprintf '{"data":{"data":{"key":"one"}}}'\n`)
  chmodSync(file, 0o755)
}

async function putIn(where: World, reference: string): Promise<void> {
  const request = { ...(await where.request()), name: NAME.full, metadata: {} }
  const value = Buffer.from(reference)
  await setSecret({ ...request, value, source: { store: "vault", keep: 0 } })
}

async function deny(): Promise<void> {
  const rules = "version: 1\nrules: [{ name: none, when: 'true', effect: deny }]\n"
  await setPolicy(await world.request(), { file: "rules.yaml", bytes: Buffer.from(rules) })
}

/** The same reference again, of an exposed value. */
async function changedThere(): Promise<void> {
  await world.revoke("deploy", "stripe")
  await putIn(world, REFERENCE)
}

const none = (): Promise<string> => Promise.reject(new Error("no passphrase"))
const keyOfCi = () => identityAt(place, { agent: "ci" }, "never", world.env, none)

const WAYS = {
  "is handed out": (vault: BrokeredVault) => vault.values(),
  "goes into a request": (vault: BrokeredVault) =>
    vault.send([{ name: NAME, sending: SENDING }], { isAgreed: () => true, request: 1 }),
}
const CHANGES = {
  "the agent's access was revoked": [() => world.revoke("ci", "stripe"), "NOT_GRANTED"],
  "the secret got another reference": [() => putIn(world, "vault://secret/other#key"), "BUSY"],
  "the secret got a value of its own": [() => world.set(NAME.full, "plain"), "BUSY"],
  "an owner says that the value was changed there": [() => changedThere(), "BUSY"],
  "a policy was signed that denies it": [() => deny(), "POLICY_REFUSED"],
  "others were revoked, and it stays": [() => world.revoke("deploy", "stripe"), ["one"]],
} as const
const CASES = (Object.keys(WAYS) as (keyof typeof WAYS)[]).flatMap((way) =>
  (Object.keys(CHANGES) as (keyof typeof CHANGES)[])
    // What the broker only looks for, nobody gets: no policy is asked.
    .filter(
      (what) => way === "goes into a request" || what !== "a policy was signed that denies it",
    )
    .map((what) => [way, what] as const),
)

test.each(CASES)("what %s is decided once a store has given it: %s", async (way, what) => {
  const [asking, go] = [join(world.folder, "asking"), join(world.folder, "go")]
  program(`: > ${asking}; until [ -e ${go} ]; do sleep 0.01; done`)
  const key = await keyOfCi()
  const vault = await openBrokered({ place, key, env: world.env, audit: noAudit() }, [NAME])
  const reads = WAYS[way](vault)
  const read = outcome(reads.then((all) => all.map(({ value }) => Buffer.from(value).toString())))
  while (!existsSync(asking)) await delay(5)
  const [change, result] = CHANGES[what]
  await change()
  writeFileSync(go, "")
  expect(await read).toEqual(result)
  vault.close()
})

test("a store is not asked for what a policy keeps from a request", async () => {
  const asked = join(world.folder, "asked")
  program(`: > ${asked}`)
  await deny()
  const key = await keyOfCi()
  const vault = await openBrokered({ place, key, env: world.env, audit: noAudit() }, [NAME])
  expect(await outcome(WAYS["goes into a request"](vault))).toBe("POLICY_REFUSED")
  expect(existsSync(asked)).toBe(false)
  vault.close()
})

test("a grant that ended while a store was asked gives no value", async () => {
  const until = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000)
  const ends = { until: utc(until), agent: "ci", groups: ["stripe"] }
  await grant({ ...(await world.request()), ...ends })
  program("sleep 1")
  const { trust, ...key } = await keyOfCi()
  const anew: Sources["anew"] = (work) => withVault(place, trust, world.env, work)
  const sources = { place, env: world.env, kept: new Map(), anew, leases: newLeaseBook() }
  const terms = { outlet: { surface: "sdk" }, audit: noAudit(), sources } as const
  const read = (at: Date): Promise<unknown> =>
    outcome(anew((vault) => readSecret(vault, key, NAME, terms, at)).then(({ name }) => name.full))
  expect(await read(new Date())).toBe(NAME.full)
  expect(await read(new Date(until.getTime() - 900))).toBe("GRANT_ENDED")
})
