import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { rekeyAgent } from "../../../src/core/change/agents.js"
import { inspect } from "../../../src/core/check/inspect.js"
import { findVault } from "../../../src/core/disk/place.js"
import type { VaultRecord } from "../../../src/core/records/record.js"
import { type World, vaultWorld } from "../world.js"

const RECORD = ".agent-vault/secrets/stripe/api-key.json"
const GROUP = ".agent-vault/groups/stripe.json"

let world: World

beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

/** What `check --history` says that a reader would refuse, without the commits. */
async function setbacks(): Promise<string[]> {
  const place = findVault(world.top)
  // Another machine, whose memory says nothing: only the commits do.
  const env = { ...world.env, XDG_STATE_HOME: `${world.folder}/elsewhere` }
  const { findings } = await inspect({ place, env, now: new Date(), history: true })
  return findings
    .filter(({ severity }) => severity === "refused")
    .map(({ subject, message }) => `${subject.split(" at ")[0]} ${message}`)
}

/** Does work on a new branch that starts at a commit, and comes back to `main`. */
async function on(branch: string, start: string, work: () => unknown): Promise<void> {
  world.git("switch", "--quiet", "-c", branch, start)
  await work()
  world.git("switch", "--quiet", "main")
}

async function setTimes(times: number, name = "stripe/api-key"): Promise<void> {
  for (let count = 0; count < times; count++) {
    await world.set(name, `${name} ${times} ${count} ${world.git("rev-parse", "HEAD")}`)
  }
}

/** Merges, and of everything in conflict takes one side's files, as the hint says. */
function mergeTaking(side: "ours" | "theirs", ...branches: string[]): void {
  try {
    world.git("merge", "--quiet", "--no-edit", "--no-ff", ...branches)
  } catch {
    world.git("checkout", "--quiet", `--${side}`, "--", ".agent-vault")
    world.git("add", "--all")
    world.git("commit", "--quiet", "--no-edit")
  }
}

/** A merge whose tree is this one's, but for files from other commits. */
function mergeWith(branches: readonly string[], files: Readonly<Record<string, string>> = {}) {
  world.git(
    "merge",
    "--quiet",
    "--no-commit",
    "--allow-unrelated-histories",
    "-s",
    "ours",
    ...branches,
  )
  for (const [path, from] of Object.entries(files)) take(path, from)
  world.git("commit", "--quiet", "--no-edit", "--allow-empty")
}

/** Puts a record, and what it seals, as they were at another commit. */
function take(path: string, from: string): void {
  world.git("checkout", "--quiet", from, "--", path, path.replace(/json$/, "age"))
}

describe("the side that lost a merge is not a setback", () => {
  const cases = [1, 2, 3].flatMap((ours) => [1, 2, 3].map((theirs) => [ours, theirs] as const))

  test.each(cases)("%d values here, %d there", async (ours, theirs) => {
    await on("side", "main", () => setTimes(theirs))
    await setTimes(ours)
    world.git("branch", "before")
    mergeTaking("ours", "side")
    expect(await setbacks()).toEqual([])
    world.git("reset", "--quiet", "--hard", "before")
    mergeTaking("theirs", "side")
    expect(await setbacks()).toEqual([])
  })

  test("a value that is set after such a merge", async () => {
    await on("side", "main", () => setTimes(2))
    await setTimes(1)
    mergeTaking("ours", "side")
    await setTimes(1)
    await setTimes(1, "db/new")
    expect(await setbacks()).toEqual([])
  })

  test("different secrets on both sides, in a merge of two and of four", async () => {
    for (const name of ["a", "b", "c"]) await on(name, "main", () => setTimes(2, `stripe/${name}`))
    await setTimes(1)
    mergeTaking("ours", "a", "b", "c")
    expect(world.git("rev-list", "--parents", "-1", "HEAD").split(" ")).toHaveLength(5)
    expect(await setbacks()).toEqual([])
  })

  test("two sides that merged each other, and chose differently", async () => {
    await crossed()
    mergeTaking("ours", "cross")
    expect(await setbacks()).toEqual([])
  })

  test("two rekeys at once", async () => {
    await on("side", "main", () => world.revoke("ci", "stripe"))
    // Another owner's machine has not seen what was done on the side.
    const { root } = findVault(world.top)
    const { vault } = JSON.parse(readFileSync(join(root, "vault.json"), "utf8")) as VaultRecord
    rmSync(join(world.folder, "agent-vault", vault, "marks"), { recursive: true })
    await world.revoke("ci", "stripe")
    mergeTaking("ours", "side")
    expect(await setbacks()).toEqual([])
  })

  test("the furthest record may come back: somebody thought better of it", async () => {
    await on("side", "main", () => setTimes(1))
    await setTimes(2)
    mergeTaking("theirs", "side")
    take(RECORD, "HEAD^1")
    world.git("commit", "--quiet", "--message", "the other one after all")
    expect(await setbacks()).toEqual([])
  })

  test("a cherry-pick and a rebase of changes that nobody else made", async () => {
    await on("side", "main", () => setTimes(2, "stripe/other"))
    await setTimes(1)
    world.git("cherry-pick", "side~1")
    world.git("cherry-pick", "side")
    await on("again", "side", () => world.git("rebase", "--quiet", "main"))
    mergeTaking("ours", "again")
    expect(await setbacks()).toEqual([])
  })

  test("a secret that was removed and brought back as it was", async () => {
    await setTimes(1)
    world.git("rm", "--quiet", "-r", ".agent-vault/secrets/stripe")
    world.git("commit", "--quiet", "--message", "gone")
    world.git("revert", "--no-edit", "HEAD")
    expect(await setbacks()).toEqual([])
  })
})

async function rekey(): Promise<void> {
  await rekeyAgent({ ...(await world.request()), agent: "deploy" })
}

/** Of two values here and one there, `main` chose its own, and so did `cross`. */
async function crossed(): Promise<void> {
  await on("side", "main", () => setTimes(1))
  await setTimes(2)
  world.git("branch", "mine")
  await on("cross", "side", () => mergeTaking("ours", "mine"))
  mergeTaking("ours", "side")
}

describe("a setback is found", () => {
  const fell = ["secrets/stripe/api-key.json fell back from serial 3 to serial 1"]

  test("a commit that reverts a value", async () => {
    await setTimes(2)
    world.git("revert", "--no-edit", "HEAD")
    expect(await setbacks()).toEqual([
      "secrets/stripe/api-key.json fell back from serial 3 to serial 2",
    ])
  })

  test("a merge that keeps what it had, and drops the other side's newer record", async () => {
    await on("side", "main", () => setTimes(2))
    world.commit("unrelated.txt")
    mergeWith(["side"])
    expect(await setbacks()).toEqual(fell)
  })

  test("a branch from long ago, which changed nothing, wins a merge", async () => {
    await on("old", "main", () => world.commit("unrelated.txt"))
    await setTimes(2)
    mergeWith(["old"], { [RECORD]: "old" })
    expect(await setbacks()).toEqual(fell)
  })

  test("an old record that a side without a common past brings in as new", async () => {
    const old = world.git("rev-parse", "HEAD")
    await setTimes(2)
    world.git("switch", "--quiet", "--orphan", "strange")
    take(RECORD, old)
    world.git("commit", "--quiet", "--message", "as if it were new")
    world.git("switch", "--quiet", "main")
    mergeWith(["strange"], { [RECORD]: "strange" })
    expect(await setbacks()).toEqual(fell)
  })

  test("a merge that sets a record back below both sides", async () => {
    await on("side", "main", () => setTimes(2))
    world.git("branch", "old")
    await setTimes(2)
    mergeWith(["side"], { [RECORD]: "old" })
    expect(await setbacks()).toEqual([...fell, ...fell])
  })

  test("a merge of three, one of which is old", async () => {
    await on("old", "main", () => world.commit("unrelated.txt"))
    await on("side", "main", () => setTimes(1, "stripe/other"))
    await setTimes(2)
    mergeWith(["old", "side"], { [RECORD]: "old", [RECORD.replace("api-key", "other")]: "side" })
    expect(await setbacks()).toEqual(fell)
  })

  test("a merge that takes the lower epoch of a group", async () => {
    await on("side", "main", () => world.grant("deploy", "stripe"))
    await world.revoke("ci", "stripe")
    mergeWith(["side"], { [GROUP]: "side" })
    expect(await setbacks()).toContainEqual(
      expect.stringMatching(
        /^groups\/stripe.json fell back from epoch 2, serial \d to epoch 1, serial \d$/,
      ),
    )
  })

  test("a merge that takes an agent's key of fewer changes", async () => {
    await on("side", "main", rekey)
    await rekey()
    await rekey()
    mergeWith(["side"], { ".agent-vault/agents/deploy.json": "side" })
    expect(await setbacks()).toContainEqual(
      expect.stringMatching(/^agents\/deploy.json fell back from serial \d to serial 2$/),
    )
  })

  test("in two steps: the side that lost, then a record between the two", async () => {
    await on("side", "main", () => setTimes(1))
    await setTimes(4)
    mergeWith(["side"], { [RECORD]: "side" })
    expect(await setbacks()).toEqual([])
    take(RECORD, "HEAD~1~1")
    world.git("commit", "--quiet", "--message", "higher than the last, lower than before")
    expect(await setbacks()).toEqual([
      "secrets/stripe/api-key.json is serial 4 again, which was left behind before",
    ])
  })

  test("in two steps: removed, then brought back as it was long ago", async () => {
    const old = world.git("rev-parse", "HEAD")
    await setTimes(2)
    world.git("rm", "--quiet", "-r", ".agent-vault/secrets/stripe")
    world.git("commit", "--quiet", "--message", "gone")
    take(RECORD, old)
    world.git("commit", "--quiet", "--message", "as if it were new")
    expect(await setbacks()).toEqual([
      "secrets/stripe/api-key.json is serial 1 again, which was left behind before",
    ])
  })

  test("a merge of sides that merged each other takes what this one decided against", async () => {
    await crossed()
    mergeTaking("theirs", "cross")
    expect(await setbacks()).toEqual([
      "secrets/stripe/api-key.json fell back from serial 3 to serial 2",
    ])
  })

  test("a rebase that takes the other of two records of the same serial", async () => {
    await on("side", "main", () => setTimes(1))
    await setTimes(1)
    take(RECORD, "side")
    world.git("commit", "--quiet", "--message", "no merge tells of the other side")
    expect(await setbacks()).toEqual(["secrets/stripe/api-key.json is another record at serial 2"])
  })

  test("a commit whose message looks like Git's own note of a merge's parent", async () => {
    await setTimes(2)
    take(RECORD, "HEAD~2")
    world.git("commit", "--quiet", "--message", `(from ${"1".repeat(40)}) tidy up`)
    expect(await setbacks()).toEqual(fell)
  })

  test("by way of unsigned records whose counts are not numbers", async () => {
    await setTimes(4)
    const steps = ['{"epoch":1,"serial":1}', '{"epoch":"x","serial":2}']
    for (const step of steps) world.commit(RECORD, step)
    take(RECORD, "HEAD~4")
    world.git("commit", "--quiet", "--message", "each step seems to lead forward")
    expect(await setbacks()).toContainEqual(
      expect.stringMatching(/api-key\.json .*is not a record$/),
    )
  })

  test("settings of the repository hide no merge", async () => {
    await on("side", "main", () => setTimes(2))
    mergeWith(["side"])
    world.git("config", "log.diffMerges", "off")
    world.git("config", "log.showRoot", "false")
    world.git("config", "log.showSignature", "true")
    world.git("config", "log.decorate", "full")
    world.git("config", "format.pretty", "fuller")
    expect(await setbacks()).toEqual(fell)
  })
})

test("a shallow clone says that it has not all of the history", async () => {
  await setTimes(2)
  const clone = join(world.folder, "shallow")
  world.git("clone", "--quiet", "--depth", "1", `file://${world.top}`, clone)
  const request = { place: findVault(clone), env: world.env, now: new Date() }
  const codes = async (history: boolean): Promise<string[]> =>
    (await inspect({ ...request, history })).findings.map(({ code }) => code)
  expect(await codes(true)).toEqual(["SHALLOW"])
  expect(await codes(false)).toEqual([])
})
