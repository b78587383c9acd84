import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import type { Writable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { takeLock } from "../../../src/core/commit/lock.js"
import { Processes, gitThat, realGit } from "../processes.js"
import { type World, unlessBusy, vaultWorld } from "../world.js"

const processes = new Processes()
let world: World

beforeAll(async () => {
  await processes.prepare()
})

beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

describe("many writers on one machine", () => {
  test("twenty at once: twenty commits, no lost update, no torn read", async () => {
    const before = Number(world.git("rev-list", "--count", "HEAD"))
    const names = Array.from({ length: 20 }, (_, index) => `stripe/secret-${index}`)
    const writers = Promise.all(names.map((name) => processes.run(world, ["set", name, name])))
    const reads = await readUntil(writers, "stripe/api-key")
    for (const { code, stderr } of await writers) expect([code, stderr]).toEqual([0, ""])

    expect(Number(world.git("rev-list", "--count", "HEAD"))).toBe(before + 20)
    expect(world.git("rev-list", "--min-parents=2", "HEAD")).toBe("")
    for (const name of names) expect(await world.read("ci", name)).toBe(name)
    expect(world.git("status", "--porcelain")).toBe("")
    expect(new Set(reads)).toEqual(new Set(["old"]))
    expect(reads.length).toBeGreaterThan(2)
  })

  test("values and keys that change all the time are read whole", async () => {
    const changes = (async () => {
      for (let round = 0; round < 5; round++) {
        await processes.run(world, ["set", "stripe/api-key", `value ${round}`])
        await processes.run(world, ["grant", "deploy", "stripe"])
        await processes.run(world, ["revoke", "deploy", "stripe"])
      }
    })()
    const reads = await readUntil(changes, "stripe/api-key")
    const values = ["old", "value 0", "value 1", "value 2", "value 3", "value 4"]
    expect(values).toEqual(expect.arrayContaining([...new Set(reads)]))
    expect(reads).toEqual(reads.toSorted((a, b) => values.indexOf(a) - values.indexOf(b)))
    expect(reads.length).toBeGreaterThan(2)
  })

  test("of two for the same secret, both are versions of it", async () => {
    const ended = await Promise.all([
      processes.run(world, ["set", "stripe/api-key", "one"]),
      processes.run(world, ["set", "stripe/api-key", "two"]),
    ])
    expect(ended.map(({ code }) => code)).toEqual([0, 0])
    const record = JSON.parse(
      readFileSync(join(world.top, ".agent-vault/secrets/stripe/api-key.json"), "utf8"),
    ) as { version: number }
    expect(record.version).toBe(3)
    expect(["one", "two"]).toContain(await world.read("ci", "stripe/api-key"))
  })

  test("a branch that moved at the last moment: both commits stand", async () => {
    world.write("theirs.txt", "theirs")
    world.git("add", "theirs.txt")
    const once = `test -e "$0.done" || { touch "$0.done"; ${realGit()} commit -qm theirs; }`
    const path = gitThat(world, `case "$*" in *update-ref*) ${once};; esac`)
    await world.with({ PATH: path }).set("stripe/api-key", "new")
    expect(world.git("log", "-3", "--format=%s").split("\n")).toEqual([
      "agent-vault: set stripe/api-key",
      "theirs",
      "agent-vault: grant ci -> stripe",
    ])
    expect(await world.read("ci", "stripe/api-key")).toBe("new")
    expect(world.git("show", "HEAD:theirs.txt")).toBe("theirs")
    expect(world.git("status", "--porcelain")).toBe("")
  })

  test("a user who commits before each of our moves: twelve times, and we land", async () => {
    const git = realGit()
    const theirs = `echo $((n + 1)) > "$0.count"; echo $n > t$n; ${git} add t$n; ${git} commit -qm t$n`
    const path = gitThat(
      world,
      `n=$(cat "$0.count" 2>/dev/null || echo 0)
      case "$*" in *update-ref*) if [ $n -lt 12 ]; then ${theirs}; fi;; esac`,
    )
    await world.with({ PATH: path }).set("stripe/api-key", "new")
    expect(world.git("ls-files", "t*").split("\n")).toHaveLength(12)
    expect(await world.read("ci", "stripe/api-key")).toBe("new")
    expect(world.git("status", "--porcelain", "-uno")).toBe("")
  })

  test("a user who takes it back unknowingly, and commits while it is restored", async () => {
    const git = realGit()
    const isCommitted = `${git} log --format=%s | grep -q "set stripe/api-key"`
    const theirs = `echo $((n + 1)) > "$0.count"; echo $n > t$n; ${git} add t$n; ${git} commit -qm t$n`
    // The first from an index that knows nothing of us, the second while ours is restored.
    const path = gitThat(
      world,
      `n=$(cat "$0.count" 2>/dev/null || echo 0)
      case "$n $*" in
        "0 "*update-index*|"1 "*update-ref*) if ${isCommitted}; then ${theirs}; fi;;
      esac`,
    )
    await world.with({ PATH: path }).set("stripe/api-key", "new")
    expect(world.git("ls-files", "t*").split("\n")).toHaveLength(2)
    expect(await world.read("ci", "stripe/api-key")).toBe("new")
    expect(world.git("status", "--porcelain", "-uno")).toBe("")
    expect(world.git("diff", "HEAD", "--stat")).toBe("")
  })

  test("what the user stages at the last moment stays staged", async () => {
    const file = ".agent-vault/secrets/stripe/api-key.json"
    const stage = `echo mine > ${file}; ${realGit()} add ${file}`
    const path = gitThat(world, `case "$*" in *update-ref*) ${stage};; esac`)
    await world.with({ PATH: path }).set("stripe/api-key", "new")
    expect(world.git("show", `:${file}`)).toBe("mine")
    expect(readFileSync(join(world.top, file), "utf8")).toBe("mine\n")
    world.git("restore", "--staged", "--worktree", file)
    expect(await world.read("ci", "stripe/api-key")).toBe("new")
    expect(world.git("status", "--porcelain")).toBe("")
  })

  test("a reader who meets a half-written file looks again", async () => {
    const file = join(world.top, ".agent-vault/secrets/stripe/api-key.age")
    const old = readFileSync(file)
    await world.set("stripe/api-key", "new")
    const now = readFileSync(file)
    writeFileSync(file, old)
    let looks = 0
    const complete = (): void => {
      looks += 1
      if (looks === 2) writeFileSync(file, now)
    }
    expect(await world.read("ci", "stripe/api-key", complete)).toBe("new")
    expect(looks).toBe(2)
    writeFileSync(file, old)
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("DIGEST_MISMATCH")
  })

  test("a user who commits all the while loses nothing, nor do we", async () => {
    const names = Array.from({ length: 6 }, (_, index) => `stripe/secret-${index}`)
    const writers = Promise.all(names.map((name) => processes.run(world, ["set", name, name])))
    const isDone = writers.then(() => true)
    const committed: string[] = []
    await until(writers, async () => {
      const file = `user-${committed.length}.txt`
      if (commitAsUser(file)) committed.push(file)
      // A writer lands before the next commit, however slow the machine is.
      const head = world.git("rev-parse", "HEAD")
      while (world.git("rev-parse", "HEAD") === head) {
        if (await Promise.race([isDone, sleep(20, false)])) break
      }
    })
    for (const { code, stderr } of await writers) expect([code, stderr]).toEqual([0, ""])
    for (const name of names) expect(await world.read("ci", name)).toBe(name)
    expect(world.git("ls-files", "user-*.txt").split("\n").toSorted()).toEqual(committed.toSorted())
    expect(world.git("status", "--porcelain", "-uno")).toBe("")
    expect(committed.length).toBeGreaterThan(2)
  })
})

describe("two clones", () => {
  test("both set other secrets, and plain git merges them", async () => {
    const origin = join(world.folder, "origin.git")
    world.git("clone", "-q", "--bare", world.top, origin)
    const [one, two] = ["one", "two"].map((name) => {
      world.git("clone", "-q", origin, join(world.folder, name))
      return world.with({}, join(world.folder, name))
    }) as [World, World]
    await one.set("stripe/from-one", "1")
    await one.set("stripe/api-key", "new")
    await two.set("stripe/from-two", "2")
    await two.set("stripe/webhook", "hook 2")
    one.git("push", "-q", "origin", "main")
    two.git("pull", "-q", "--no-rebase", "--no-edit")
    two.git("push", "-q", "origin", "main")
    one.git("pull", "-q", "--ff-only")
    for (const clone of [one, two]) {
      expect(await clone.read("ci", "stripe/from-one")).toBe("1")
      expect(await clone.read("ci", "stripe/from-two")).toBe("2")
      expect(await clone.read("ci", "stripe/api-key")).toBe("new")
      expect(await clone.read("ci", "stripe/webhook")).toBe("hook 2")
      expect(clone.git("status", "--porcelain")).toBe("")
    }
    await one.set("stripe/after", "the merge")
    expect(await one.read("ci", "stripe/after")).toBe("the merge")
  })
})

describe("the lock", () => {
  let gitFolder: string
  let lockFile: string

  function withLockOf(holder: object | string): void {
    gitFolder = join(world.top, ".git")
    lockFile = join(gitFolder, "agent-vault/lock")
    mkdirSync(join(gitFolder, "agent-vault"), { recursive: true })
    writeFileSync(lockFile, typeof holder === "string" ? holder : JSON.stringify(holder))
  }

  const nonce = "0123456789abcdef"
  const host = hostname()

  async function expectTaken(): Promise<void> {
    const lock = await takeLock(gitFolder)
    lock.confirm()
    lock.release()
    expect(readdirSync(join(gitFolder, "agent-vault"))).toEqual([])
  }

  async function expectWaitedFor(): Promise<void> {
    let taken = false
    const taking = takeLock(gitFolder).then((lock) => ((taken = true), lock))
    await sleep(300)
    expect(taken).toBe(false)
    rmSync(lockFile)
    const lock = await taking
    lock.confirm()
    lock.release()
    expect(existsSync(lockFile)).toBe(false)
  }

  test("of a process that died is broken", async () => {
    withLockOf({ pid: await deadPid(), host, started: "1", nonce })
    await expectTaken()
  })

  test("of a process whose id another has by now is broken", async () => {
    withLockOf({ pid: process.pid, host, started: "1", nonce })
    await expectTaken()
  })

  test("of a zombie is broken", async () => {
    // The child ends when the shell is no more, which would have waited for it.
    const stdio = ["ignore", "pipe", "inherit", "pipe"] as const
    const parent = spawn("sh", ["-c", "cat <&3 & echo $!; exec 3<&-; exec sleep 600"], {
      stdio: [...stdio],
    })
    const pid = await firstLine(parent)
    const isSleep = (): string => readFileSync(`/proc/${parent.pid}/comm`, "utf8").trim()
    await expect.poll(isSleep).toBe("sleep")
    ;(parent.stdio[3] as Writable).end()
    const started = startOf(pid)
    const isZombie = (): boolean => readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ")
    await expect.poll(isZombie).toBe(true)
    withLockOf({ pid, host, started, nonce })
    await expectTaken()
    parent.kill()
  })

  test("of a living process is waited for", async () => {
    withLockOf({ pid: process.pid, host, started: startOf(process.pid), nonce })
    await expectWaitedFor()
  })

  test.each<[string, object | string]>([
    ["of another machine", { pid: 1, host: "elsewhere", started: "1", nonce }],
    ["that cannot be read", "{"],
    ["that names no process", { pid: "x", host, started: "1", nonce }],
    ["that names a path", { pid: 2 ** 22 + 1, host, started: "1", nonce: "../../x" }],
  ])("%s is waited for", async (_name, holder) => {
    withLockOf(holder)
    await expectWaitedFor()
  })

  test("that was taken away is noticed before the commit point", async () => {
    withLockOf("{")
    rmSync(lockFile)
    const lock = await takeLock(gitFolder)
    rmSync(lockFile)
    const other = await takeLock(gitFolder)
    expect(() => lock.confirm()).toThrow("is changing this vault")
    lock.release()
    other.confirm()
    other.release()
  })

  test("of a dead one is broken by many at once, and held by one at a time", async () => {
    const pid = await deadPid()
    withLockOf({ pid, host, started: "1", nonce })
    // The dead holder's lock has a dead breaker, too.
    const claim = { pid, host, started: "1", nonce: "fedcba9876543210" }
    writeFileSync(`${lockFile}.${nonce}`, JSON.stringify(claim))
    const ended = await Promise.all(
      Array.from({ length: 12 }, () => processes.run(world, ["hold-lock"])),
    )
    for (const { code, stderr } of ended) expect([code, stderr]).toEqual([0, ""])
    expect(readdirSync(join(gitFolder, "agent-vault"))).toEqual([])
  })

  test("is taken by who came first", async () => {
    withLockOf({ pid: process.pid, host, started: startOf(process.pid), nonce })
    const order: number[] = []
    const waiters: Promise<void>[] = []
    for (const number of [1, 2, 3, 4]) {
      const taking = takeLock(gitFolder)
      waiters.push(taking.then((lock) => (order.push(number), lock.release())))
    }
    expect(waitingNow()).toHaveLength(4)
    rmSync(lockFile)
    await Promise.all(waiters)
    expect(order).toEqual([1, 2, 3, 4])
    expect(readdirSync(join(gitFolder, "agent-vault"))).toEqual([])
  })

  test("passes over one who waits, but is stopped", async () => {
    withLockOf({ pid: process.pid, host, started: startOf(process.pid), nonce })
    const first = processes.start(world, ["hold-lock"])
    const ended = new Promise((resolve) => first.once("exit", resolve))
    await expect.poll(waitingNow).toHaveLength(1)
    first.kill("SIGSTOP")
    rmSync(lockFile)
    const lock = await takeLock(gitFolder)
    lock.release()
    first.kill("SIGCONT")
    await ended
    expect(readdirSync(join(gitFolder, "agent-vault"))).toEqual([])
  })

  function waitingNow(): string[] {
    const names = readdirSync(join(gitFolder, "agent-vault"))
    return names.filter((name) => name.startsWith("waiting-"))
  }

  test("two changes after a killed one: both land", async () => {
    withLockOf({ pid: await deadPid(), host, started: "1", nonce })
    const ended = await Promise.all([
      processes.run(world, ["set", "stripe/one", "1"]),
      processes.run(world, ["set", "stripe/two", "2"]),
    ])
    expect(ended.map(({ code }) => code)).toEqual([0, 0])
    expect(await world.read("ci", "stripe/one")).toBe("1")
    expect(await world.read("ci", "stripe/two")).toBe("2")
  })
})

async function firstLine(child: ChildProcess): Promise<number> {
  const text = await new Promise<Buffer>((resolve) => child.stdout?.once("data", resolve))
  return Number(text.toString("utf8").trim())
}

/** Git itself refuses at times, as any two gits do at once; the user then tries again. */
function commitAsUser(file: string): boolean {
  world.write(file, file)
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      world.git("add", file)
      world.git("commit", "-qm", file)
      return true
    } catch {
      if (world.git("ls-files", file) === "") continue
    }
  }
  return false
}

async function readUntil(work: Promise<unknown>, name: string): Promise<string[]> {
  const reads: string[] = []
  await until(work, async () => {
    reads.push(await unlessBusy(() => world.read("ci", name)))
    await sleep(2)
  })
  return reads
}

/** Does something over and over until some work is done. */
async function until(work: Promise<unknown>, meanwhile: () => Promise<void>): Promise<void> {
  const state = { isDone: false }
  const end = work.finally(() => (state.isDone = true))
  while (!state.isDone) await meanwhile()
  await end
}

/** When a process started, as /proc tells it. */
function startOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
}

async function deadPid(): Promise<number> {
  const child = spawn("true")
  await new Promise((resolve) => child.on("exit", resolve))
  return child.pid ?? 0
}
