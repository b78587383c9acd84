import { afterEach, beforeEach, expect, test } from "vitest"
import { setSecret } from "../../../src/core/change/set.js"
import type { SecretMetadata } from "../../../src/core/records/secret-metadata.js"
import { outcome, type World, vaultWorld } from "../world.js"
import { type Clones, clonesOf, resolveAt, syncAt } from "./clones.js"

// Whoever can push can bring a state that owners signed once, and have replaced since, as if it were
// news: in a commit whose history does not say that it was replaced. So does a squash, by mistake.

let clones: Clones

beforeEach(async () => {
  clones = clonesOf(await vaultWorld())
})
afterEach(() => clones.one.remove())

/** Pushes, over `base`, files as another commit has them. */
function replay(world: World, commit: string, base: string): void {
  const tree = world.git("rev-parse", `${commit}^{tree}`)
  const replayed = world.git("commit-tree", tree, "-p", base, "-m", "news")
  world.git("push", "-q", "origin", `${replayed}:refs/heads/main`)
}

const WAYS: Readonly<Record<string, (world: World) => Promise<unknown>>> = {
  sync: (world) => syncAt(world),
  "git merge and resolve": async (world) => {
    world.git("fetch", "-q")
    await outcome(Promise.resolve().then(() => world.git("merge", "-q", "origin/main")))
    await resolveAt(world, { named: new Map() })
    if (world.git("status", "--porcelain").includes("UU")) throw new Error("conflict")
    world.git("commit", "-qm", "merged")
  },
}

test.each(Object.entries(WAYS))(
  "a revoke is not undone by the grant that came before it, by %s",
  async (_way, merge) => {
    const { two } = clones
    const base = two.git("rev-parse", "HEAD")
    await two.grant("deploy", "stripe")
    const granted = two.git("rev-parse", "HEAD")
    await two.revoke("deploy", "stripe")
    await two.set("stripe/api-key", "new")
    replay(two, granted, base)
    await outcome(merge(two))
    expect(await two.tryRead("deploy", "stripe/api-key")).toBe("NOT_GRANTED")
    expect(await two.read("ci", "stripe/api-key")).toBe("new")
  },
)

test.each(Object.entries(WAYS))(
  "a reveal policy that was taken back is not signed again, by %s",
  async (_way, merge) => {
    const { two } = clones
    await setPolicy(two, { reveal: "never" })
    await syncAt(two)
    const base = two.git("rev-parse", "HEAD")
    await setPolicy(two, { reveal: "allow" })
    const allowed = two.git("rev-parse", "HEAD")
    await setPolicy(two, { reveal: "never" })
    await setPolicy(two, { description: "more" })
    replay(two, allowed, base)
    await merge(two)
    const record = two.git("show", "HEAD:.agent-vault/secrets/stripe/api-key.json")
    expect(record).toContain("more")
    expect(record).toContain('"reveal": "never"')
    expect(two.git("status", "--porcelain")).toBe("")
  },
)

test("a line that somebody wrote back into the manifest grants nothing that was revoked", async () => {
  const { one, two } = clones
  const manifest = ".agent-vault/manifest.yaml"
  const text = `${one.git("show", `HEAD:${manifest}`)}\n`
  one.commit(manifest, text.replace(/grants:\n.*agent: ci.*\n/, "grants: []\n"))
  one.git("push", "-q")
  await syncAt(two)
  await two.apply()
  expect(await two.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
  one.commit(manifest, text)
  one.git("push", "-q")
  await syncAt(two)
  expect(await two.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
})

async function setPolicy(world: World, metadata: SecretMetadata): Promise<void> {
  const value = Buffer.from("old")
  await setSecret({ ...(await world.request()), name: "stripe/api-key", value, metadata })
}
