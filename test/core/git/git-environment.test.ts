import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { findCheckout } from "../../../src/core/disk/place.js"
import { gitProgram } from "../../../src/core/git/git-environment.js"
import { runQuickly } from "../../../src/core/git/git-quick.js"
import { type Git, openGit } from "../../../src/core/git/git.js"
import { type World, emptyWorld } from "../world.js"

let world: World

beforeEach(() => {
  world = emptyWorld()
})
afterEach(() => world.remove())

/** What desktops, Termux, make and shells set. */
const USUAL = {
  SSH_ASKPASS: "/usr/bin/ssh-askpass",
  PREFIX: "/usr",
  PAGER: "less",
  pager: "less",
  editor: "vi",
  Visual: "vi",
  EDITOR: "vi",
}

function gitWith(env: Readonly<Record<string, string>>): Promise<Git> {
  const checkout = findCheckout(world.top)
  if (checkout === undefined) throw new Error("there is a repository")
  return openGit(checkout, { ...world.env, ...env })
}

test("variables that the library for git refuses keep nobody from a git", async () => {
  const git = await gitWith(USUAL)
  expect((await git.run(["rev-parse", "--is-inside-work-tree"])).toString("utf8")).toBe("true\n")
  expect((await git.run(["ls-remote", world.top], { network: true })).toString("utf8")).toBe("")
})

test("a program that asks for a passphrase is the user's own choice where git talks to a remote", async () => {
  const seen = join(world.top, "seen")
  const tell = `printenv SSH_ASKPASS PREFIX > '${seen}'; exit 1; :`
  const git = await gitWith({ ...USUAL, GIT_SSH_COMMAND: tell, GIT_SSH_VARIANT: "simple" })
  const asking = git.run(["ls-remote", "ssh://host.invalid/vault"], { network: true })
  await expect(asking).rejects.toMatchObject({ code: "GIT_FAILED" })
  expect(readFileSync(seen, "utf8")).toBe("/usr/bin/ssh-askpass\n/usr\n")
})

test("on Windows git is one of PATH by its path, and none of the work tree", () => {
  const bin = join(world.folder, "bin")
  mkdirSync(bin)
  for (const folder of [world.top, bin]) {
    writeFileSync(join(folder, "git.exe"), "", { mode: 0o755 })
  }
  const here = relative(process.cwd(), world.top)
  expect(gitProgram({ Path: `:${here}:${bin}` }, "win32")).toBe(join(bin, "git.exe"))
  expect(gitProgram({ Path: here }, "win32")).toBe("git.exe?")
  expect(gitProgram({ PATH: bin }, "linux")).toBe("git")
})

test("no graft of a clone hides commits", async () => {
  const commit = ["commit", "--quiet", "--allow-empty", "-m"]
  for (const message of ["first", "second"]) world.git(...commit, message)
  const every = world.git("rev-list", "--count", "HEAD").trim()
  const info = join(world.top, ".git/info")
  mkdirSync(info, { recursive: true })
  writeFileSync(join(info, "grafts"), `${world.git("rev-parse", "HEAD").trim()}\n`)
  expect(world.git("rev-list", "--count", "HEAD").trim()).toBe("1")
  const count = ["rev-list", "--count", "HEAD"]
  const git = await gitWith({})
  expect((await git.run(count)).toString("utf8").trim()).toBe(every)
  expect((await runQuickly(world.top, world.env, count)).toString("utf8").trim()).toBe(every)
})
