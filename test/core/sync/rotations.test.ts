import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { describeSecrets, findVault, withVault } from "../../../src/core/index.js"
import type { Rotation } from "../../../src/core/records/rotation.js"
import { type RotationEdit, changeRotation } from "../../../src/core/rotation/change-rotation.js"
import { type World, outcome, vaultWorld } from "../world.js"
import { type Clones, clonesOf, mergeAt, syncAt } from "./clones.js"

// Two clones change what rotates one secret. What comes of it runs on owners' machines.

const NAME = "stripe/api-key"

let template: World
let clones: Clones

beforeAll(async () => {
  template = await vaultWorld()
  await put(template, "run", "roll")
})
beforeEach(() => {
  clones = clonesOf(template.copy())
})
afterEach(() => clones.one.remove())
afterAll(() => template.remove())

async function edit(world: World, change: RotationEdit): Promise<void> {
  await changeRotation({ ...(await world.request()), name: NAME, edit: change })
}

function put(world: World, step: "run" | "test" | "end", ...words: string[]): Promise<void> {
  return edit(world, { do: "put", step, words })
}

async function rotation(world: World): Promise<Rotation | undefined> {
  const listed = await withVault(findVault(world.top), undefined, world.env, describeSecrets)
  return listed.find(({ name }) => name === NAME)?.rotation
}

test.each([
  ["ours", { run: ["roll", "--two"] }],
  ["theirs", { run: ["roll"], end: ["finish"] }],
] as const)(
  "two changes are a conflict, and what is chosen is taken whole, never a mixture: %s",
  async (side, expected) => {
    const { one, two } = clones
    await put(one, "end", "finish")
    await put(two, "run", "roll", "--two")
    await syncAt(one)
    expect(await outcome(syncAt(two))).toBe("CONFLICT")
    expect(await mergeAt(two)).toEqual([NAME])
    expect(await mergeAt(two, side)).toEqual([])
    expect(await rotation(two)).toEqual(expected)
  },
)

test("the same change on both sides is none, and a change there is taken here", async () => {
  const { one, two } = clones
  await put(one, "test", "try")
  await put(two, "test", "try")
  await syncAt(one)
  await syncAt(two)
  expect(await rotation(two)).toEqual({ run: ["roll"], test: ["try"] })
  await put(two, "end", "finish")
  await syncAt(two)
  await syncAt(one)
  expect(await rotation(one)).toEqual({ run: ["roll"], test: ["try"], end: ["finish"] })
})

test("a rotation that is taken out there stays out, also with a new value from here", async () => {
  const { one, two } = clones
  await edit(one, { do: "remove" })
  await two.set(NAME, "a-new-value")
  await syncAt(one)
  await syncAt(two)
  expect(await rotation(two)).toBeUndefined()
  expect(two.git("show", `HEAD:.agent-vault/secrets/${NAME}.json`)).toContain('"version": 2')
})
