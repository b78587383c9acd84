import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { outcome, type World, vaultWorld } from "../world.js"
import { type Clones, clonesOf, syncAt } from "./clones.js"

let template: World
let clones: Clones

beforeAll(async () => {
  template = await vaultWorld()
})
beforeEach(() => {
  clones = clonesOf(template.copy())
})
afterEach(() => clones.one.remove())
afterAll(() => template.remove())

test("goes forward, pushes, and then has nothing to do", async () => {
  const { one, two } = clones
  await two.set("stripe/api-key", "new")
  expect(await syncAt(two)).toMatchObject({ brought: "nothing", pushed: true, isAhead: false })
  expect(await syncAt(one)).toMatchObject({ brought: "forward", pushed: false })
  expect(await one.read("ci", "stripe/api-key")).toBe("new")
  expect(await syncAt(one)).toMatchObject({ brought: "nothing", pushed: false, isAhead: false })
  expect(one.git("status", "--porcelain", "-b")).toBe("## main...origin/main")
})

test("merges what two clones did at once", async () => {
  const { one, two } = clones
  await one.set("stripe/api-key", "one")
  await one.addAgent("first")
  await one.grant("first", "stripe")
  await two.addAgent("second")
  await two.revoke("ci", "stripe")
  await two.grant("second", "stripe")
  await syncAt(one)
  expect(await syncAt(two)).toMatchObject({ brought: "merge", pushed: true })
  await syncAt(one)
  for (const world of [one, two]) {
    expect(await world.read("first", "stripe/api-key")).toBe("one")
    expect(await world.read("second", "stripe/api-key")).toBe("one")
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
    expect(world.git("status", "--porcelain", "-b")).toBe("## main...origin/main")
  }
})

test("two values for one secret are for a person to choose; nothing moves", async () => {
  const { one, two } = clones
  await one.set("stripe/api-key", "one")
  await two.set("stripe/api-key", "two")
  await syncAt(one)
  const head = two.git("rev-parse", "HEAD")
  expect(await outcome(syncAt(two))).toBe("CONFLICT")
  expect(two.git("rev-parse", "HEAD")).toBe(head)
  expect(two.git("status", "--porcelain")).toBe("")
  expect(await two.read("ci", "stripe/api-key")).toBe("two")
})
