import { type ChildProcessByStdio, spawn } from "node:child_process"
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import type { Writable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest"
import { sealedQuickly } from "../age/sealed-quickly.js"
import {
  type AgentVault,
  type OpenOptions,
  type ReadEvent,
  type SecretValue,
  VaultError,
  agentKeyFile,
  openVault,
  ownerKeyFile,
} from "../../../src/core/index.js"
import { OwnerVault, init, openOwnerVault } from "../../../src/core/owner.js"
import { Processes } from "../processes.js"
import { World, emptyWorld, unlessBusy, vaultWorld } from "../world.js"
import { warningsOf } from "../../warned.js"

/** Files younger than this are read anew each time; see stamp.ts. */
const SETTLED_MS = 150
const MEGABYTE = 1024 * 1024

const processes = new Processes()
let template: World
let world: World
let vault: AgentVault

beforeAll(async () => {
  await processes.prepare()
  template = await vaultWorld()
  await template.set("db/url", "postgres://db")
  await template.set("db/ca", "a certificate")
})
afterEach(async () => {
  await vault.close()
  world.remove()
})
afterAll(() => {
  template.remove()
})

/** Opens a vault on a machine of its own, as ci unless told otherwise. */
async function open(options: OpenOptions = { agent: "ci" }): Promise<AgentVault> {
  world = template.copy()
  vault = await openVault({ dir: world.top, env: world.env, ...options })
  return vault
}

/** The same, after a value was read and comes from memory. */
async function openWarm(options?: OpenOptions): Promise<AgentVault> {
  await open(options)
  await sleep(SETTLED_MS)
  await vault.get("stripe/api-key")
  return vault
}

/** A value, or the code of the error. */
function attempt(work: Promise<unknown>): Promise<string> {
  return work.then(
    (value) => (value as Partial<SecretValue>).reveal?.() ?? JSON.stringify(value),
    (error: unknown) => (error instanceof VaultError ? error.code : `not ours: ${String(error)}`),
  )
}

const file = (path: string): string => join(world.top, ".agent-vault", path)

/** The branch is published, as a push leaves it behind. */
function published(): void {
  world.git("update-ref", "refs/remotes/origin/main", "HEAD")
}

describe("a read", () => {
  /** What happens beside an open vault, and what its next read gets. */
  const seen: Record<string, [() => unknown, string]> = {
    "a new version": [() => world.set("stripe/api-key", "new"), "new"],
    "a rekey of its group": [
      async () => {
        await world.grant("deploy", "stripe")
        await world.revoke("deploy", "stripe")
      },
      "old",
    ],
    "a revoke": [() => world.revoke("ci", "stripe"), "NOT_GRANTED"],
    "the agent's removal": [() => owner((each) => each.removeAgent("ci")), "NOT_GRANTED"],
    "a new key of the agent": [() => owner((each) => each.rekeyAgent("ci")), "NOT_GRANTED"],
    "a revoke that is taken back before anybody had it": [
      async () => {
        await world.revoke("ci", "stripe")
        await vault.has("stripe/api-key")
        world.git("reset", "-q", "--hard", "HEAD~1")
      },
      "old",
    ],
    "a revoke that is reverted": [
      async () => {
        await world.revoke("ci", "stripe")
        published()
        await vault.has("stripe/api-key")
        world.git("reset", "-q", "--hard", "HEAD~1")
      },
      "ROLLED_BACK",
    ],
    "a revoke that is reverted where HEAD is a link": [
      async () => {
        await world.revoke("ci", "stripe")
        published()
        await vault.has("stripe/api-key")
        world.git("reset", "-q", "--hard", "HEAD~1")
        rmSync(join(world.top, ".git/HEAD"))
        symlinkSync("refs/heads/main", join(world.top, ".git/HEAD"))
        expect(world.git("symbolic-ref", "HEAD")).toBe("refs/heads/main")
      },
      "ROLLED_BACK",
    ],
    "a state folder that is gone": [
      () => {
        const id = readdirSync(join(world.folder, "agent-vault")).find((name) => name.length === 32)
        rmSync(join(world.folder, "agent-vault", id ?? "", "marks"), { recursive: true })
      },
      "REPOSITORY_STATE",
    ],
    "a value that was tampered with": [
      () => appendFileSync(file("secrets/stripe/api-key.age"), "x"),
      "DIGEST_MISMATCH",
    ],
    "a record that was tampered with": [
      () => edit("secrets/stripe/api-key.json", { version: 9 }),
      "SIGNATURE_INVALID",
    ],
    "a group's record that was tampered with": [
      () => edit("groups/stripe.json", { members: [] }),
      "SIGNATURE_INVALID",
    ],
    "a vault.json that was tampered with": [
      () => edit("vault.json", { serial: 99 }),
      "SIGNATURE_INVALID",
    ],
    "a vault.json that is none": [() => writeFileSync(file("vault.json"), "{}"), "RECORD_INVALID"],
    "a value that was taken away": [
      () => rmSync(file("secrets/stripe/api-key.age")),
      "DIGEST_MISMATCH",
    ],
    "a secret that was removed": [
      () => {
        rmSync(file("secrets/stripe/api-key.age"))
        rmSync(file("secrets/stripe/api-key.json"))
      },
      "SECRET_NOT_FOUND",
    ],
    "a vault that is gone": [() => rmSync(file("."), { recursive: true }), "NO_VAULT"],
    "a group's folder that is another file": [
      () => {
        rmSync(file("secrets/stripe"), { recursive: true })
        writeFileSync(file("secrets/stripe"), "")
      },
      "FILE_UNSAFE",
    ],
    "a value that became a link": [
      () => {
        renameSync(file("secrets/stripe/api-key.age"), join(world.folder, "value"))
        symlinkSync(join(world.folder, "value"), file("secrets/stripe/api-key.age"))
      },
      "FILE_UNSAFE",
    ],
    "a folder that became a link to the very same": [
      () => {
        renameSync(file("secrets"), join(world.folder, "moved"))
        symlinkSync(join(world.folder, "moved"), file("secrets"))
      },
      "FILE_UNSAFE",
    ],
    "a group's folder that became a link to the very same": [
      () => {
        renameSync(file("secrets/stripe"), join(world.folder, "moved"))
        symlinkSync(join(world.folder, "moved"), file("secrets/stripe"))
      },
      "FILE_UNSAFE",
    ],
    "a vault's folder that became a link to the very same": [
      () => {
        renameSync(file("."), join(world.folder, "moved"))
        symlinkSync(join(world.folder, "moved"), join(world.top, ".agent-vault"))
      },
      "FILE_UNSAFE",
    ],
    "another pin": [
      () =>
        writeFileSync(
          join(world.folder, "agent-vault", vault.id, "pin"),
          `ed25519:${"A".repeat(43)}\n`,
        ),
      "TRUST_MISMATCH",
    ],
    "another branch, without the vault": [
      () => {
        world.git("checkout", "-q", "--orphan", "bare")
        world.git("rm", "-rqf", ".")
      },
      "NO_VAULT",
    ],
    "another branch, with an older value": [
      async () => {
        await world.set("stripe/api-key", "newer")
        await vault.get("stripe/api-key")
        world.git("checkout", "-q", "-b", "older", "HEAD~1")
      },
      "old",
    ],
    "a change that was left half done": [
      () => {
        mkdirSync(join(world.top, ".git/agent-vault"), { recursive: true })
        writeFileSync(join(world.top, ".git/agent-vault/journal.json"), "{}")
      },
      "BUSY",
    ],
    "a byte that was changed, with the times put back": [
      () => {
        const path = file("secrets/stripe/api-key.age")
        const bytes = readFileSync(path)
        bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
        writeFileSync(path, bytes)
        utimesSync(path, 0, 0)
      },
      "DIGEST_MISMATCH",
    ],
  }
  test.each(Object.entries(seen))("sees %s", async (what, [happen, then]) => {
    await openWarm()
    await happen()
    const warnings = await warningsOf(async () => {
      expect(await attempt(vault.get("stripe/api-key"))).toBe(then)
      const many = vault.getMany(["stripe/webhook", "stripe/api-key"])
      expect(await attempt(many.then((all) => all["stripe/api-key"]))).toBe(then)
    })
    const isTakenBack = what.includes("taken back")
    expect(warnings).toEqual(
      isTakenBack ? [expect.stringContaining("accepted as undone here, and never published")] : [],
    )
  })

  test("sees a floor that is raised while values come from memory", async () => {
    world = template.copy()
    const env: Record<string, string | undefined> = { ...world.env }
    vault = await openVault({ dir: world.top, env, agent: "ci" })
    await sleep(SETTLED_MS)
    await vault.get("stripe/api-key")
    env["AGENT_VAULT_MIN_SERIAL"] = "secrets/stripe/api-key.json=99"
    expect(await attempt(vault.get("stripe/api-key"))).toBe("ROLLED_BACK")
  })

  test("sees the end of a grant, also when the value comes from memory", async () => {
    await open()
    const until = new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+Z$/, "Z")
    await owner(async (each) => {
      await each.revoke("ci", ["stripe"])
      await each.grant("ci", ["stripe"], { until })
    })
    await sleep(SETTLED_MS)
    const events: ReadEvent[] = []
    await using brief = await openVault({
      dir: world.top,
      agent: "ci",
      env: world.env,
      onRead: (event) => events.push(event),
    })
    expect(await attempt(brief.get("stripe/api-key"))).toBe("old")
    expect(await brief.access()).toMatchObject({ groups: [{ group: "stripe", until }] })
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse(until) + 20 })
    onTestFinished(() => void vi.useRealTimers())
    expect(await attempt(brief.get("stripe/api-key"))).toBe("GRANT_ENDED")
    expect(await attempt(brief.getMany(["stripe/webhook", "stripe/api-key"]))).toBe("GRANT_ENDED")
    expect(await brief.has("stripe/api-key")).toBe(false)
    expect(await brief.access()).toMatchObject({ groups: [], closed: ["db", "stripe"] })
    expect(events).toHaveLength(1)
  })

  test("goes on after a branch without the vault, and takes no vault above for it", async () => {
    world = await vaultWorld(emptyWorld("outer/inner"))
    const outer = new World(world.folder, world.env, join(world.folder, "outer"))
    outer.git("init", "-q")
    await init({
      folder: outer.top,
      name: "alice",
      keys: "x25519",
      env: world.env,
      now: new Date(),
    })
    vault = await openVault({ dir: world.top, agent: "ci", env: world.env })
    await vault.get("stripe/api-key")
    world.git("checkout", "-q", "--orphan", "bare")
    world.git("rm", "-rqf", ".")
    expect(await attempt(vault.get("stripe/api-key"))).toBe("TRUST_MISMATCH")
    world.git("checkout", "-q", "main")
    expect(await attempt(vault.get("stripe/api-key"))).toBe("old")
  })

  test("takes no other vault in its place, even where nothing remembers which it was", async () => {
    await open()
    // Another vault of the same person, in which the same key may read too.
    const other = new World(world.folder, world.env, join(world.folder, "other"))
    mkdirSync(other.top)
    other.git("init", "-q", "-b", "main")
    other.commit("README.md")
    await other.init()
    const identity = readFileSync(agentKeyFile(vault.id, "ci", world.env), "utf8")
    const recipient = /# recipient: (\S+)/.exec(identity)?.[1] ?? ""
    await using both = await openOwnerVault({ dir: other.top, env: world.env })
    await both.addAgent("ci", { recipient })
    await both.set("stripe/api-key", "of the other")
    await both.grant("ci", ["stripe"])
    // As in an image: no repository. A bare key names neither vault nor owner.
    rmSync(join(world.top, ".git"), { recursive: true })
    const bare = identity.split("\n").at(-2) ?? ""
    await using here = await openVault({ dir: world.top, identity: bare, env: world.env })
    expect(await attempt(here.get("stripe/api-key"))).toBe("old")
    rmSync(file("."), { recursive: true })
    cpSync(join(other.top, ".agent-vault"), file("."), { recursive: true })
    expect(await attempt(here.get("stripe/api-key"))).toBe("FOREIGN_VAULT")
  })
})

describe("many at once", () => {
  test("get the value each, and each its own copy", async () => {
    await open()
    const values = await Promise.all(Array.from({ length: 100 }, () => vault.get("stripe/api-key")))
    values[0]?.[Symbol.dispose]()
    const kept = values.slice(1)
    for (const value of kept) value.bytes().fill(0)
    expect(new Set(kept.map((value) => value.reveal()))).toEqual(new Set(["old"]))
    expect(await attempt(vault.get("stripe/api-key"))).toBe("old")
  })

  test("while another process sets: old or new, never torn, never zeroed", async () => {
    await open()
    const done = (async () => {
      for (let round = 0; round < 6; round++) {
        await processes.run(world, ["set", "stripe/api-key", `value ${round}`])
      }
    })()
    const state = { isDone: false }
    void done.then(() => (state.isDone = true))
    const read: string[] = []
    while (!state.isDone) {
      const got = await Promise.all(
        Array.from({ length: 5 }, (_, at) =>
          unlessBusy(() =>
            at % 2 === 0
              ? vault.get("stripe/api-key")
              : vault.getMany(["stripe/api-key"]).then((all) => all["stripe/api-key"]),
          ).then((value) => value.reveal(), String),
        ),
      )
      read.push(...got)
      await sleep(1)
    }
    await done
    const values = ["old", ...Array.from({ length: 6 }, (_, round) => `value ${round}`)]
    expect(values).toEqual(expect.arrayContaining([...new Set(read)]))
    expect(await attempt(vault.get("stripe/api-key"))).toBe("value 5")
    expect(new Set(read).size).toBeGreaterThan(1)
  })

  test("two values that change together are read together", async () => {
    await open()
    // A user and a password, changed by one commit.
    const states: State[] = []
    for (const value of ["1", "2"]) {
      await world.set("stripe/api-key", value)
      await world.set("stripe/webhook", value)
      states.push(stateNow())
    }
    // No branch, so no marks: what was seen may come again.
    world.git("checkout", "-q", "--detach")
    const swapping = swap(states)
    for (let reads = 0; reads < 100; reads++) {
      swapping.stdin.write("once more\n")
      const pair = await unlessBusy(() => vault.getMany(["stripe/api-key", "stripe/webhook"]))
      expect(pair["stripe/api-key"].reveal()).toBe(pair["stripe/webhook"].reveal())
      await sleep(1)
    }
    swapping.kill()
  })

  test("keep little in memory, however many versions there are", async () => {
    await open()
    const states: State[] = []
    for (let count = 0; count < 10; count++) {
      await world.set("stripe/api-key", `${count}`.repeat(MEGABYTE / 2))
      states.push(stateNow())
    }
    await openWithoutMarks()
    const held: number[] = []
    for (const state of states) {
      lay(state)
      await sleep(SETTLED_MS)
      await vault.get("stripe/api-key")
      held.push(bytesHeld())
    }
    // Each version that is kept holds half a megabyte.
    const first = held[1] ?? 0
    await expect.poll(() => bytesHeld() - first).toBeLessThan(MEGABYTE)
  })
})

describe("getMany", () => {
  test("gives all, each once, or none", async () => {
    const events: ReadEvent[] = []
    await open({ agent: "ci", onRead: (event) => events.push(event) })
    const all = await vault.getMany(["stripe/webhook", "stripe/api-key", "stripe/webhook"])
    expect(Object.keys(all)).toEqual(["stripe/webhook", "stripe/api-key"])
    expect(all["stripe/webhook"].reveal()).toBe("hook")
    expect(events.map(({ secret }) => secret)).toEqual(["stripe/webhook", "stripe/api-key"])
    events.length = 0
    expect(await attempt(vault.getMany(["stripe/api-key", "db/url"]))).toBe("NOT_GRANTED")
    expect(await attempt(vault.getMany(["stripe/api-key", "stripe/none"]))).toBe("SECRET_NOT_FOUND")
    expect(await attempt(vault.getMany(["stripe/api-key", "../x"]))).toBe("NAME_INVALID")
    expect(events).toEqual([])
    expect(await vault.getMany([])).toEqual({})
  })
})

describe("without decrypting", () => {
  test("has: what get would find, and be let in to", async () => {
    await open()
    expect(await vault.has("stripe/api-key")).toBe(true)
    expect(await vault.has("stripe/none")).toBe(false)
    expect(await vault.has("db/url")).toBe(false)
    expect(await vault.has("none/none")).toBe(false)
    // A promise that rejects, and not a throw.
    expect(await attempt(vault.has("../x"))).toBe("NAME_INVALID")
    rmSync(file("secrets/stripe/api-key.age"))
    rmSync(file("groups/stripe.age"))
    expect(await vault.has("stripe/api-key")).toBe(true)
  })

  test("list: names and metadata, and which can be read", async () => {
    await open()
    await owner((each) => each.set("stripe/api-key", "old", { env: "STRIPE", description: "pay" }))
    const all = await vault.list()
    expect(all.map(({ name, readable }) => `${name} ${readable}`)).toEqual([
      "db/ca false",
      "db/url false",
      "stripe/api-key true",
      "stripe/webhook true",
    ])
    expect(all[2]).toMatchObject({ version: 1, env: "STRIPE", description: "pay" })
    expect((await vault.list("db")).map(({ name }) => name)).toEqual(["db/ca", "db/url"])
    expect(await attempt(vault.list("none"))).toBe("GROUP_NOT_FOUND")
    await world.revoke("ci", "stripe")
    expect((await vault.list()).some(({ readable }) => readable)).toBe(false)
  })

  test("access: what is open, since when, and what is closed", async () => {
    await open()
    const { id } = vault
    expect(await vault.access()).toEqual({
      vault: id,
      agent: "ci",
      groups: [{ group: "stripe", since: expect.stringMatching(/Z$/) as string, secrets: 2 }],
      closed: ["db"],
    })
    await world.grant("ci", "db")
    expect(await vault.access()).toMatchObject({
      groups: [{ group: "db" }, { group: "stripe" }],
      closed: [],
    })
  })
})

describe("onRead", () => {
  test("is told who read what, before the value is handed out, from memory too", async () => {
    const order: string[] = []
    await openWarm({ agent: "ci", onRead: ({ secret }) => order.push(`told of ${secret}`) })
    order.length = 0
    for (let count = 0; count < 2; count++) {
      await vault.get("stripe/api-key")
      order.push("handed out")
    }
    expect(order).toEqual([
      "told of stripe/api-key",
      "handed out",
      "told of stripe/api-key",
      "handed out",
    ])
    await vault.has("stripe/api-key")
    await vault.list()
    expect(order).toHaveLength(4)
  })

  test("holds back the value if it throws, from files and from memory", async () => {
    let isFull = true
    await open({
      agent: "ci",
      onRead: () => {
        if (isFull) throw new RangeError("the disk is full")
      },
    })
    await expect(vault.get("stripe/api-key")).rejects.toThrow("the disk is full")
    isFull = false
    await sleep(SETTLED_MS)
    await vault.get("stripe/api-key")
    isFull = true
    await expect(vault.get("stripe/api-key")).rejects.toThrow("the disk is full")
    await expect(vault.getMany(["stripe/api-key"])).rejects.toThrow("the disk is full")
  })

  test("names the actor, the door, the vault, the version and the time", async () => {
    const events: ReadEvent[] = []
    await open({ agent: "ci", onRead: (event) => events.push(event) })
    await vault.get("stripe/api-key")
    expect(events).toEqual([
      {
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
        actor: { role: "agent", name: "ci" },
        door: "sdk",
        vault: vault.id,
        secret: "stripe/api-key",
        version: 1,
      },
    ])
  })

  test("may read again itself, and no value that is being handed out is overwritten", async () => {
    let isArmed = false
    let other: Promise<string> | undefined
    const onRead = (): void => {
      if (!isArmed) return
      isArmed = false
      utimesSync(file("vault.json"), 1, 1)
      other = attempt(vault.get("stripe/api-key"))
    }
    await openWarm({ agent: "ci", onRead })
    await sleep(SETTLED_MS)
    await vault.get("stripe/api-key")
    isArmed = true
    expect(await attempt(vault.get("stripe/api-key"))).toBe("old")
    expect(await other).toBe("old")
  })
})

describe("close", () => {
  test("ends everything, and reading throws CLOSED", async () => {
    await openWarm()
    const kept = await vault.get("stripe/api-key")
    await vault.close()
    await vault.close()
    const work: (() => Promise<unknown>)[] = [
      () => vault.get("stripe/api-key"),
      () => vault.getMany(["stripe/api-key"]),
      () => vault.has("stripe/api-key"),
      () => vault.list(),
      () => vault.access(),
      () => vault.pull(),
      async () => vault.watch(["*"])[Symbol.asyncIterator]().next(),
    ]
    for (const each of work) expect(await attempt(each())).toBe("CLOSED")
    // What was handed out is the caller's own.
    expect(kept.reveal()).toBe("old")
  })

  test("while reads are under way: none is handed out afterwards", async () => {
    await open()
    const reads = Array.from({ length: 5 }, () => attempt(vault.get("stripe/api-key")))
    await vault.close()
    expect(new Set(await Promise.all(reads))).toEqual(new Set(["CLOSED"]))
  })
})

const keyOf = (agent: string): string =>
  readFileSync(agentKeyFile(idOf(), agent, world.env), "utf8")
const idOf = (): string =>
  (JSON.parse(readFileSync(file("vault.json"), "utf8")) as { vault: string }).vault
const openAs = async (options: OpenOptions, env: Record<string, string> = {}) => {
  vault = await openVault({ dir: world.top, ...options, env: { ...world.env, ...env } })
  return vault
}
const codeOf = (options: OpenOptions, env: Record<string, string> = {}): Promise<string> =>
  attempt(openAs(options, env))

describe("who reads", () => {
  test("each source names an agent", async () => {
    await open()
    const identityFile = agentKeyFile(idOf(), "ci", world.env)
    const identity = keyOf("ci")
    const bare = identity.split("\n").at(-2) ?? ""
    const sources: [OpenOptions, Record<string, string>][] = [
      [{ agent: "ci" }, {}],
      [{ identityFile }, {}],
      [{ identity }, {}],
      [{ identity: bare, trust: /ed25519:\S+/.exec(identity)?.[0] }, {}],
      [{}, { AGENT_VAULT_AGENT: "ci" }],
      [{}, { AGENT_VAULT_IDENTITY_FILE: identityFile }],
      [{}, { AGENT_VAULT_IDENTITY: identity }],
      [
        {},
        { AGENT_VAULT_IDENTITY: bare, AGENT_VAULT_TRUST: /ed25519:\S+/.exec(identity)?.[0] ?? "" },
      ],
    ]
    for (const [options, env] of sources) {
      await openAs(options, env)
      expect(await attempt(vault.get("stripe/api-key"))).toBe("old")
      expect((await vault.access()).agent).toBe("ci")
    }
  })

  test("the first that is set decides, in the order of the command line", async () => {
    await open()
    const env = {
      AGENT_VAULT_IDENTITY: keyOf("deploy"),
      AGENT_VAULT_IDENTITY_FILE: agentKeyFile(idOf(), "deploy", world.env),
      AGENT_VAULT_AGENT: "deploy",
    }
    const identityFile = agentKeyFile(idOf(), "ci", world.env)
    for (const options of [{ identityFile }, { identity: keyOf("ci") }]) {
      await openAs(options, env)
      expect(vault.agent).toBe("ci")
    }
    // A program that names its agent runs at a CI too, which has the key in a variable.
    for (const options of [{ agent: "ci" }, {}]) {
      await openAs(options, env)
      expect(vault.agent).toBe("deploy")
    }
    await openAs({ agent: "ci" }, { AGENT_VAULT_AGENT: "deploy" })
    expect(vault.agent).toBe("ci")
  })

  test("a text is no options: the vault of another folder would be opened", async () => {
    await open()
    // As a program in JavaScript may call it.
    for (const options of [world.top, null] as unknown as OpenOptions[]) {
      await expect(openVault(options)).rejects.toMatchObject({ code: "USAGE" })
      await expect(openOwnerVault(options)).rejects.toMatchObject({ code: "USAGE" })
    }
  })

  test("two options contradict", async () => {
    await open()
    expect(await codeOf({ agent: "ci", identity: keyOf("ci") })).toBe("USAGE")
    expect(await codeOf({ agent: "ci", identityFile: "x" })).toBe("USAGE")
  })

  test("what is set and does not work is the error; nothing is tried instead", async () => {
    await open()
    const deploy = { AGENT_VAULT_AGENT: "deploy" }
    expect(await codeOf({ agent: "nobody" }, deploy)).toBe("KEY_NOT_FOUND")
    expect(await codeOf({ agent: "../x" }, deploy)).toBe("NAME_INVALID")
    expect(await codeOf({ identityFile: "/nowhere" }, deploy)).toBe("KEY_NOT_FOUND")
    expect(await codeOf({ identity: "" }, deploy)).toBe("KEY_INVALID")
    expect(await codeOf({}, { ...deploy, AGENT_VAULT_IDENTITY: "" })).toBe("KEY_INVALID")
    expect(await codeOf({ identity: keyOf("ci").replace(idOf(), "0".repeat(32)) })).toBe(
      "KEY_WRONG_VAULT",
    )
    const sealed = join(world.folder, "sealed.key")
    writeFileSync(sealed, await sealedQuickly(Buffer.from(keyOf("ci")), "a test passphrase"))
    expect(await codeOf({ identityFile: sealed })).toBe("NO_TERMINAL")
  })

  test("the owner's key never serves unasked; given, it is the owner who reads", async () => {
    await open()
    for (const variable of ["", "CLAUDECODE"]) {
      expect(await codeOf({}, variable === "" ? {} : { [variable]: "1" })).toBe("NO_IDENTITY")
    }
    rmSync(agentKeyFile(idOf(), "ci", world.env))
    expect(await codeOf({ agent: "ci" })).toBe("KEY_NOT_FOUND")
    await openAs({ identityFile: ownerKeyFile(idOf(), world.env) })
    expect(await attempt(vault.get("db/url"))).toBe("postgres://db")
  })

  test("the owner to trust: all that are named must agree, and one must be", async () => {
    await open()
    const bare = keyOf("ci").split("\n").at(-2) ?? ""
    const stranger = `ed25519:${"A".repeat(43)}`
    expect(await codeOf({ agent: "ci", trust: stranger })).toBe("TRUST_MISMATCH")
    expect(await codeOf({ agent: "ci", trust: "me" })).toBe("USAGE")
    expect(
      await codeOf(
        { agent: "ci", trust: stranger },
        { AGENT_VAULT_TRUST: `ed25519:${"B".repeat(43)}` },
      ),
    ).toBe("TRUST_MISMATCH")
    rmSync(join(world.folder, "agent-vault", idOf(), "pin"))
    expect(await codeOf({ identity: bare })).toBe("UNTRUSTED")
    expect(await codeOf({ identity: bare, trust: stranger })).toBe("UNTRUSTED")
  })

  test("there must be a vault", async () => {
    await open()
    expect(await codeOf({ dir: join(world.folder, "nowhere") })).toBe("NO_VAULT")
    expect(await codeOf({ dir: world.folder })).toBe("NO_VAULT")
  })
})

test("an agent's vault has nothing that changes; an owner's has", async () => {
  await open()
  for (const verb of ["set", "grant", "revoke", "apply", "addAgent", "removeAgent"]) {
    expect(verb in vault).toBe(false)
    expect(verb in OwnerVault.prototype).toBe(true)
  }
})

async function owner(work: (each: OwnerVault) => Promise<unknown>): Promise<void> {
  await using each = await openOwnerVault({ dir: world.top, env: world.env })
  await work(each)
}

function edit(path: string, fields: object): void {
  const record = JSON.parse(readFileSync(file(path), "utf8")) as object
  writeFileSync(file(path), `${JSON.stringify({ ...record, ...fields }, null, 2)}\n`)
}

/** Some of the vault's files as they are at one time. */
type State = readonly (readonly [path: string, bytes: Buffer])[]

function stateNow(): State {
  const paths = ["secrets/stripe/api-key", "secrets/stripe/webhook"]
  return paths
    .flatMap((path) => [`${path}.age`, `${path}.json`])
    .map((path) => [path, readFileSync(file(path))])
}

/** Puts files back as a checkout does: each is removed and made anew. */
function lay(state: State): void {
  for (const [path, bytes] of state) {
    rmSync(file(path))
    writeFileSync(file(path), bytes)
  }
}

/**
 * Puts one state in the place of the other as often as it is told to, in a process of its own, and
 * as a change does: with a journal beside it while its files are half in place.
 */
function swap(states: readonly State[]): ChildProcessByStdio<Writable, null, null> {
  const laid = states.map((state, at) =>
    state.map(([path, bytes]) => {
      const from = join(world.folder, `${at}-${path.replaceAll("/", "-")}`)
      writeFileSync(from, bytes)
      return [from, file(path)]
    }),
  )
  const program = `
    const { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } = require("node:fs")
    const folder = ${JSON.stringify(join(world.top, ".git/agent-vault"))}
    mkdirSync(folder, { recursive: true })
    const states = ${JSON.stringify(laid)}
    const lay = (round) => {
      writeFileSync(folder + "/journal.json", "{}")
      for (const [from, to] of states[round % 2]) {
        copyFileSync(from, to + ".new")
        renameSync(to + ".new", to)
      }
      rmSync(folder + "/journal.json")
    }
    let round = 0
    require("node:readline").createInterface({ input: process.stdin }).on("line", () => lay(round++))`
  return spawn(process.execPath, ["-e", program], { stdio: ["pipe", "ignore", "ignore"] })
}

/** The bytes of all buffers that anything in this process still holds. */
function bytesHeld(): number {
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as () => void
  for (let times = 0; times < 4; times++) collect()
  return process.memoryUsage().arrayBuffers
}

/** A vault without a repository, as in an image: nothing remembers what was seen. */
async function openWithoutMarks(): Promise<void> {
  rmSync(join(world.top, ".git"), { recursive: true })
  await vault.close()
  vault = await openVault({ dir: world.top, agent: "ci", env: world.env })
}
