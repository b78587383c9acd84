import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { findCheckout } from "../../../src/core/disk/place.js"
import { gitFailure } from "../../../src/core/git/git-failure.js"
import { openGit } from "../../../src/core/git/git.js"
import { readBlobs } from "../../../src/core/git/git-objects.js"
import { runQuickly } from "../../../src/core/git/git-quick.js"
import { VaultError } from "../../../src/core/words/errors.js"
import { guard } from "../../../src/precommit/run-guard.js"
import { gitThat } from "../processes.js"
import { type World, emptyWorld } from "../world.js"

let world: World

beforeEach(() => {
  world = emptyWorld()
})
afterEach(() => world.remove())

/** What both runners say of the same git: the one for changes, and the one for the guard. */
async function bothSay(env = world.env): Promise<readonly object[]> {
  const checkout = findCheckout(world.top)
  if (checkout === undefined) throw new Error("there is a repository")
  return Promise.all(
    [openGit(checkout, env), runQuickly(world.top, env, ["rev-parse", "--show-toplevel"])].map(
      (work: Promise<unknown>) =>
        work.then(
          () => ({ code: "none" }),
          (error: unknown) => {
            if (!(error instanceof VaultError)) throw error
            const { code, message, hint } = error
            return { code, message, hint }
          },
        ),
    ),
  )
}

/** A machine whose git takes every repository for another user's: Git tests itself in this way. */
function amongOthers(): World["env"] {
  return { ...world.env, PATH: gitThat(world, "export GIT_TEST_ASSUME_DIFFERENT_OWNER=1") }
}

test.each([
  ["a path", "/srv/repo", "/srv/repo"],
  ["one that git quotes", "'/srv/a repo'", "'/srv/a repo'"],
  ["all repositories", "'*'", undefined],
  ["another command after it", "/srv/repo; touch x", undefined],
  ["one in its place", "$(touch x)", undefined],
  ["one behind a quote", "'/srv/repo'; touch x", undefined],
])(
  "a line to type is taken from what git says only for %s, and of no remote",
  (_what, word, taken) => {
    const line = "git config --global --add safe.directory"
    const said = `fatal: detected dubious ownership in repository\n\t${line} ${word}\n`
    const none = "solve what git reports, then repeat the command"
    const { hint } = gitFailure(["rev-parse"], new Error(said))
    expect(hint).toBe(taken === undefined ? none : `${line} ${taken}`)
    for (const command of ["fetch", "push"]) {
      const args = ["-c", "a.b=c", command, "origin"]
      expect(gitFailure(args, new Error(said)).hint).toBe(none)
    }
  },
)

describe("both runners say the same", () => {
  test("of a repository of another user", async () => {
    const [one, other] = await bothSay(amongOthers())
    expect(one).toEqual({
      code: "GIT_FAILED",
      message: "git rev-parse: the repository belongs to another user, so git refuses it",
      hint: expect.stringMatching(/^git config --global --add safe\.directory \S+$/) as string,
    })
    expect(other).toEqual(one)
  })

  test("and the guard of a range there", async () => {
    const request = { subject: { is: "range", range: "main~..main" }, form: "people" } as const
    const surroundings = { cwd: world.top, env: amongOthers(), version: "1.2.3" }
    const output = { write: () => Promise.resolve(), say: () => {} }
    await expect(guard({ ...request, ...surroundings, ...output })).rejects.toMatchObject({
      // It starts two gits at once: either may be refused first.
      message: expect.stringMatching(
        /^git [a-z-]+: the repository belongs to another user, so git refuses it$/,
      ) as string,
      hint: expect.stringMatching(/^git config --global --add safe\.directory \S+$/) as string,
    })
  })

  test("of a configuration that is broken, with no control character", async () => {
    world.git("config", "core.repositoryFormatVersion", "99")
    const [one, other] = await bothSay()
    expect(one).toMatchObject({ code: "GIT_FAILED" })
    expect(other).toEqual(one)
    expect(JSON.stringify(one)).not.toMatch(/\\[tnr]|\\u00/)
  })

  test("where there is no git", async () => {
    const [one, other] = await bothSay({ ...world.env, PATH: world.folder })
    expect(one).toMatchObject({ code: "NO_GIT" })
    expect(other).toEqual(one)
  })
})

test("tables of refs that stay locked are told with the lock to remove", () => {
  const said = "fatal: update_ref failed for ref 'refs/heads/main': cannot lock references"
  expect(gitFailure(["update-ref", "refs/heads/main"], new Error(said))).toMatchObject({
    code: "GIT_FAILED",
    message: "git update-ref: the tables that hold refs are locked",
    hint: expect.stringContaining("remove reftable/tables.list.lock") as string,
  })
})

/** Git 2.47 and 2.55 say no more of such an object than that it is missing. */
test.each([
  ["a partial clone", "remote.origin.promisor", /^this is a partial clone/, /--no-filter/],
  [
    "any other clone",
    "remote.origin.prune",
    /^git has no blob 0{40}$/,
    /^see what else is missing/,
  ],
])("an object that %s lacks is told with what brings it", async (_what, key, message, hint) => {
  world.git("config", key, "true")
  const answer =
    'case " $* " in *" --batch "*) while read name; do echo "$name missing"; done; exit;; esac'
  const checkout = findCheckout(world.top)
  if (checkout === undefined) throw new Error("there is a repository")
  const git = await openGit(checkout, { ...world.env, PATH: gitThat(world, answer) })
  await expect(readBlobs(git, ["0".repeat(40)])).rejects.toMatchObject({
    code: "GIT_FAILED",
    message: expect.stringMatching(message) as string,
    hint: expect.stringMatching(hint) as string,
  })
})

test("a partial clone is told as that, with the command that completes it", async () => {
  const [top, origin] = [join(world.folder, "partial"), join(world.folder, "origin.git")]
  world.commit("file", "first")
  world.commit("file", "second")
  world.git("clone", "-q", "--bare", world.top, origin)
  world.git("-C", origin, "config", "uploadpack.allowFilter", "true")
  world.git("clone", "-q", "--filter=blob:none", `file://${origin}`, top)
  const checkout = findCheckout(top)
  if (checkout === undefined) throw new Error("there is a clone")
  const git = await openGit(checkout, world.env)
  const before = (await git.run(["rev-parse", "HEAD~1:file"])).toString("utf8").trim()
  await expect(readBlobs(git, [before])).rejects.toMatchObject({
    code: "GIT_FAILED",
    message: expect.stringMatching(/this is a partial clone, which lacks objects/) as string,
    hint: "fetch them, once: git fetch --refetch --no-filter; then repeat the command",
  })
})
