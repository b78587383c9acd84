import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { findCheckout } from "../../../src/core/disk/place.js"
import { type Git, openGit } from "../../../src/core/git/git.js"
import { authorship } from "../../../src/core/git/git-commit.js"
import { commitOf } from "../../../src/core/git/git-objects.js"
import { type World, emptyWorld } from "../world.js"

// What needs no git, or fewer than it seems, must come to what Git says.

let world: World
beforeEach(() => {
  world = emptyWorld()
  world.commit("README.md")
})
afterEach(() => world.remove())

/** The repository, and the commands of the gits that it was asked by. */
async function asked(env = {}): Promise<{ git: Git; commands: string[] }> {
  const checkout = findCheckout(world.top)
  if (checkout === undefined) throw new Error("the world has a work tree")
  const git = await openGit(checkout, { ...world.env, ...env })
  const commands: string[] = []
  const run: Git["run"] = (args, options) => {
    commands.push(args.join(" "))
    return git.run(args, options)
  }
  return { git: { ...git, run }, commands }
}

/** Whom Git would name, without the time. */
function told(variable: string, env: object): string {
  return world
    .with({ ...env })
    .git("var", variable)
    .replace(/ \d+ /, " ")
}

describe("the commit of a branch", () => {
  const BRANCH = "refs/heads/main"

  test("is what the branch's own file says, before what is packed", async () => {
    const { git, commands } = await asked()
    const first = world.git("rev-parse", "HEAD")
    expect(await commitOf(git, BRANCH)).toBe(first)
    world.git("pack-refs", "--all")
    world.commit("more.md")
    const second = world.git("rev-parse", "HEAD")
    expect([second === first, await commitOf(git, BRANCH)]).toEqual([false, second])
    expect(commands).toEqual([])
  })

  test("is asked for where it is packed, or there is none", async () => {
    const { git, commands } = await asked()
    world.git("pack-refs", "--all")
    expect(await commitOf(git, BRANCH)).toBe(world.git("rev-parse", "HEAD"))
    expect(await commitOf(git, "refs/heads/none")).toBeUndefined()
    expect(commands).toHaveLength(2)
  })

  test("is asked for where the file is a link, names another ref, or is none of Git's", async () => {
    const { git, commands } = await asked()
    const heads = join(world.top, ".git/refs/heads")
    const commit = world.git("rev-parse", "HEAD")
    world.git("symbolic-ref", "refs/heads/other", BRANCH)
    expect(await commitOf(git, "refs/heads/other")).toBe(commit)
    renameSync(join(heads, "main"), join(heads, "aside"))
    symlinkSync("aside", join(heads, "main"))
    expect(await commitOf(git, BRANCH)).toBe(commit)
    mkdirSync(join(heads, "folder"))
    expect(await commitOf(git, "refs/heads/folder")).toBeUndefined()
    writeFileSync(join(heads, "zeros"), `${"0".repeat(40)}\n`)
    expect(await commitOf(git, "refs/heads/zeros")).toBeUndefined()
    writeFileSync(join(world.top, ".git/stray"), `${commit}\n`)
    expect(await commitOf(git, "refs/heads/../../stray")).toBeUndefined()
    expect(commands).toHaveLength(5)
  })
})

describe("author and committer", () => {
  const AUTHOR = { GIT_AUTHOR_NAME: "A", GIT_AUTHOR_EMAIL: "a@example.com" }

  test.each([
    ["nothing but the user", {}, [], 1],
    ["the author's variables", AUTHOR, [], 2],
    ["the author's date", { GIT_AUTHOR_DATE: "1700000000 +0100" }, [], 2],
    ["a setting for the committer", {}, ["committer.name", "C"], 2],
    ["a setting for the author", {}, ["author.email", "a@example.com"], 2],
  ])("are as Git has them, told by %s", async (_what, env, setting, most) => {
    const same = { GIT_AUTHOR_NAME: undefined, GIT_AUTHOR_EMAIL: undefined }
    const none = { ...same, GIT_COMMITTER_NAME: undefined, GIT_COMMITTER_EMAIL: undefined }
    world.git("config", "user.name", "U")
    world.git("config", "user.email", "u@example.com")
    if (setting.length > 0) world.git("config", ...setting)
    const { git, commands } = await asked({ ...none, ...env })
    const { author, committer } = await authorship(git)
    const names = [author, committer].map((who) => who.replace(/ \d+ /, " "))
    expect(names).toEqual([
      told("GIT_AUTHOR_IDENT", { ...none, ...env }),
      told("GIT_COMMITTER_IDENT", { ...none, ...env }),
    ])
    expect(commands).toHaveLength(most)
  })
})
