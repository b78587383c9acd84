import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { signingKey } from "../../../src/core/records/signature.js"
import {
  type Arena,
  type Machine,
  copyArena,
  makeArena,
  newMachine,
  said,
} from "../../attack/arena.js"

// What nobody but this clone ever had is its user's to undo: plain git does it, and nothing alarms.

let stage: Arena
let arena: Arena
let alice: Machine

beforeAll(async () => {
  stage = await makeArena()
})
afterAll(() => stage.remove())
beforeEach(() => {
  arena = copyArena(stage)
  alice = arena.alice
})
afterEach(() => arena.remove())

const SECRET = "stripe/api-key"
const get = (): string => alice.code(["get", SECRET, "--agent", "ci"], { shows: true })

/** Who opens stripe. */
function membersOf(machine: Machine): string[] {
  return machine
    .groupRecord("stripe")
    .members.map(({ agent }) => agent)
    .sort()
}

function remove(): void {
  expect(alice.code(["rm", SECRET])).toBe("0 ok")
}

/** A merge that ends in a conflict. */
function conflict(): void {
  expect(() => alice.git("merge", "origin/main")).toThrow()
}

/** What a command says, and the line that it says it with. */
function note(machine: Machine, ...args: string[]): string {
  const { code, stderr } = machine.run(args, { shows: true })
  return `${code} ${stderr.split("\n")[0] ?? ""}`
}

describe("undone in one clone, and never pushed", () => {
  beforeEach(async () => {
    await alice.set(SECRET, "one")
    await alice.set(SECRET, "two")
    expect(await alice.read("ci", SECRET)).toBe("two")
    alice.git("reset", "--quiet", "--hard", "HEAD~1")
  })

  test.each([
    [["get", SECRET, "--agent", "ci"]],
    [["list"]],
    [["check"]],
    [["status"]],
    [["set", SECRET, "--from-file", "README.md"]],
  ])("%j accepts it, with one line", (args) => {
    expect(note(alice, ...args)).toMatch(/^0 note: accepted as undone here, .*api-key\.json/)
    expect(note(alice, ...args)).not.toContain("undone")
  })

  test("with --json too, beside the document", () => {
    const { code, stdout, stderr } = alice.run(["list", "--json"])
    expect([code, Object.keys(JSON.parse(stdout) as object)]).toEqual([0, ["secrets"]])
    expect(stderr).toMatch(/^note: accepted as undone here/)
  })

  test("again and again, to and fro", async () => {
    for (let time = 0; time < 3; time++) {
      expect(await alice.read("ci", SECRET)).toBe("one")
      alice.git("reset", "--quiet", "--hard", "ORIG_HEAD")
      expect(await alice.read("ci", SECRET)).toBe("two")
      alice.git("reset", "--quiet", "--hard", "HEAD~1")
    }
  })

  test("what was there before it is not set back", async () => {
    expect(await alice.read("ci", SECRET)).toBe("one")
    alice.git("reset", "--quiet", "--hard", "HEAD~1")
    expect(await alice.read("ci", SECRET)).toContain("canary")
  })
})

describe("undone with a removal in between, and never pushed", () => {
  beforeEach(() => alice.git("fetch", "--quiet"))

  test("changed, removed and made again", async () => {
    await alice.set(SECRET, "one")
    remove()
    await alice.set(SECRET, "again")
    await alice.set(SECRET, "and again")
    expect(await alice.read("ci", SECRET)).toBe("and again")
    alice.git("reset", "--quiet", "--hard", "origin/main")
    expect(note(alice, "get", SECRET, "--agent", "ci")).toMatch(/^0 note: accepted as undone here/)
    expect(await alice.read("ci", SECRET)).toContain("canary")
    await alice.set(SECRET, "goes on")
    expect(await alice.read("ci", SECRET)).toBe("goes on")
  })

  test("removed and made again, twice, and undone a step at a time", async () => {
    for (const value of ["one", "two"]) {
      remove()
      await alice.set(SECRET, value)
      expect(await alice.read("ci", SECRET)).toBe(value)
    }
    alice.git("reset", "--quiet", "--hard", "HEAD~2")
    expect(await alice.read("ci", SECRET)).toBe("one")
    alice.git("rebase", "--quiet", "--onto", "HEAD~2", "HEAD")
    expect(await alice.read("ci", SECRET)).toContain("canary")
  })

  test("made again from scratch, before another's of that name came", async () => {
    const bob = newMachine(arena, "bob", alice)
    await bob.set("stripe/new", "bob's")
    bob.publish()
    for (const value of ["one", "two"]) {
      await alice.set("stripe/new", value)
      expect(await alice.read("ci", "stripe/new")).toBe(value)
      alice.git("reset", "--quiet", "--hard", "HEAD~1")
    }
    alice.pull()
    expect(await alice.read("ci", "stripe/new")).toBe("bob's")
  })

  test("a group that was made again from scratch, before another's of that name came", async () => {
    const bob = newMachine(arena, "bob", alice)
    await bob.set("fresh/new", "bob's")
    await bob.grant("ci", "fresh")
    bob.publish()
    for (const value of ["one", "two", "three"]) {
      await alice.set("fresh/new", value)
      await alice.grant("ci", "fresh")
      expect(await alice.read("ci", "fresh/new")).toBe(value)
      alice.git("reset", "--quiet", "--hard", "HEAD~2")
    }
    alice.pull()
    expect(await alice.read("ci", "fresh/new")).toBe("bob's")
    await alice.set("fresh/new", "goes on")
    expect(await alice.read("ci", "fresh/new")).toBe("goes on")
  })

  test("while others removed and made it, too", async () => {
    const bob = newMachine(arena, "bob", alice)
    remove()
    for (const value of ["one", "two", "three"]) await alice.set(SECRET, value)
    expect(await alice.read("ci", SECRET)).toBe("three")
    expect(bob.code(["rm", SECRET])).toBe("0 ok")
    await bob.set(SECRET, "bob's")
    bob.publish()
    alice.git("fetch", "--quiet")
    alice.git("reset", "--quiet", "--hard", "origin/main")
    expect(await alice.read("ci", SECRET)).toBe("bob's")
  })
})

describe("undone beside a remote", () => {
  let bob: Machine

  beforeEach(async () => {
    bob = newMachine(arena, "bob", alice)
    await bob.set(SECRET, "bob's")
    bob.publish()
    await alice.set(SECRET, "alice's")
    expect(await alice.read("ci", SECRET)).toBe("alice's")
    alice.git("fetch", "--quiet")
  })

  test("git reset --hard origin/main after a conflict", async () => {
    conflict()
    alice.git("reset", "--quiet", "--hard", "origin/main")
    expect(note(alice, "get", SECRET, "--agent", "ci")).toMatch(/^0 note: accepted as undone here/)
    expect(await alice.read("ci", SECRET)).toBe("bob's")
  })

  test("git merge --abort, though the other side was read in the merge", async () => {
    conflict()
    alice.git("checkout", "--quiet", "--theirs", ".")
    expect(await alice.read("ci", SECRET)).toBe("bob's")
    alice.git("merge", "--abort")
    expect(await alice.read("ci", SECRET)).toBe("alice's")
  })

  test("a merge that takes the other side, at the same serial", async () => {
    conflict()
    alice.git("checkout", "--quiet", "--theirs", ".")
    alice.arrive()
    expect(await alice.read("ci", SECRET)).toBe("bob's")
    expect(alice.code(["check", "--history"])).toBe("0 ok")
    expect(await said(alice.set(SECRET, "next"))).toBe("ok")
  })

  test("a rebase, an amended commit and a cherry-pick", async () => {
    alice.git("reset", "--quiet", "--hard", "origin/main")
    await alice.set("stripe/webhook", "one")
    alice.git("commit", "--quiet", "--amend", "-m", "better words")
    await bob.set("db/password", "other")
    bob.publish()
    alice.git("pull", "--quiet", "--rebase")
    expect(await alice.read("ci", "stripe/webhook")).toBe("one")
    alice.git("checkout", "--quiet", "-b", "side", "HEAD~1")
    alice.git("cherry-pick", "main")
    expect(await alice.read("ci", "stripe/webhook")).toBe("one")
    alice.git("reset", "--quiet", "--hard", "HEAD~1")
    expect(await said(alice.read("ci", "stripe/webhook"))).toBe("ok")
  })

  test("in another work tree of the clone", async () => {
    alice.git("worktree", "add", "--quiet", "-b", "tree", "../tree")
    const tree = alice.with({}, `${alice.folder}/tree`)
    await tree.set(SECRET, "in the tree")
    tree.git("reset", "--quiet", "--hard", "HEAD~1")
    expect(await said(tree.set(SECRET, "again"))).toBe("ok")
  })
})

/** Undoes a merge that brought two grants together. */
async function undo(): Promise<void> {
  expect(membersOf(alice)).toEqual(["ci", "deploy", "temp"])
  expect(await alice.read("ci", SECRET)).toContain("canary")
  alice.git("reset", "--quiet", "--hard", "ORIG_HEAD")
  expect(note(alice, "get", SECRET, "--agent", "ci")).toMatch(/^0 note: accepted as undone here/)
}

describe("a merge that signed records anew, undone before it was published", () => {
  beforeEach(async () => {
    const bob = newMachine(arena, "bob", alice)
    await bob.grant("deploy", "stripe")
    bob.publish()
    await alice.grant("temp", "stripe")
    expect(await alice.read("ci", SECRET)).toContain("canary")
  })

  test("by resolve, in a merge of git's", async () => {
    alice.git("fetch", "--quiet")
    conflict()
    expect(alice.code(["resolve"])).toBe("0 ok")
    alice.git("commit", "--quiet", "--no-edit")
    await undo()
  })

  test("by sync, whose push was refused", async () => {
    const hook = join(arena.folder, "origin.git/hooks/pre-receive")
    writeFileSync(hook, "#!/bin/sh\nexit 1\n", { mode: 0o755 })
    // Of a remote that is named by a relative path, and may have come along, no hook runs.
    alice.git("remote", "set-url", "origin", join(arena.folder, "origin.git"))
    alice.git("update-ref", "ORIG_HEAD", "HEAD")
    alice.run(["sync"])
    await undo()
  })
})

describe("a rekey that was undone", () => {
  beforeEach(async () => {
    await alice.revoke("ci", "stripe")
    expect(await alice.tryRead("ci", SECRET)).toBe("NOT_GRANTED")
  })

  test("took nobody's access, and the line says so", async () => {
    alice.git("reset", "--quiet", "--hard", "HEAD~1")
    expect(note(alice, "list")).toContain("stripe has an earlier key again")
    expect(await said(alice.set(SECRET, "sealed to the earlier key"))).toBe("ok")
    expect(await alice.read("ci", SECRET)).toBe("sealed to the earlier key")
  })

  test("still holds while another branch has it", async () => {
    alice.git("branch", "kept")
    alice.git("reset", "--quiet", "--hard", "HEAD~1")
    expect(get()).toBe("0 ok")
    expect(await said(alice.set(SECRET, "leaked?"))).toBe("ROLLED_BACK")
    alice.git("branch", "-D", "kept")
    expect(await said(alice.set(SECRET, "undone"))).toBe("ok")
  })

  test("still holds where the branch that it was made on is gone", async () => {
    alice.git("checkout", "--quiet", "-b", "other", "HEAD~1")
    alice.git("branch", "-D", "main")
    expect(await said(alice.set(SECRET, "leaked?"))).toBe("ROLLED_BACK")
    expect(alice.code(["trust", "--rewind", "--yes"])).toBe("0 ok")
    expect(await said(alice.set(SECRET, "given up"))).toBe("ok")
  })
})

describe("where it is refused", () => {
  beforeEach(async () => {
    await alice.set(SECRET, "published")
    expect(await alice.read("ci", SECRET)).toBe("published")
    alice.git("push", "--quiet", "origin", "main")
    alice.git("reset", "--quiet", "--hard", "HEAD~1")
  })

  test("list and check show the rest", () => {
    const list = alice.run(["list"])
    expect([list.code, list.stdout.match(/^\S+\/\S+/gm)]).toEqual([
      5,
      ["db/password", "stripe/webhook"],
    ])
    expect(list.stderr).toMatch(/ROLLED_BACK: .*api-key\.json was set back.*was published\n/)
    const json = alice.run(["list", "--json"])
    expect([json.code, json.stdout, json.stderr]).toEqual([
      5,
      expect.stringContaining("stripe/webhook"),
      expect.stringContaining("ROLLED_BACK"),
    ])
    const check = alice.run(["check"])
    expect(check.code).toBe(5)
    expect(check.stdout.match(/REFUSED/g)).toHaveLength(1)
    expect(check.stderr).toContain("Checked 3 secrets, 2 groups, 3 agents: 1 finding.")
  })

  test("the hint names one command, which says what it gives up and leads out", () => {
    const { stderr } = alice.run(["get", SECRET, "--agent", "ci"])
    expect(stderr.match(/agent-vault [a-z-]+ .*$/gm)?.at(-1)).toBe("agent-vault trust --rewind")
    expect(alice.run(["trust", "--rewind"]).stderr).toContain("this clone has seen serial 2")
    expect(alice.code(["trust", "--rewind", "--yes"])).toBe("0 ok")
    expect(get()).toBe("0 ok")
  })
})

test("trust --rewind lets go of what was set back, and of nothing else", async () => {
  await alice.set(SECRET, "published")
  await alice.revoke("deploy", "db")
  expect(await alice.read("ci", SECRET)).toBe("published")
  expect(await alice.tryRead("deploy", "db/password")).toBe("NOT_GRANTED")
  alice.git("push", "--quiet", "origin", "main")
  alice.git("checkout", "--quiet", "HEAD~2", "--", ".agent-vault/secrets/stripe")
  alice.arrive()
  expect(alice.code(["trust", "--rewind", "--yes"])).toBe("0 ok")
  expect(get()).toBe("0 ok")
  alice.git("checkout", "--quiet", "HEAD~2", "--", ".agent-vault")
  alice.arrive()
  expect(await alice.tryRead("deploy", "db/password")).toBe("ROLLED_BACK")
})

test("a vault.json that was set back ends no check: the rest is looked at", async () => {
  const owner = signingKey(await alice.ownerIdentity())
  alice.forge("vault.json", { serial: 2 }, owner)
  alice.arrive()
  expect(get()).toBe("0 ok")
  alice.git("checkout", "--quiet", "HEAD~1", "--", ".agent-vault/vault.json")
  alice.put("notes.txt", "stray")
  alice.arrive()
  const { code, stdout } = alice.run(["check"])
  expect([code, stdout]).toEqual([
    5,
    expect.stringMatching(/vault\.json was set back[^]*notes\.txt/),
  ])
})
