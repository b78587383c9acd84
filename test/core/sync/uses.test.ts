import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { changeUse } from "../../../src/core/change/change-use.js"
import { describeSecrets, findVault, withVault } from "../../../src/core/index.js"
import type { WrittenUse } from "../../../src/core/records/use.js"
import { type World, outcome, vaultWorld } from "../world.js"
import { type Clones, clonesOf, mergeAt, syncAt } from "./clones.js"

// Two clones change where the broker may send one secret. What comes of it, one owner signed.

const NAME = "stripe/api-key"
const RULE: WrittenUse = {
  hosts: ["api.stripe.com"],
  methods: ["GET"],
  paths: ["/v1/**"],
  at: ["header:authorization"],
  scheme: "bearer",
}
const to = (host: string): WrittenUse => ({ ...RULE, hosts: [host] })

let template: World
let clones: Clones

beforeAll(async () => {
  template = await vaultWorld()
  await add(template, to("first.example.com"))
})
beforeEach(() => {
  clones = clonesOf(template.copy())
})
afterEach(() => clones.one.remove())
afterAll(() => template.remove())

async function add(world: World, ...rules: readonly WrittenUse[]): Promise<void> {
  await changeUse({ ...(await world.request()), name: NAME, edit: { do: "add", rules } })
}

async function remove(world: World, number?: number): Promise<void> {
  const edit = { do: "remove" as const, ...(number === undefined ? {} : { number }) }
  await changeUse({ ...(await world.request()), name: NAME, edit })
}

/** The hosts of the rules, and the format of the record, as a reader has them. */
async function hosts(world: World): Promise<readonly string[]> {
  const listed = await withVault(findVault(world.top), undefined, world.env, describeSecrets)
  const { use = [] } = listed.find(({ name }) => name === NAME) ?? {}
  const record = world.git("show", `HEAD:.agent-vault/secrets/${NAME}.json`)
  expect(record).toContain(`"format": ${use.length === 0 ? 1 : 2}`)
  return use.flatMap((rule) => rule.hosts)
}

test.each([
  ["ours", ["first.example.com", "two.example.com"]],
  ["theirs", ["first.example.com", "one.example.com"]],
] as const)(
  "two changes of the rules are a conflict, and what is chosen is taken whole: %s",
  async (side, expected) => {
    const { one, two } = clones
    await add(one, to("one.example.com"))
    await add(two, to("two.example.com"))
    await syncAt(one)
    expect(await outcome(syncAt(two))).toBe("CONFLICT")
    expect(await mergeAt(two)).toEqual([NAME])
    expect(await mergeAt(two, side)).toEqual([])
    expect(await hosts(two)).toEqual(expected)
  },
)

test("the same change on both sides is none", async () => {
  const { one, two } = clones
  await add(one, to("same.example.com"))
  await add(two, to("same.example.com"))
  await syncAt(one)
  await syncAt(two)
  expect(await hosts(two)).toEqual(["first.example.com", "same.example.com"])
})

test("a new value here and rules that were taken out there leave the new value without them", async () => {
  const { one, two } = clones
  await remove(one)
  await two.set(NAME, "new")
  await syncAt(one)
  await syncAt(two)
  expect(await hosts(two)).toEqual([])
  expect(await two.read("ci", NAME)).toBe("new")
})

test("a new value keeps the rules, and so does a rekey of the group", async () => {
  const { one, two } = clones
  await two.set(NAME, "new")
  await one.revoke("ci", "stripe")
  await syncAt(one)
  await syncAt(two)
  expect(await hosts(two)).toEqual(["first.example.com"])
})

test("a secret that is removed here and gets a rule there is a conflict", async () => {
  const { one, two } = clones
  one.git(
    "rm",
    "-q",
    "-r",
    ".agent-vault/secrets/stripe/api-key.json",
    ".agent-vault/secrets/stripe/api-key.age",
  )
  one.git("commit", "-qm", "gone")
  await add(two, to("two.example.com"))
  await syncAt(one)
  expect(await outcome(syncAt(two))).toBe("CONFLICT")
})

test("rules that were taken back are not signed again, in a commit that looks like news", async () => {
  const { two } = clones
  await syncAt(two)
  const base = two.git("rev-parse", "HEAD")
  await add(two, to("wide.example.com"))
  const wide = two.git("rev-parse", "HEAD^{tree}")
  await remove(two, 2)
  await two.set(NAME, "new")
  const replayed = two.git("commit-tree", wide, "-p", base, "-m", "news")
  two.git("push", "-q", "origin", `${replayed}:refs/heads/main`)
  await syncAt(two)
  expect(await hosts(two)).toEqual(["first.example.com"])
})
