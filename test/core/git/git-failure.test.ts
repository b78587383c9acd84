import { chownSync } from "node:fs"
import { join } from "node:path"
import { getuid } from "node:process"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { findCheckout } from "../../../src/core/disk/place.js"
import { openGit } from "../../../src/core/git/git.js"
import { runQuickly } from "../../../src/core/git/git-quick.js"
import { VaultError } from "../../../src/core/words/errors.js"
import { guard } from "../../../src/precommit/run-guard.js"
import { type World, emptyWorld } from "../world.js"

/** Nobody's. Only root may give a repository away; elsewhere the test is left out. */
const OTHER = 54_321

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

describe("both runners say the same", () => {
  test.skipIf(getuid?.() !== 0)("of a repository of another user (needs root)", async () => {
    for (const path of ["", ".git"]) chownSync(join(world.top, path), OTHER, OTHER)
    const [one, other] = await bothSay()
    expect(one).toEqual({
      code: "GIT_FAILED",
      message: "git rev-parse: the repository belongs to another user, so git refuses it",
      hint: expect.stringMatching(/^git config --global --add safe\.directory \S+$/) as string,
    })
    expect(other).toEqual(one)
  })

  test.skipIf(getuid?.() !== 0)("and the guard of a range there (needs root)", async () => {
    for (const path of ["", ".git"]) chownSync(join(world.top, path), OTHER, OTHER)
    const request = { subject: { is: "range", range: "main~..main" }, form: "people" } as const
    const surroundings = { cwd: world.top, env: world.env, version: "1.2.3" }
    const output = { write: () => Promise.resolve(), say: () => {} }
    await expect(guard({ ...request, ...surroundings, ...output })).rejects.toMatchObject({
      message: "git rev-parse: the repository belongs to another user, so git refuses it",
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
