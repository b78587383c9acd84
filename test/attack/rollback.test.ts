import { cpSync, mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { rekeyAgent } from "../../src/core/owner.js"
import { encodeRecord } from "../../src/core/records/record.js"
import { signingKey } from "../../src/core/records/signature.js"
import {
  type Arena,
  Machine,
  copyArena,
  copyMachine,
  loot,
  makeArena,
  newMachine,
  said,
  vaultIdOf,
} from "./arena.js"

// Every record here was signed by the owner once: a stale or hostile remote brings it back.

let stage: Arena
let alice: Machine

beforeAll(async () => {
  stage = await makeArena()
})
afterAll(() => stage.remove())
beforeEach(() => {
  alice = copyMachine(stage.alice)
})
afterEach(() => alice.remove())

/** Brings files of the vault back as they were at a commit. */
function setBack(machine: Machine, commit: string, ...paths: string[]): void {
  machine.git("checkout", commit, "--", ...paths.map((path) => `.agent-vault/${path}`))
  machine.arrive()
}

test("a secret that was set back is refused where the newer one was read", async () => {
  await alice.set("stripe/api-key", "newer")
  expect(await alice.read("ci", "stripe/api-key")).toBe("newer")
  setBack(alice, "HEAD~1", "secrets/stripe")
  expect(await alice.answers()).toEqual({
    get: "ROLLED_BACK",
    list: "ROLLED_BACK",
    check: "ROLLED_BACK",
    set: "ROLLED_BACK",
    // A grant opens no value; a revoke opens them all.
    grant: "ok",
    revoke: "ROLLED_BACK",
  })
})

test("what refused a reader, or was only looked at, cannot be set back either", async () => {
  await alice.revoke("ci", "stripe")
  for (const look of [
    ["get", "stripe/api-key", "--agent", "ci"],
    ["list"],
    ["check"],
    ["agent", "list"],
  ]) {
    // A clone that has seen nothing yet; the pin is no memory of the branch.
    rmSync(join(alice.env["XDG_STATE_HOME"] ?? "", "agent-vault", vaultIdOf(alice), "marks"), {
      recursive: true,
    })
    alice.run(look)
    setBack(alice, "HEAD~1", ".")
    expect(alice.code(["get", "stripe/api-key", "--agent", "ci"]), look.join(" ")).toBe(
      "5 ROLLED_BACK",
    )
    alice.git("reset", "--quiet", "--hard", "HEAD~1")
  }
})

test("a group that was set back is refused, and nothing is sealed to it", async () => {
  await alice.revoke("ci", "stripe")
  setBack(alice, "HEAD~1", ".")
  const before = alice.snapshot()
  const back = "ROLLED_BACK"
  const answers = { get: back, list: back, check: back, set: back, grant: back, revoke: back }
  expect(await alice.answers()).toEqual(answers)
  expect(alice.snapshot()).toEqual(before)
})

test("a whole branch that was reset is refused; trust --rewind accepts it, if it is deliberate", async () => {
  await alice.revoke("ci", "stripe")
  // As a push does it. What was never pushed is its user's to undo: see test/core/undone.
  alice.git("update-ref", "refs/remotes/origin/main", "HEAD")
  alice.git("reset", "--quiet", "--hard", "HEAD~1")
  expect(alice.code(["get", "stripe/api-key", "--agent", "ci"])).toBe("5 ROLLED_BACK")
  expect(alice.code(["set", "stripe/api-key"], { stdin: "x" })).toBe("5 ROLLED_BACK")
  expect(alice.code(["trust", "--rewind"])).toBe("2 NO_TERMINAL")
  expect(alice.code(["trust", "--rewind", "--yes"])).toBe("0 ok")
  expect(alice.code(["get", "stripe/api-key", "--agent", "ci"], { shows: true })).toBe("0 ok")
})

test("an equal serial with another digest is refused", async () => {
  const fork = copyMachine(alice)
  await alice.set("stripe/api-key", "mine")
  await fork.set("stripe/api-key", "of a fork")
  cpSync(fork.path("secrets"), alice.path("secrets"), { recursive: true })
  fork.remove()
  alice.arrive()
  expect(await alice.tryRead("ci", "stripe/api-key")).toBe("ROLLED_BACK")
})

test("vault.json set back is refused", async () => {
  const owner = signingKey(await alice.ownerIdentity())
  alice.forge("vault.json", { serial: 2 }, owner)
  alice.arrive()
  expect(await alice.tryRead("ci", "stripe/api-key")).toBe("canary-stripe-4eC39HqLyjWDarjtT1zdp7dc")
  setBack(alice, "HEAD~1", "vault.json")
  expect(new Set(Object.values(await alice.answers()))).toEqual(new Set(["ROLLED_BACK"]))
})

test("after nothing but a set, a laptop does not seal to a group that was set back", async () => {
  const arena = copyArena(stage)
  const laptop = newMachine(arena, "laptop", arena.alice)
  const old = arena.alice.git("rev-parse", "HEAD")
  await arena.alice.revoke("ci", "stripe")
  arena.alice.publish()
  laptop.pull()
  await laptop.set("stripe/first", "after-the-revoke")
  laptop.publish()
  arena.mallory.pull()
  setBack(arena.mallory, old, ".")
  arena.mallory.publish()
  laptop.pull()
  expect(await said(laptop.set("stripe/second", "leaked?"))).toBe("ROLLED_BACK")
  const opened = await loot(laptop.vault, [await arena.alice.identityOf("ci")])
  expect(opened).not.toContain("leaked?")
  arena.remove()
})

test("nor on another branch, which never saw the revoke", async () => {
  alice.git("branch", "stale")
  await alice.revoke("ci", "stripe")
  alice.git("checkout", "--quiet", "stale")
  expect(await said(alice.set("stripe/api-key", "leaked?"))).toBe("ROLLED_BACK")
  expect(await said(alice.grant("temp", "stripe"))).toBe("ROLLED_BACK")
  // Reading there is no harm: the branch is what it was.
  expect(await alice.read("ci", "stripe/api-key")).toContain("canary-stripe")
})

test("an agent set back to the key it lost is granted nothing", async () => {
  const arena = copyArena(stage)
  const laptop = newMachine(arena, "laptop", arena.alice)
  const stolen = await arena.alice.identityOf("temp")
  const old = arena.alice.git("rev-parse", "HEAD")
  await rekeyAgent({ ...(await arena.alice.request()), agent: "temp" })
  arena.alice.publish()
  laptop.pull()
  await laptop.set("stripe/first", "an unrelated change")
  laptop.publish()
  arena.mallory.pull()
  setBack(arena.mallory, old, "agents")
  arena.mallory.publish()
  for (const machine of [arena.alice, laptop]) {
    machine.pull()
    expect(await said(machine.grant("temp", "stripe"))).toBe("ROLLED_BACK")
    expect(await loot(machine.vault, [stolen])).toEqual([])
  }
  arena.remove()
})

test("an agent that was removed does not come back", async () => {
  expect(alice.code(["agent", "remove", "temp"])).toBe("0 ok")
  setBack(alice, "HEAD~1", "agents")
  expect(await said(alice.grant("temp", "stripe"))).toBe("ROLLED_BACK")
})

test("an agent whose record was deleted is added anew as a later one, on a machine that never saw it", async () => {
  const arena = copyArena(stage)
  await rekeyAgent({ ...(await arena.alice.request()), agent: "temp" })
  const later = arena.alice.record("agents/temp.json")
  arena.alice.publish()
  arena.mallory.pull()
  arena.mallory.git("rm", "-q", ".agent-vault/agents/temp.json", ".agent-vault/agents/temp.age")
  arena.mallory.publish()
  const laptop = newMachine(arena, "laptop", arena.alice)
  expect(await said(laptop.addAgent("temp"))).toBe("ok")
  expect(laptop.record("agents/temp.json").serial).toBeGreaterThan(later.serial)
  laptop.put("agents/temp.json", encodeRecord(later))
  laptop.arrive()
  expect(await said(laptop.grant("temp", "stripe"))).toBe("ROLLED_BACK")
  arena.remove()
})

test("another vault of the same owner, copied into the place of this one, is refused", async () => {
  const other = new Machine(alice.folder, process.env, join(alice.folder, "other"))
  mkdirSync(other.top)
  other.git("init", "--quiet", "-b", "main")
  await other.init()
  await other.addAgent("eve")
  await other.set("stripe/api-key", "of the other vault")
  await other.grant("eve", "stripe")
  const eve = await other.identityOf("eve")
  expect(await alice.tryRead("ci", "stripe/api-key")).toContain("canary")

  const id = vaultIdOf(alice)
  rmSync(alice.vault, { recursive: true })
  cpSync(other.vault, alice.vault, { recursive: true })
  alice.arrive()
  expect(alice.code(["set", "stripe/api-key"], { stdin: "leaked?" })).toBe("5 FOREIGN_VAULT")
  expect(alice.code(["get", "stripe/api-key", "--owner"])).toBe("5 FOREIGN_VAULT")
  expect(alice.run(["check"]).stderr).toContain(id)
  expect(await loot(alice.vault, [eve])).toEqual(["of the other vault"])
  expect(alice.code(["trust", "--rewind", "--yes"])).toBe("0 ok")
  expect(alice.code(["check"])).toBe("0 ok")
})

test("a record of another vault of the same owner is refused", async () => {
  const other = copyMachine(alice)
  rmSync(other.vault, { recursive: true })
  other.git("add", "--all")
  other.git("commit", "--quiet", "-m", "start over")
  await other.init()
  await other.addAgent("eve")
  cpSync(other.path("agents/eve.json"), alice.path("agents/eve.json"))
  other.remove()
  alice.arrive()
  expect(await said(alice.grant("eve", "stripe"))).toBe("RECORD_INVALID")
})

test("check --history finds what was set back, without any state; a floor refuses it", async () => {
  await alice.set("stripe/api-key", "newer")
  setBack(alice, "HEAD~1", "secrets/stripe")
  const fresh = { XDG_STATE_HOME: join(alice.folder, "fresh") }
  const { code, stdout } = alice.run(["check", "--history", "--owner"], { env: fresh })
  expect([code, stdout]).toEqual([5, expect.stringContaining("secrets/stripe/api-key.json")])
  const against = alice.run(["check", "--against", "HEAD~1", "--owner"], { env: fresh })
  expect([against.code, against.stdout]).toEqual([5, expect.stringContaining("ROLLED_BACK")])
  const floor = { ...fresh, AGENT_VAULT_MIN_SERIAL: "secrets/stripe/api-key.json=2" }
  const args = ["get", "stripe/api-key", "--agent", "ci"]
  expect(alice.code(args, { env: floor })).toBe("5 ROLLED_BACK")
})
