import { once } from "node:events"
import {
  appendFileSync,
  existsSync,
  readFileSync,
  readdirSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { delimiter, join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { stracePath, testWithStrace } from "../../attack/tracing.js"
import { Processes, eachOf, gitThat, realGit } from "../processes.js"
import { type World, emptyWorld, outcome, vaultWorld } from "../world.js"

const SET = ["set", "stripe/api-key", "new"]
const GRANT = ["grant", "deploy", "stripe"]
const REVOKE = ["revoke", "ci", "stripe"]

const processes = new Processes()
let template: World

beforeAll(async () => {
  await processes.prepare()
  template = await vaultWorld()
  template.git("branch", "side")
})

afterAll(() => {
  template.remove()
})

/** The calls by which an undisturbed change writes, in order. */
async function callsOf(change: readonly string[], from = template): Promise<string[]> {
  const world = from.copy()
  const log = join(world.folder, "calls")
  expect(await processes.run(world, change, { KILL_LOG: log })).toMatchObject({ code: 0 })
  const calls = JSON.parse(readFileSync(log, "utf8")) as string[]
  world.remove()
  return calls
}

/** A machine on which a change was killed just before call number `at`, counted from 1. */
async function killed(
  change: readonly string[],
  at: number,
  env: NodeJS.ProcessEnv = {},
  from = template,
): Promise<World> {
  const world = from.copy()
  const { signal } = await processes.run(world, change, { KILL_AT: String(at), ...env })
  expect(signal).toBe("SIGKILL")
  letTimePass(world)
  return world
}

/** People do not type the next command within a second; this saves the tests that second. */
function letTimePass(world: World): void {
  for (const name of ["agent-vault/journal.json", "HEAD.lock", "refs/heads/main.lock"]) {
    const file = join(world.top, ".git", name)
    if (existsSync(file)) utimesSync(file, Date.now() / 1000 - 60, Date.now() / 1000 - 60)
  }
}

/**
 * `old` or `new`, as the history tells it that has so many commits since; anything but one of the
 * two is an error.
 */
function stateOf(world: World, since = 0): "old" | "new" {
  const count = Number(world.git("rev-list", "--count", `${template.git("rev-parse", "HEAD")}..`))
  expect([since, since + 1]).toContain(count)
  return count === since ? "old" : "new"
}

/** Nothing is half done: not in the work tree, not in the index, not in the Git folder. */
function expectWhole(world: World): void {
  expect(world.git("status", "--porcelain", "--ignored")).toBe("")
  expect(readdirSync(join(world.top, ".git/agent-vault"))).toEqual([])
  const locks = ["index.lock", "HEAD.lock", "refs/heads/main.lock", "packed-refs.lock"]
  expect(locks.filter((name) => existsSync(join(world.top, ".git", name)))).toEqual([])
}

const READS: Record<string, Record<string, Record<string, string>>> = {
  set: { old: { ci: "old", deploy: "NOT_GRANTED" }, new: { ci: "new", deploy: "NOT_GRANTED" } },
  grant: { old: { ci: "old", deploy: "NOT_GRANTED" }, new: { ci: "old", deploy: "old" } },
  revoke: {
    old: { ci: "old", deploy: "NOT_GRANTED" },
    new: { ci: "NOT_GRANTED", deploy: "NOT_GRANTED" },
  },
}

/** What both agents get, in the state that the history tells. */
async function expectReads(world: World, change: readonly string[], since?: number): Promise<void> {
  const expected = READS[change[0] ?? ""]?.[stateOf(world, since)] ?? {}
  for (const [agent, value] of Object.entries(expected)) {
    expect(await world.tryRead(agent, "stripe/api-key")).toBe(value)
  }
}

describe("killed before each call that writes or runs git", () => {
  test.each([
    ["set", SET, 1],
    ["grant", GRANT, 4],
    ["revoke", REVOKE, 4],
  ])(
    "%s: the old or the new state, and the next command goes on from there",
    async (_name, change, step) => {
      const calls = await callsOf(change)
      const commitPoint = calls.indexOf("git update-ref") + 1
      const states: [at: number, state: string][] = []
      await eachOf(pointsAround(commitPoint, calls.length, step), 3, async (at) => {
        const world = await killed(change, at)
        if (at % 2 === 0) await world.repair()
        else await world.set("stripe/webhook", "hook 2")
        expectWhole(world)
        await expectReads(world, change, at % 2)
        states.push([at, stateOf(world, at % 2)])
        if (at % 4 < 2) world.git("fsck", "--strict")
        world.remove()
      })
      expect(states).toEqual(states.map(([at]) => [at, at > commitPoint ? "new" : "old"]))
      expect(states.length).toBeGreaterThan(12)
    },
  )

  test("init: the vault is there or is not, and init says so", async () => {
    const empty = emptyWorld()
    const calls = await callsOf(["init"], empty)
    const outcomes = new Set<string>()
    const isTried = (at: number): boolean => at % 3 === 0 || at > calls.length - 6
    const points = calls.map((_, index) => index + 1).filter(isTried)
    await eachOf(points, 3, async (at) => {
      const world = await killed(["init"], at, {}, empty)
      const again = await outcome(world.init())
      outcomes.add(typeof again === "string" ? again : "made")
      expectWhole(world)
      await world.addAgent("ci")
      expectWhole(world)
      world.remove()
    })
    expect(outcomes).toEqual(new Set(["made", "EXISTS"]))
    empty.remove()
  })
})

test("init, killed before all files are written: the next command names the repair", async () => {
  const empty = emptyWorld()
  const calls = await callsOf(["init"], empty)
  const moved = calls.indexOf("git update-ref")
  const first = calls.findIndex(
    (call) => call.startsWith("renameSync") && call.includes(".agent-vault/"),
  )
  await eachOf([moved + 2, first + 2, first + 3], 3, async (at) => {
    const world = await killed(["init"], at, {}, empty)
    expect(await outcome(world.set("stripe/api-key", "new"))).toBe("BUSY")
    expect(await world.repair()).toBe("completed")
    await world.set("stripe/api-key", "new")
    expectWhole(world)
    world.remove()
  })
  empty.remove()
})

describe("killed together with the git that it runs", () => {
  test("in the middle of its work", async () => {
    const calls = await callsOf(SET)
    const gits = ["git fast-import", "git update-ref", "git update-index"]
    const points = gits.flatMap((name) => [0, 2, 4, 7].map((ms) => [calls.indexOf(name) + 1, ms]))
    await eachOf(points, 2, async ([at = 0, ms = 0]) => {
      const world = await killed(SET, at, { KILL_AFTER_MS: String(ms) })
      await world.repair()
      expectWhole(world)
      await expectReads(world, SET)
      await world.set("stripe/api-key", "after")
      world.git("fsck", "--strict")
      world.remove()
    })
  })

  testWithStrace("git alone, as it enters a system call", async () => {
    const points = [
      ["fast-import", "link", 1],
      ["update-ref", "write", 1],
      ["update-ref", "write", 2],
      ["update-ref", "rename", 1],
      ["update-ref", "unlink", 1],
      ["update-index", "write", 1],
      ["update-index", "rename", 1],
    ] as const
    const states = new Map<string, string>()
    await eachOf(points, 3, async ([command, call, when]) => {
      const world = template.copy()
      const { code } = await processes.run(world, SET, {
        PATH: gitThatDies(world, command, call, when),
      })
      expect(readFileSync(join(world.folder, "trace"), "utf8")).toContain("killed by SIGKILL")
      letTimePass(world)
      await world.repair()
      expectWhole(world)
      await expectReads(world, SET)
      states.set(`${command} ${call} ${when}`, `${stateOf(world)}, exit ${code}`)
      await world.set("stripe/api-key", "after")
      expectWhole(world)
      world.git("fsck", "--strict")
      world.remove()
    })
    expect(Object.fromEntries(states)).toEqual({
      "fast-import link 1": "old, exit 1",
      "update-ref write 1": "old, exit 1",
      "update-ref write 2": "old, exit 1",
      "update-ref rename 1": "old, exit 1",
      "update-ref unlink 1": "new, exit 0",
      "update-index write 1": "new, exit 0",
      "update-index rename 1": "new, exit 0",
    })
  })
})

describe("between the kill and the repair", () => {
  const WRITES = /renameSync .*\.agent-vault\//

  /** Just after the commit point; in the middle of the work tree; before the index. */
  async function afterCommitPoint(change: readonly string[]): Promise<number[]> {
    const calls = await callsOf(change)
    const writes = calls.flatMap((call, index) => (WRITES.test(call) ? [index + 1] : []))
    return [writes[0] ?? 0, writes[1] ?? 0, calls.indexOf("git update-index") + 1]
  }

  async function everywhere(
    change: readonly string[],
    work: (world: World) => Promise<void> | void,
    then: (world: World, at: number) => Promise<void>,
  ): Promise<void> {
    expect.hasAssertions()
    await eachOf(await afterCommitPoint(change), 3, async (at) => {
      const world = await killed(change, at)
      await work(world)
      await world.repair()
      await then(world, at)
      world.remove()
    })
  }

  test.each([
    ["the index", ["commit", "-qm", "unrelated"]],
    ["all files", ["commit", "-qam", "unrelated"]],
  ])("the user commits %s: both changes stand", async (_name, commit) => {
    await everywhere(
      REVOKE,
      (world) => {
        world.write("other.txt", "other")
        world.git("add", "other.txt")
        world.git(...commit)
      },
      async (world) => {
        expectWhole(world)
        expect(world.git("show", "HEAD:other.txt")).toBe("other")
        expect(world.git("log", "--format=%s")).toContain("revoke ci -/-> stripe")
        expect(await world.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
        await world.grant("ci", "stripe")
        expect(await world.read("ci", "stripe/api-key")).toBe("old")
      },
    )
  })

  test("the user commits, and the next command is no repair but a change", async () => {
    const [at = 0] = await afterCommitPoint(REVOKE)
    const world = await killed(REVOKE, at)
    world.commit("other.txt")
    await world.set("stripe/webhook", "hook 2")
    expectWhole(world)
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
    expect(world.git("show", "HEAD:other.txt")).toBe("other.txt")
    world.remove()
  })

  test("the user commits before the branch moved: the change did not happen", async () => {
    const calls = await callsOf(SET)
    const world = await killed(SET, calls.indexOf("git update-ref") + 1)
    world.commit("other.txt")
    expect(await world.repair()).toBe("discarded")
    expectWhole(world)
    expect(await world.read("ci", "stripe/api-key")).toBe("old")
    world.remove()
  })

  test("the user switches branches: each has its own state", async () => {
    await everywhere(
      SET,
      (world) => void world.git("switch", "-q", "side"),
      async (world) => {
        expectWhole(world)
        expect(await world.read("ci", "stripe/api-key")).toBe("old")
        world.git("switch", "-q", "main")
        expectWhole(world)
        expect(await world.read("ci", "stripe/api-key")).toBe("new")
      },
    )
  })

  test("the user detaches HEAD: no file goes", async () => {
    await everywhere(
      SET,
      (world) => void world.git("checkout", "-q", "--detach"),
      async (world) => {
        expectWhole(world)
        expect(await world.read("ci", "stripe/api-key")).toBe("new")
      },
    )
  })

  test("the user amends, or resets: what he left is whole", async () => {
    const undo = [
      ["commit", "-q", "--amend", "--no-edit", "--allow-empty"],
      ["reset", "-q", "--soft", "HEAD~1"],
      ["reset", "-q", "--hard", "HEAD~1"],
    ]
    const points = await afterCommitPoint(SET)
    const cases = points.flatMap((at) => undo.map((command) => [at, command] as const))
    await eachOf(cases, 3, async ([at, command]) => {
      const world = await killed(SET, at)
      world.git(...command)
      await world.repair()
      expectWhole(world)
      expect(await world.read("ci", "stripe/api-key")).toBe("old")
      await world.set("stripe/api-key", "newer")
      expect(await world.read("ci", "stripe/api-key")).toBe("newer")
      world.remove()
    })
  })

  test("the user edits a file of the vault: his edit stays, the rest is completed", async () => {
    const manifest = ".agent-vault/manifest.yaml"
    let edited = ""
    await everywhere(
      REVOKE,
      (world) => {
        appendFileSync(join(world.top, manifest), "# a note\n")
        edited = readFileSync(join(world.top, manifest), "utf8")
      },
      async (world) => {
        expect(world.git("status", "--porcelain")).toBe(` M ${manifest}`)
        expect(readFileSync(join(world.top, manifest), "utf8")).toContain("# a note")
        expect(edited).toContain("# a note")
        expect(world.git("show", `HEAD:${manifest}`)).not.toContain("agent: ci")
        expect(await world.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
        expect(await outcome(world.set("stripe/api-key", "new"))).toBe("VAULT_DIRTY")
        world.git("restore", manifest)
        await world.set("stripe/api-key", "new")
        expectWhole(world)
      },
    )
  })

  test("the user removes a file of the vault, and stages that: so it stays", async () => {
    const calls = await callsOf(REVOKE)
    const world = await killed(REVOKE, calls.findIndex((call) => WRITES.test(call)) + 1)
    world.git("rm", "-qf", ".agent-vault/secrets/stripe/webhook.age")
    expect(await world.repair()).toBe("completed")
    expect(world.git("status", "--porcelain")).toBe("D  .agent-vault/secrets/stripe/webhook.age")
    world.remove()
  })

  test("a manifest that waits for apply is the user's until the branch moves, then committed", async () => {
    const waiting = template.copy()
    const manifest = ".agent-vault/manifest.yaml"
    const text = readFileSync(join(waiting.top, manifest), "utf8")
    const wish = text.replace("grants:\n", "grants:\n  - { agent: deploy, group: stripe } # wish\n")
    expect(wish).not.toBe(text)
    waiting.write(manifest, wish)
    const calls = await callsOf(["apply"], waiting)
    const move = calls.indexOf("git update-ref") + 1
    const points = [move - 6, move, move + 1, move + 3, calls.indexOf("git update-index") + 1]
    await eachOf(points, 3, async (at) => {
      const world = await killed(["apply"], at, {}, waiting)
      await world.repair()
      expect(readFileSync(join(world.top, manifest), "utf8")).toBe(wish)
      expect(world.git("status", "--porcelain")).toBe(at > move ? "" : ` M ${manifest}`)
      const opened = at > move ? "old" : "NOT_GRANTED"
      expect(await world.tryRead("deploy", "stripe/api-key")).toBe(opened)
      world.remove()
    })
    waiting.remove()
  })

  test("the user's staged work stays staged", async () => {
    await eachOf(await afterCommitPoint(SET), 3, async (at) => {
      const world = template.copy()
      world.write("staged.txt", "staged")
      world.git("add", "staged.txt")
      await processes.run(world, SET, { KILL_AT: String(at) })
      letTimePass(world)
      await world.repair()
      expect(world.git("status", "--porcelain")).toBe("A  staged.txt")
      world.remove()
    })
  })

  test("a git that outlived its parent moves the branch: nothing is torn", async () => {
    const world = template.copy()
    const slow = gitThat(
      world,
      'case "$*" in *update-ref*) touch "$0.began"; while kill -0 $PPID 2>/dev/null; do sleep 0.01; done;; esac',
    )
    // Only the parent is killed: its git has waited for that, and then moves the branch.
    const child = processes.start(world, SET, { PATH: slow })
    const began = join(slow.split(delimiter)[0] ?? "", "git.began")
    await expect.poll(() => existsSync(began)).toBe(true)
    const died = once(child, "exit")
    child.kill("SIGKILL")
    await died
    expect(await world.repair()).toBe("completed")
    expectWhole(world)
    expect(await world.read("ci", "stripe/api-key")).toBe("new")
    world.remove()
  })

  test.each(["nothing", "the half", "the whole"])(
    "a lock of our git that holds %s of the commit goes",
    async (part) => {
      const calls = await callsOf(SET)
      const world = await killed(SET, calls.indexOf("git update-ref") + 1)
      const git = join(world.top, ".git")
      const { to } = JSON.parse(readFileSync(join(git, "agent-vault/journal.json"), "utf8")) as {
        to: string
      }
      const lock = join(git, "refs/heads/main.lock")
      writeFileSync(
        lock,
        part === "nothing" ? "" : part === "the half" ? to.slice(0, 20) : `${to}\n`,
      )
      letTimePass(world)
      expect(await world.repair()).toBe("discarded")
      expectWhole(world)
      writeFileSync(lock, template.git("rev-parse", "HEAD~1"))
      await world.repair()
      expect(existsSync(lock)).toBe(true)
      world.remove()
    },
  )

  test("readers say that a change is half done, and how to complete it", async () => {
    const [, at = 0] = await afterCommitPoint(SET)
    const world = await killed(SET, at)
    const start = performance.now()
    await expect(world.read("ci", "stripe/api-key")).rejects.toMatchObject({
      code: "BUSY",
      hint: "if no agent-vault is running, complete it (no key needed): agent-vault repair",
    })
    expect(performance.now() - start).toBeGreaterThan(1900)
    world.remove()
  })
})

/** All calls around the commit point, every `step`th after it, some before. */
function pointsAround(commitPoint: number, count: number, step: number): number[] {
  const all = Array.from({ length: count }, (_, index) => index + 1)
  return all.filter((at) => {
    const distance = at - commitPoint
    return Math.abs(distance) < 4 || at % (distance < 0 ? 5 : step) === 0
  })
}

/** A PATH with a git of which one command is killed as it enters a system call. */
function gitThatDies(world: World, command: string, call: string, when: number): string {
  const inject = `-e 'inject=/^${call}:signal=KILL:when=${when}'`
  const traced = `${stracePath} -f -e trace=/^${call} -o '${world.folder}/trace' ${inject} ${realGit()}`
  return gitThat(world, `case "$*" in *${command}*) exec ${traced} "$@";; esac`)
}
