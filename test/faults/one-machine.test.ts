import { mkdtempSync, readFileSync, realpathSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { read } from "../../scripts/faults/access.mjs"
import { Machine } from "../../scripts/faults/machine.mjs"
import { OPERATIONS, makeVault } from "../../scripts/faults/operations.mjs"
import { struck } from "../../scripts/faults/points.mjs"
import { noProc, testUnless } from "../needs.js"
import { lackOfShim, shim, testWithFaults } from "./shim.js"

const machine = new Machine(realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-one-"))))
const DAY = 86_400

beforeAll(async () => {
  await makeVault(machine)
  machine.save("vault")
})

beforeEach(() => machine.restore("vault"))

afterAll(() => machine.remove())

/** The environment of a command that meets a fault at the first call of a kind at a place. */
function fault(call: string, place: string, act: string, stays = {}): NodeJS.ProcessEnv {
  return struck(machine, shim, { call, place, nth: 1 }, { act, ...stays })
}

async function expectWhole(): Promise<void> {
  expect(machine.git("status", "--porcelain")).toBe("")
  expect(machine.git("fsck", "--strict", "--no-dangling", "--no-progress")).toBe("")
  expect(await machine.run(["check"])).toMatchObject({ code: 0 })
}

describe("twenty writers of one secret", () => {
  test("twenty versions, and readers see one of them whole", async () => {
    const values = Array.from({ length: 20 }, (_, index) => `value-${index}`)
    for (const value of values) writeFileSync(join(machine.home, value), value)
    const set = (value: string) =>
      machine.run(["set", "stripe/api-key", "--from-file", `../${value}`])
    const writers = Promise.all(values.map(set))
    const isDone = writers.then(() => true)
    const reads = new Set<string>()
    do reads.add(await read(machine, "ci", "stripe/api-key"))
    while (!(await Promise.race([isDone, sleep(20, false)])))

    const codes = (await writers).map(({ code, said }) => (code === 0 ? "done" : said))
    expect(codes).toEqual(values.map(() => "done"))
    expect(["old", ...values]).toEqual(expect.arrayContaining([...reads]))
    const record = join(machine.repo, ".agent-vault/secrets/stripe/api-key.json")
    expect(JSON.parse(readFileSync(record, "utf8"))).toMatchObject({ version: 21 })
    await expectWhole()
  })
})

describe("a writer that is stopped while it holds the lock", () => {
  testUnless(
    lackOfShim ?? noProc,
    "others say who holds it, and read; then both land",
    async () => {
      const env = fault("link", "repo:.git/agent-vault/journal.json", "stop")
      const first = machine.start(["set", "stripe/api-key", "--from-file", "../new"], env)
      while (stateOf(first.pid) !== "T") await sleep(10)

      expect(await read(machine, "ci", "stripe/api-key")).toBe("old")
      const second = await machine.run(["set", "stripe/other", "--from-file", "../hook"])
      expect([second.code, second.said]).toEqual([
        6,
        expect.stringContaining(`process ${first.pid}`),
      ])
      expect(await read(machine, "ci", "stripe/api-key")).toBe("old")

      process.kill(-first.pid, "SIGCONT")
      expect(await first.ended).toMatchObject({ code: 0 })
      await machine.do("set", "stripe/other", "--from-file", "../hook")
      expect(await read(machine, "ci", "stripe/api-key")).toBe("new")
      expect(await read(machine, "ci", "stripe/other")).toBe("hook")
      await expectWhole()
    },
  )
})

/** The state of a process, as proc(5) has it; T is stopped. */
function stateOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[0]
}

describe("a clock that is wrong", () => {
  const clock = join(machine.folder, "clock")

  function clockIs(seconds: number): NodeJS.ProcessEnv {
    writeFileSync(clock, String(seconds))
    return { LD_PRELOAD: shim, FAULTS_CLOCK: clock }
  }

  for (const [name, seconds] of [
    ["a day late", -DAY],
    ["a day early", DAY],
    ["at the beginning of the epoch", -Math.floor(Date.now() / 1000)],
  ] as const) {
    testWithFaults(`${name}: what is set is read, what was killed is completed`, async () => {
      const killed = fault("rename", "repo:.git/refs/heads/main", "kill-all")
      const set = ["set", "stripe/api-key", "--from-file", "../new"]
      expect(await machine.run(set, killed)).toMatchObject({ signal: "SIGKILL" })
      for (const args of [["repair"], set, ["grant", "deploy", "stripe"], ["check"]]) {
        const { code, said } = await machine.run(args, clockIs(seconds))
        expect([args, code, said]).toEqual([args, 0, said])
      }
      expect(await read(machine, "ci", "stripe/api-key")).toBe("new")
      expect(await read(machine, "deploy", "stripe/api-key")).toBe("new")
      await expectWhole()
    })
  }

  testWithFaults("it jumps by a day all the while: every writer lands", async () => {
    const names = Array.from({ length: 6 }, (_, index) => `stripe/secret-${index}`)
    const env = clockIs(0)
    const lines = names.map((name) => ["set", name, "--from-file", "../new"])
    const writers = Promise.all(lines.map((args) => machine.run(args, env)))
    const isDone = writers.then(() => true)
    for (let jump = 0; !(await Promise.race([isDone, sleep(50, false)])); jump++) {
      clockIs([0, DAY, 0, -DAY][jump % 4] ?? 0)
    }
    const codes = (await writers).map(({ code, said }) => (code === 0 ? "done" : said))
    expect(codes).toEqual(names.map(() => "done"))
    for (const name of names) expect(await read(machine, "ci", name)).toBe("new")
    await expectWhole()
  })
})

describe("a file system that is read-only", () => {
  const EROFS = "30"

  function readOnly(root: "repo" | "keys" | "state"): NodeJS.ProcessEnv {
    return fault("*", `${root}:*`, EROFS, { stays: true })
  }

  for (const { name, args } of OPERATIONS.filter(({ prepare }) => prepare === undefined)) {
    testWithFaults(`the repository: ${name} changes nothing, and says why`, async () => {
      const before = machine.git("rev-parse", "HEAD")
      const { code, said } = await machine.run(args(machine), readOnly("repo"))
      expect([code, said]).toEqual([4, expect.stringContaining("the file system is read-only")])
      expect(machine.git("rev-parse", "HEAD")).toBe(before)
      expect(await read(machine, "ci", "stripe/api-key")).toBe("old")
      await expectWhole()
    })
  }

  testWithFaults("the repository: it is read, checked, and an agent is recovered", async () => {
    for (const args of [
      ["get", "stripe/api-key", "--agent", "ci"],
      ["run", "--agent", "ci", "-g", "stripe", "--", "true"],
      ["list"],
      ["check"],
      ["status"],
      ["agent", "list"],
      ["agent", "recover", "ci", "--out", "-"],
    ]) {
      const { code, said } = await machine.run(args, readOnly("repo"))
      expect([args, code, said]).toEqual([args, 0, said])
    }
  })

  testWithFaults("the state: no value leaves that could not be noted", async () => {
    const { code, said } = await machine.run(
      ["get", "stripe/api-key", "--agent", "ci"],
      readOnly("state"),
    )
    expect([code, said]).toEqual([4, expect.stringContaining("AUDIT_UNWRITABLE: the audit ")])
    expect(said).not.toMatch(/\bold\b/)
  })

  testWithFaults("the keys: a new agent's key is not lost, and the way to it is said", async () => {
    const { said } = await machine.run(["agent", "add", "bob"], readOnly("keys"))
    if (machine.git("log", "-1", "--format=%s").includes("bob")) {
      expect(said).toContain("agent recover bob")
      await machine.do("agent", "recover", "bob")
    } else {
      await machine.do("agent", "add", "bob")
    }
    await expectWhole()
  })
})

describe("what a machine may lack", () => {
  testWithFaults("/dev/shm: nothing is written there", async () => {
    const log = join(machine.folder, "log")
    writeFileSync(log, "")
    const env = { LD_PRELOAD: shim, FAULTS_ROOTS: "shm=/dev/shm", FAULTS_LOG: log }
    for (const args of [
      ["set", "stripe/api-key", "--from-file", "../new"],
      ["get", "stripe/api-key", "--agent", "ci"],
      ["repair"],
    ]) {
      expect(await machine.run(args, env)).toMatchObject({ code: 0 })
    }
    // Temporary folders may lie there, and the machine with them.
    const lines = readFileSync(log, "utf8").split("\n")
    const elsewhere = lines.filter((line) => !line.includes(basename(machine.folder)))
    expect(elsewhere).toEqual([""])
  })

  const homeless = { HOME: undefined, XDG_CONFIG_HOME: undefined, XDG_STATE_HOME: undefined }

  test.each([["get", "stripe/api-key", "--agent", "ci"], ["set", "a/b", "--generate"], ["status"]])(
    "HOME: %s says which variables to set",
    async (...args) => {
      const { code, said } = await machine.run(args, homeless)
      expect([code, said]).toEqual([4, expect.stringContaining("HOME is not set")])
      expect(said).toMatch(/set .*(?:AGENT_VAULT_HOME|XDG_STATE_HOME)/)
    },
  )

  test("HOME: with these variables, everything works", async () => {
    const env = {
      ...homeless,
      AGENT_VAULT_HOME: join(machine.keys, "agent-vault"),
      XDG_STATE_HOME: machine.state,
    }
    for (const args of [
      ["set", "stripe/api-key", "--from-file", "../new"],
      ["get", "stripe/api-key", "--agent", "ci"],
      ["check"],
    ]) {
      const { code, said } = await machine.run(args, env)
      expect([args, code, said]).toEqual([args, 0, said])
    }
  })
})
