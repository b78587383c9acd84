import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { findVault, identityAt } from "../../../src/core/index.js"
import { requestAccess, requestSecret, waitingWishes } from "../../../src/core/owner.js"
import { type World, vaultWorld } from "../world.js"

let template: World
let world: World

beforeAll(async () => {
  template = await vaultWorld()
  await template.set("db/password", "not-a-real-value")
})
beforeEach(() => {
  world = template.copy()
})
afterEach(() => world.remove())
afterAll(() => template.remove())

const none = (): Promise<string> => Promise.reject(new Error("no key has a passphrase"))

async function wishOf(agent: string) {
  const place = findVault(world.top)
  const key = await identityAt(place, { agent }, "never", world.env, none)
  return { place, key, env: world.env, now: new Date(), why: "the report needs it", push: false }
}

/** Each that waits: what is asked, and on which branch. */
async function waiting(): Promise<(readonly [string, string])[]> {
  const found = await waitingWishes(findVault(world.top), world.env)
  return found.map(({ what, branch }) => [what, branch] as const)
}

const ACCESS = "agent-vault/request/access/ci/db"
const SECRET = "agent-vault/request/secret/ci/stripe+refunds"

test("what is asked for waits, until an owner has merged it, or set the secret", async () => {
  expect(await waiting()).toEqual([])
  await requestAccess({ ...(await wishOf("ci")), groups: ["db"] })
  await requestSecret({ ...(await wishOf("ci")), secret: "stripe/refunds" })
  expect(new Set(await waiting())).toEqual(
    new Set([
      ["ci asks for db", ACCESS],
      ["ci asks for the secret stripe/refunds", SECRET],
    ]),
  )
  await world.set("stripe/refunds", "not-a-real-value")
  expect(await waiting()).toEqual([["ci asks for db", ACCESS]])
  world.git("merge", "-q", "--no-edit", ACCESS)
  expect(await waiting()).toEqual([])
})

test("a wish that was taken over by a squash waits no more", async () => {
  await requestAccess({ ...(await wishOf("ci")), groups: ["db"] })
  world.git("merge", "-q", "--squash", ACCESS)
  world.git("commit", "-qm", "ci may open db")
  expect(await waiting()).toEqual([])
})

test("a wish at the remote is named as git takes it, once", async () => {
  await requestAccess({ ...(await wishOf("ci")), groups: ["db"] })
  const origin = join(world.folder, "origin.git")
  world.git("clone", "-q", "--bare", ".", origin)
  world.git("remote", "add", "origin", origin)
  world.git("fetch", "-q", "origin")
  expect(await waiting()).toEqual([["ci asks for db", ACCESS]])
  world.git("branch", "-qD", ACCESS)
  expect(await waiting()).toEqual([["ci asks for db", `origin/${ACCESS}`]])
  world.git("merge", "-q", "--no-edit", `origin/${ACCESS}`)
  expect(await waiting()).toEqual([])
})

test("branches that others push are told harmlessly, or not at all", async () => {
  const forged = (branch: string, subject: string): void => {
    world.git("switch", "-q", "-c", branch, "main")
    world.git("commit", "-q", "--allow-empty", "-m", subject)
    world.git("switch", "-q", "main")
  }
  forged("agent-vault/request/access/ci/$(touch here)+x".replaceAll(" ", "+"), "no name of ours")
  forged("agent-vault/request/access/ci/nothing", "changes no line")
  world.git("switch", "-q", "--orphan", "agent-vault/request/access/ci/stranger")
  world.git("commit", "-q", "--allow-empty", "-m", "no past in common")
  world.git("switch", "-q", "main")
  expect(await waiting()).toEqual([])
  world.git("switch", "-q", "-c", "agent-vault/request/access/ci/odd")
  world.commit(
    ".agent-vault/manifest.yaml",
    `${world.git("show", "HEAD:.agent-vault/manifest.yaml")}\n# odd\n`,
  )
  world.git("commit", "-q", "--amend", "-m", "agent-vault: ci \u001b[31masks")
  world.git("switch", "-q", "main")
  const [[what, branch] = ["", ""]] = await waiting()
  expect(branch).toBe("agent-vault/request/access/ci/odd")
  expect(what).not.toContain("\u001b")
})

test("nothing waits where nothing is committed, or there is no Git", async () => {
  const nowhere = world.with({ PATH: world.folder })
  expect(await waitingWishes(findVault(world.top), nowhere.env)).toEqual([])
})
