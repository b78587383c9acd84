import { afterAll, beforeAll, expect, test } from "vitest"
import { type Place, findVault, withVault } from "../../../src/core/index.js"
import { inspect, secretHistory, vaultInGit, whoCouldRead } from "../../../src/core/owner.js"
import type { Progress } from "../../../src/core/words/progress.js"
import { type World, vaultWorld } from "../world.js"

const NAME = "stripe/api-key"

let world: World
let place: Place
beforeAll(async () => {
  world = await vaultWorld()
  await world.set(NAME, "second")
  place = findVault(world.top)
})
afterAll(() => world.remove())

/** The steps that were told of each kind of work; each has to be told of to the end. */
async function stepsOf(work: (onProgress: Progress) => Promise<unknown>): Promise<string[]> {
  const told: [number, number, string][] = []
  await work((...step) => void told.push(step))
  const kinds = [...new Set(told.map(([, , what]) => what))]
  for (const kind of kinds) {
    const own = told.filter(([, , what]) => what === kind)
    expect(own.map(([done]) => done)).toEqual(own.map((_step, index) => index + 1))
    expect(own.at(-1)).toEqual([own.length, own.length, kind])
  }
  return kinds
}

const reading = (
  work: (where: Parameters<typeof secretHistory>[0]) => Promise<unknown>,
): Promise<unknown> =>
  withVault(place, undefined, world.env, async (vault) =>
    work(await vaultInGit(vault, place, world.env)),
  )

test("history tells how far it has come", async () => {
  const kinds = await stepsOf((onProgress) =>
    reading((where) => secretHistory(where, NAME, onProgress)),
  )
  expect(kinds).toEqual(["verifying secret records"])
})

test("so does who-could-read", async () => {
  const kinds = await stepsOf((onProgress) =>
    reading((where) => whoCouldRead(where, NAME, new Date(), { onProgress })),
  )
  expect(kinds).toContain("verifying secret records")
  expect(kinds).toContain("verifying group records")
})

test("and check of the history", async () => {
  const asked = { place, env: world.env, now: new Date() }
  const present = await stepsOf((onProgress) => inspect({ ...asked, onProgress }))
  const all = await stepsOf((onProgress) => inspect({ ...asked, history: true, onProgress }))
  expect(all.filter((kind) => !present.includes(kind))).toEqual([
    "reading records of the history",
    "verifying group records",
  ])
})
