import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import {
  type Arena,
  type Machine,
  copyArena,
  giveKey,
  makeArena,
  newMachine,
  said,
} from "./arena.js"

// Whoever controls a remote moves what this clone knows of it, by each fetch. What was published
// once must not pass for what was never published, and so be set back.

let stage: Arena
let arena: Arena
let alice: Machine

beforeAll(async () => {
  stage = await makeArena()
})
afterAll(() => stage.remove())
beforeEach(async () => {
  arena = copyArena(stage)
  alice = arena.alice
  alice.git("fetch", "--quiet")
  await alice.revoke("ci", "stripe")
})
afterEach(() => arena.remove())

/** What the owner's clone says once the revoke is gone from its branch. */
async function afterReset(to = "HEAD~1"): Promise<string> {
  alice.git("reset", "--quiet", "--hard", to)
  const reads = await alice.tryRead("ci", "stripe/api-key")
  const seals = await said(alice.set("stripe/api-key", "leaked?"))
  return `${reads} ${seals}`
}

const REFUSED = "ROLLED_BACK ROLLED_BACK"

/** Makes the remote forget: its branch is where it was before. */
function forget(branch = "main", to = "HEAD~1"): void {
  const old = alice.git("rev-parse", to)
  const remote = `${arena.folder}/origin.git`
  alice.git(`--git-dir=${remote}`, "update-ref", `refs/heads/${branch}`, old)
}

/** Makes the remote delete a branch. */
function deleteThere(branch: string): void {
  const remote = `${arena.folder}/origin.git`
  alice.git(`--git-dir=${remote}`, "update-ref", "-d", `refs/heads/${branch}`)
}

test("the control: what was never pushed is let go", async () => {
  expect(await afterReset()).toMatch(/^canary.* ok$/)
})

describe("what was pushed is not let go", () => {
  test("while the remote still has it", async () => {
    alice.git("push", "--quiet", "origin", "main")
    expect(await afterReset()).toBe(REFUSED)
  })

  test("after the remote was forced back, and fetched", async () => {
    alice.git("push", "--quiet", "origin", "main")
    forget()
    alice.git("fetch", "--quiet")
    expect(await afterReset("origin/main")).toBe(REFUSED)
  })

  test("in another commit: amended, rebased or squashed", async () => {
    alice.git("commit", "--quiet", "--amend", "-m", "in other words")
    alice.git("push", "--quiet", "origin", "main")
    forget()
    alice.git("fetch", "--quiet")
    expect(await afterReset("origin/main")).toBe(REFUSED)
  })

  test("at another place of the work tree, to which it was moved", async () => {
    mkdirSync(join(alice.top, "app"))
    alice.git("mv", ".agent-vault", "app/.agent-vault")
    alice.git("commit", "--quiet", "--amend", "-m", "tidied up")
    alice.git("push", "--quiet", "origin", "main")
    expect(await afterReset()).toBe(REFUSED)
  })

  test("to another branch, which was deleted and pruned", async () => {
    alice.git("push", "--quiet", "origin", "main:review")
    deleteThere("review")
    alice.git("fetch", "--quiet", "--prune")
    expect(await afterReset()).toBe(REFUSED)
  })

  test("to another branch, which was pruned while a new one came", async () => {
    alice.git("config", "fetch.prune", "true")
    alice.git("push", "--quiet", "origin", "main:review")
    deleteThere("review")
    forget("decoy")
    alice.git("fetch", "--quiet")
    expect(await afterReset()).toBe(REFUSED)
  })

  test("to the branch, which was deleted, pruned and made anew", async () => {
    alice.git("push", "--quiet", "origin", "main")
    deleteThere("main")
    alice.git("fetch", "--quiet", "--prune")
    forget()
    alice.git("fetch", "--quiet")
    expect(await afterReset("origin/main")).toBe(REFUSED)
  })

  test("when the remote is removed, or removed and added again", async () => {
    alice.git("push", "--quiet", "origin", "main")
    const url = alice.git("config", "remote.origin.url")
    alice.git("remote", "remove", "origin")
    expect(await afterReset()).toBe(REFUSED)
    forget()
    alice.git("remote", "add", "origin", url)
    alice.git("fetch", "--quiet", "origin")
    expect(await afterReset("origin/main")).toBe(REFUSED)
  })

  test("when the logs were cut, or are off", async () => {
    alice.git("push", "--quiet", "origin", "main")
    forget()
    alice.git("fetch", "--quiet")
    alice.git("reflog", "expire", "--expire=now", "--all")
    expect(await afterReset("origin/main")).toBe(REFUSED)
  })

  test("when a push leaves no trace: no logs, or a remote that is not tracked", async () => {
    alice.git("config", "core.logAllRefUpdates", "false")
    expect(await afterReset()).toBe(REFUSED)
    alice.git("config", "--unset", "core.logAllRefUpdates")
    alice.git("config", "remote.origin.fetch", "+refs/heads/main:refs/remotes/origin/main")
    expect(await afterReset("HEAD")).toBe(REFUSED)
    alice.git("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    alice.git("config", "remote.mirror.url", "../../mirror.git")
    expect(await afterReset("HEAD")).toBe(REFUSED)
    alice.git("config", "--remove-section", "remote.mirror")
    expect(await afterReset("HEAD")).toMatch(/ ok$/)
  })

  test("after the refs were packed", async () => {
    alice.git("push", "--quiet", "origin", "main")
    alice.git("pack-refs", "--all")
    forget()
    alice.git("fetch", "--quiet")
    alice.git("pack-refs", "--all")
    expect(await afterReset("origin/main")).toBe(REFUSED)
  })
})

test("what another clone of the same user fetched from this one is not let go", async () => {
  const other = alice.with({}, `${alice.folder}/other`)
  alice.git("clone", "--quiet", alice.top, other.top)
  expect(await other.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
  expect(await afterReset()).toBe(REFUSED)
})

test("what was published before the undone change still counts", async () => {
  alice.git("push", "--quiet", "origin", "main")
  await alice.set("stripe/api-key", "never pushed")
  expect(await alice.read("deploy", "db/password")).toContain("canary")
  forget("main", "HEAD~2")
  alice.git("fetch", "--quiet")
  expect(await afterReset("origin/main")).toBe(REFUSED)
})

test("a commit on top that takes an unpublished change back is a setback for everybody", async () => {
  alice.git("revert", "--no-edit", "HEAD")
  expect(await alice.tryRead("ci", "stripe/api-key")).toBe("ROLLED_BACK")
  expect(alice.code(["check", "--history"])).toMatch(/^5 /)
})

test("what a remote brings cannot be undone as if it were made here", async () => {
  alice.git("push", "--quiet", "origin", "main")
  const laptop = newMachine(arena, "laptop", alice)
  giveKey(alice, laptop, "ci")
  await laptop.set("db/password", "made on the laptop")
  expect(await laptop.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
  laptop.git("reset", "--quiet", "--hard", "HEAD~2")
  expect(await laptop.tryRead("ci", "stripe/api-key")).toBe("ROLLED_BACK")
})

describe("what follows a removal is let go, and the removal is not", () => {
  const SECRET = "stripe/webhook"
  const published: readonly [string, () => Promise<void>][] = [
    ["a removal", () => removeAndPush("HEAD:main")],
    ["a removal, to another branch", () => removeAndPush("HEAD:review")],
    [
      "a removal, squashed with the change before it",
      async () => {
        await alice.set(SECRET, "one")
        remove()
        const tree = alice.git("rev-parse", "HEAD^{tree}")
        const squashed = alice.git("commit-tree", tree, "-p", "HEAD~2", "-m", "squashed")
        alice.git("push", "--quiet", "origin", `${squashed}:refs/heads/main`)
      },
    ],
    [
      "the removal that another one made meanwhile",
      async () => {
        remove()
        const laptop = newMachine(arena, "laptop", alice)
        expect(laptop.code(["rm", SECRET])).toBe("0 ok")
        laptop.publish()
        alice.git("fetch", "--quiet")
        return Promise.resolve()
      },
    ],
    [
      "a removal that was there before one was made here",
      async () => {
        const laptop = newMachine(arena, "laptop", alice)
        expect(laptop.code(["rm", SECRET])).toBe("0 ok")
        laptop.publish()
        alice.git("fetch", "--quiet")
        remove()
        return Promise.resolve()
      },
    ],
    [
      "a change before the removal",
      async () => {
        await alice.set(SECRET, "published")
        alice.git("push", "--quiet", "origin", "HEAD:main")
        remove()
      },
    ],
  ]
  let start: string

  beforeEach(async () => {
    await alice.grant("deploy", "stripe")
    alice.git("push", "--quiet", "origin", "main")
    start = alice.git("rev-parse", "HEAD")
  })

  function remove(): void {
    expect(alice.code(["rm", SECRET])).toBe("0 ok")
  }

  function removeAndPush(refspec: string): Promise<void> {
    remove()
    alice.git("push", "--quiet", "origin", refspec)
    return Promise.resolve()
  }

  /** Makes the secret anew, reads it, and goes back to before it all, as the remote does. */
  async function makeAndGoBack(): Promise<string> {
    await alice.set(SECRET, "made anew")
    expect(await alice.read("deploy", SECRET)).toBe("made anew")
    for (const branch of ["main", "review"]) forget(branch, start)
    alice.git("fetch", "--quiet")
    alice.git("reset", "--quiet", "--hard", "origin/main")
    return alice.tryRead("deploy", SECRET)
  }

  test("the control: what was never pushed is let go", async () => {
    remove()
    expect(await makeAndGoBack()).toContain("canary")
  })

  test.each(published)("%s was published", async (_, publish) => {
    await publish()
    expect(await makeAndGoBack()).toBe("ROLLED_BACK")
  })
})
