import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type Arena, type Machine, copyArena, makeArena, newMachine } from "../../attack/arena.js"

// What `resolve` settled here is made here as well, whatever git was at; removals, too.

let stage: Arena
let arena: Arena
let alice: Machine
let bob: Machine

beforeAll(async () => {
  stage = await makeArena()
})
afterAll(() => stage.remove())
beforeEach(() => {
  arena = copyArena(stage)
  alice = arena.alice
  bob = newMachine(arena, "bob", alice)
})
afterEach(() => arena.remove())

const SECRET = "stripe/api-key"

function remove(machine: Machine): void {
  expect(machine.code(["rm", SECRET])).toBe("0 ok")
}

/** Brings both sides together; git ends in a conflict. */
function conflict(...args: string[]): void {
  alice.git("fetch", "--quiet")
  expect(() => alice.git(...args)).toThrow()
}

/** Ends a merge with what one side has of the secret. */
function settle(machine: Machine, side: "--ours" | "--theirs"): void {
  expect(machine.code(["resolve", SECRET, side])).toBe("0 ok")
  machine.git("commit", "--quiet", "--no-edit")
}

/** Makes the secret anew, and reads it. */
async function makeAgain(): Promise<void> {
  await alice.set(SECRET, "again")
  expect(await alice.read("ci", SECRET)).toBe("again")
}

/** What `get` says of what was undone, and the value. */
async function expectUndone(value: string): Promise<void> {
  const { code, stderr } = alice.run(["get", SECRET, "--agent", "ci"], { shows: true })
  expect(`${code} ${stderr}`).toMatch(/^0 note: accepted as undone here/)
  expect(await alice.read("ci", SECRET)).toContain(value)
}

test("a removal that was chosen over the other side's change", async () => {
  await bob.set(SECRET, "bob's")
  bob.publish()
  remove(alice)
  conflict("merge", "origin/main")
  settle(alice, "--ours")
  await makeAgain()
  alice.git("reset", "--quiet", "--hard", "origin/main")
  await expectUndone("bob's")
})

test("the other side's removal, chosen over a change", async () => {
  remove(bob)
  bob.publish()
  await alice.set(SECRET, "alice's")
  conflict("merge", "origin/main")
  settle(alice, "--theirs")
  await makeAgain()
  alice.git("reset", "--quiet", "--hard", "HEAD~2")
  await expectUndone("alice's")
})

test("what was signed in a rebase", async () => {
  await bob.set(SECRET, "bob's")
  bob.publish()
  await alice.set(SECRET, "alice's")
  conflict("rebase", "origin/main")
  expect(alice.code(["resolve", SECRET, "--theirs"])).toBe("0 ok")
  alice.git("-c", "core.editor=true", "rebase", "--continue")
  expect(await alice.read("ci", SECRET)).toBe("alice's")
  alice.git("reset", "--quiet", "--hard", "origin/main")
  await expectUndone("bob's")
})

test("what was signed in a cherry-pick", async () => {
  await alice.set(SECRET, "alice's")
  alice.git("branch", "side")
  alice.git("reset", "--quiet", "--hard", "HEAD~1")
  await alice.set(SECRET, "another")
  expect(await alice.read("ci", SECRET)).toBe("another")
  conflict("cherry-pick", "side")
  expect(alice.code(["resolve", SECRET, "--theirs"])).toBe("0 ok")
  alice.git("-c", "core.editor=true", "cherry-pick", "--continue")
  expect(await alice.read("ci", SECRET)).toBe("alice's")
  alice.git("reset", "--quiet", "--hard", "HEAD~1")
  await expectUndone("another")
})

/** Makes the secret again, and goes back to where it was before that and a merge. */
async function makeAgainAndGoTo(commit: string): Promise<string> {
  await makeAgain()
  alice.git("reset", "--quiet", "--hard", commit)
  const { code, stderr } = alice.run(["get", SECRET, "--agent", "ci"], { shows: true })
  return `${code} ${stderr.split("\n")[0] ?? ""}`
}

describe("no removal of others' is taken for one that was made here", () => {
  test("one that a merge of sync brought", async () => {
    remove(bob)
    bob.publish()
    await alice.set("stripe/webhook", "beside")
    writeFileSync(join(arena.folder, "origin.git/hooks/pre-receive"), "#!/bin/sh\nexit 1\n", {
      mode: 0o755,
    })
    // Of a remote that is named by a relative path, and may have come along, no hook runs.
    alice.git("remote", "set-url", "origin", join(arena.folder, "origin.git"))
    const before = alice.git("rev-parse", "HEAD")
    alice.run(["sync"])
    expect(alice.git("log", "-1", "--format=%s")).toBe("agent-vault: merge origin/main")
    expect(await makeAgainAndGoTo(before)).toMatch(/^5 .*ROLLED_BACK.*removed/)
  })

  test("one that came without a conflict, beside one that resolve settled", async () => {
    await bob.set("stripe/webhook", "bob's")
    remove(bob)
    bob.publish()
    await alice.set("stripe/webhook", "alice's")
    conflict("merge", "origin/main")
    expect(alice.code(["resolve", "--ours"])).toBe("0 ok")
    alice.git("commit", "--quiet", "--no-edit")
    expect(await makeAgainAndGoTo("HEAD~2")).toMatch(/^5 .*ROLLED_BACK.*not in this clone/)
  })

  test("nor one that was chosen here, and published", async () => {
    await bob.set(SECRET, "bob's")
    bob.publish()
    remove(alice)
    conflict("merge", "origin/main")
    settle(alice, "--ours")
    alice.git("push", "--quiet", "origin", "main")
    expect(await makeAgainAndGoTo("HEAD~1^2")).toMatch(/^5 .*ROLLED_BACK.*was published/)
  })

  test("nor one that was chosen here, and stays", async () => {
    await bob.set(SECRET, "bob's")
    bob.publish()
    remove(alice)
    conflict("merge", "origin/main")
    settle(alice, "--ours")
    await makeAgain()
    alice.git("checkout", "--quiet", "origin/main", "--", ".agent-vault/secrets")
    alice.arrive()
    expect(alice.code(["get", SECRET, "--agent", "ci"], { shows: true })).toBe("5 ROLLED_BACK")
  })

  test("one that another one chose in a merge", async () => {
    remove(alice)
    const base = alice.git("rev-parse", "HEAD")
    await bob.set(SECRET, "bob's")
    const theirs = bob.git("rev-parse", "HEAD")
    bob.git("fetch", "--quiet", alice.top, "main")
    expect(() => bob.git("merge", "FETCH_HEAD")).toThrow()
    settle(bob, "--theirs")
    // By an address, so that no remote-tracking branch has it.
    alice.git("fetch", "--quiet", bob.top, "main")
    alice.git("merge", "--quiet", "--ff-only", "FETCH_HEAD")
    expect(alice.git("merge-base", "HEAD", base)).toBe(base)
    expect(await makeAgainAndGoTo(theirs)).toMatch(/^5 .*ROLLED_BACK.*not in this clone/)
  })
})
