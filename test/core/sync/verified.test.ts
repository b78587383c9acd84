import { appendFileSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { claimedId, findVault } from "../../../src/core/index.js"
import { setSecrets } from "../../../src/core/owner.js"
import { digestOf } from "../../../src/core/records/record.js"
import { type World, outcome, vaultWorld } from "../world.js"
import { clonesOf, syncAt } from "./clones.js"

/** More signatures than one command verifies without looking for what it remembers. */
const MANY = 150

let world: World
beforeAll(async () => {
  world = await vaultWorld()
})
afterAll(() => world.remove())

// What stands in for the machine's memory is written by the test: whoever can write there can change
// the pin as well, as decision 8 says.
test("a signature that this machine verified is not verified again, and any other is", async () => {
  const { one, two } = clonesOf(world)
  const secrets = Array.from({ length: MANY }, (_, index) => {
    return { name: `bulk/s${index}`, value: Buffer.from(`${index}`) }
  })
  await setSecrets({ ...(await two.request()), secrets })
  await syncAt(two)
  await syncAt(one)
  const folder = join(one.folder, "agent-vault", claimedId(findVault(one.top)), "verified")
  const [remembered = ""] = readdirSync(folder)
  expect(readFileSync(join(folder, remembered)).length).toBeGreaterThanOrEqual(32 * MANY)

  // The last of them: a few are always verified.
  await two.set("bulk/s99", "new")
  const file = join(two.top, ".agent-vault/secrets/bulk/s99.json")
  const signed = readFileSync(file, "utf8")
  const forged = signed.replace(/("ed25519": ?")(.)/, (_, name, start) => {
    return `${name}${start === "A" ? "B" : "A"}`
  })
  expect(forged).not.toBe(signed)
  writeFileSync(file, forged)
  two.git("commit", "-q", "--amend", "--all", "--no-edit")
  two.git("push", "-q")
  expect(await outcome(syncAt(one))).toBe("SIGNATURE_INVALID")
  const digest = digestOf(Buffer.from(forged)).slice("sha256:".length)
  appendFileSync(join(folder, remembered), Buffer.from(digest, "hex"))
  expect(await syncAt(one)).toMatchObject({ brought: "forward" })
})
