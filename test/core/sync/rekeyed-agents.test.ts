import { existsSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { rekeyAgent } from "../../../src/core/owner.js"
import { NO_CHOICES } from "../../../src/core/merge/merge-vault.js"
import { type World, outcome, vaultWorld } from "../world.js"
import { resolveAt, syncAt, twoMachines } from "./clones.js"

// One person gives ci a new key while another one lets deploy into its group: both are what somebody
// signed, and however the two come together, nobody loses anything by it.

let template: World
let one: World
let two: World

beforeAll(async () => {
  template = await vaultWorld()
})
beforeEach(() => {
  ;[one, two] = twoMachines(template)
})
afterEach(() => [one, two].forEach((world) => world.remove()))
afterAll(() => template.remove())

const rekeyCi = async (world: World): Promise<void> => {
  await rekeyAgent({ ...(await world.request()), agent: "ci" })
}
const grantDeploy = (world: World): Promise<unknown> => world.grant("deploy", "stripe")

/** What git leaves in conflict is resolved, and git goes on. */
async function settleBy(...line: readonly string[]): Promise<void> {
  two.git("fetch", "-q")
  await outcome(Promise.resolve().then(() => two.git(...line)))
  const { settled } = await resolveAt(two, NO_CHOICES)
  expect(settled).toContain("stripe")
  const isRebase = existsSync(join(two.top, ".git", "rebase-merge"))
  if (isRebase) two.git("-c", "core.editor=true", "rebase", "--continue")
  else two.git("commit", "-q", "--no-verify", "-m", "settled")
}

const WAYS = {
  sync: () => syncAt(two),
  merge: () => settleBy("merge", "-q", "origin/main"),
  squash: () => settleBy("merge", "-q", "--squash", "origin/main"),
  rebase: () => settleBy("rebase", "-q", "origin/main"),
}

describe.each(Object.entries(WAYS))("by %s", (_way, settle) => {
  test.each([
    ["there, and the grant is here", rekeyCi, grantDeploy],
    ["here, and the grant is there", grantDeploy, rekeyCi],
  ])("ci goes on with a new key that was given %s", async (_where, there, here) => {
    await there(one)
    await syncAt(one)
    await here(two)
    await settle()
    expect((await two.apply()).files).toEqual([])
    expect(await two.read("deploy", "stripe/api-key")).toBe("old")
  })
})

test("where a rebase goes by keys that this user has seen replaced, the hint is a merge, which goes", async () => {
  await one.revoke("ci", "stripe")
  await syncAt(one)
  await two.set("stripe/api-key", "set-meanwhile")
  for (let times = 0; times < 2; times++) {
    await two.grant("deploy", "stripe")
    await two.revoke("deploy", "stripe")
  }
  await two.grant("deploy", "stripe")
  two.git("fetch", "-q")
  expect(() => two.git("rebase", "-q", "origin/main")).toThrow("Command failed")
  await expect(resolveAt(two, NO_CHOICES)).rejects.toMatchObject({
    code: "ROLLED_BACK",
    hint: expect.stringContaining("git rebase --abort; then agent-vault sync") as string,
  })
  two.git("rebase", "--abort")
  await syncAt(two)
  expect(await two.read("deploy", "stripe/api-key")).toBe("set-meanwhile")
  expect(await two.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
  expect((await two.apply()).files).toEqual([])
})

test("a shallow clone that does not see where both sides parted is told to fetch the rest", async () => {
  const top = join(two.folder, "shallow")
  const origin = two.git("remote", "get-url", "origin")
  two.git("clone", "-q", "--depth", "1", `file://${origin.trim()}`, top)
  const shallow = two.with({}, top)
  await shallow.set("stripe/new", "of-the-shallow-one")
  await one.set("stripe/webhook", "of-one")
  await syncAt(one)
  shallow.git("fetch", "-q", "--depth", "1")
  await expect(syncAt(shallow)).rejects.toMatchObject({
    code: "CONFLICT",
    hint: "git fetch --unshallow origin; then agent-vault sync",
  })
  shallow.git("fetch", "-q", "--unshallow", "origin")
  expect(await syncAt(shallow)).toMatchObject({ brought: "merge" })
  expect(await shallow.read("ci", "stripe/webhook")).toBe("of-one")
})
