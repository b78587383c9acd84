import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { inspect } from "../../../src/core/check/inspect.js"
import { findVault } from "../../../src/core/disk/place.js"
import { changeRotation } from "../../../src/core/rotation/change-rotation.js"
import { type World, vaultWorld } from "../world.js"

const SECRET = "secrets/stripe/api-key.json"
const GROUP = "groups/stripe.json"

let world: World

beforeAll(async () => {
  world = await vaultWorld()
  world.git("branch", "base")
  await world.set("db/password", "p")
  await world.grant("deploy", "db")
  const edit = { do: "put", step: "run", words: ["roll"] } as const
  await changeRotation({ ...(await world.request()), name: "db/password", edit })
})
afterAll(() => world.remove())

/** Changes a record without its owner. */
function breakRecord(path: string): void {
  const file = join(".agent-vault", path)
  world.write(file, readFileSync(join(world.top, file), "utf8").replace("{", "{ "))
}

test("what is refused here is told once, and not of the commit that it is compared with", async () => {
  breakRecord(GROUP)
  breakRecord(SECRET)
  const place = findVault(world.top)
  const told = await inspect({ place, env: world.env, now: new Date(), against: "base" })
  const refused = told.findings.filter(({ severity }) => severity === "refused")
  expect(refused.map(({ subject }) => subject)).toEqual([GROUP, SECRET])
  // The others are compared all the same.
  expect(told.access).toEqual([{ group: "db", gained: ["deploy"], lost: [] }])
  expect(told.rotations?.map(({ secret }) => secret)).toEqual(["db/password"])
})
