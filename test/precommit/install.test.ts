import { execFileSync } from "node:child_process"
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  unlinkSync,
} from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { describe, expect, test } from "vitest"
import {
  bundle,
  commit,
  everything,
  expectGuarded,
  guard,
  newRepo,
  run,
  script,
  watched,
} from "./hooked.js"
import { Repo } from "./repo.js"

describe("in plain hooks", () => {
  test("where there was none: guarded, twice the same, and without a trace again", () => {
    const repo = newRepo()
    expect(existsSync(join(repo.top, ".git/hooks"))).toBe(false)
    expect(guard(repo, "status")).toMatchObject({ code: 1 })
    expect(guard(repo, "install")).toMatchObject({ code: 0 })
    const installed = everything(repo, ".git/hooks")
    expect(guard(repo, "install").said).toContain("already")
    expect(everything(repo, ".git/hooks")).toEqual(installed)
    expect(guard(repo, "status")).toMatchObject({ code: 0 })
    expectGuarded(repo)
    expect(guard(repo, "uninstall")).toMatchObject({ code: 0 })
    expect(existsSync(join(repo.top, ".git/hooks"))).toBe(false)
    expect(guard(repo, "uninstall").said).toContain("no guard")
  })

  test("after a hook that ends with `exit 0`, or by `exec`, and that may stop a commit itself", () => {
    for (const end of ["exit 0", "exec true", "exec node -e 0"]) {
      const repo = newRepo()
      script(repo, ".git/hooks/pre-commit", `#!/bin/sh\necho "the other ran" >&2\n${end}\n`)
      const before = everything(repo, ".git/hooks")
      expect(guard(repo, "install").code).toBe(0)
      expectGuarded(repo)
      repo.stage({ "more.txt": "more\n" })
      expect(commit(repo).said).toContain("the other ran")
      script(repo, ".git/hooks/pre-commit.before-agent-vault", "#!/bin/sh\nexit 3\n")
      repo.stage({ "again.txt": "again\n" })
      expect(commit(repo).code).not.toBe(0)
      script(
        repo,
        ".git/hooks/pre-commit.before-agent-vault",
        `#!/bin/sh\necho "the other ran" >&2\n${end}\n`,
      )
      guard(repo, "uninstall")
      expect(everything(repo, ".git/hooks")).toEqual(before)
    }
  })

  test("nothing runs that the repository brings along", () => {
    const repo = newRepo()
    expect(guard(repo, "install").code).toBe(0)
    for (const name of ["agent-vault", "node", "git"]) {
      script(repo, `node_modules/.bin/${name}`, "#!/bin/sh\nexit 0\n")
    }
    expect(guard(repo, "status").code).toBe(0)
    expectGuarded(repo)
  })

  test("it goes also from where it was before git was led elsewhere, from under any path", () => {
    const top = join(newRepo().top, `it's "a"\n$(touch x) $HOME`)
    mkdirSync(top)
    const repo = new Repo(top)
    Object.assign(repo.env, { PATH: process.env["PATH"] })
    repo.git("init", "--quiet", "--template=", "-b", "main")
    cpSync(join(bundle, "cli"), join(top, "cli"), { recursive: true })
    const own = (action: string) =>
      run(repo, process.execPath, join(top, "cli/bin.cjs"), "guard", action)
    expect(own("install")).toMatchObject({ code: 0 })
    expectGuarded(repo)
    repo.git("config", "core.hooksPath", "hooks")
    expect(own("uninstall")).toMatchObject({ code: 0 })
    expect(existsSync(join(top, ".git/hooks"))).toBe(false)
  })

  test("lines that were added to the hook are not lost", () => {
    const repo = newRepo()
    guard(repo, "install")
    const hook = join(repo.top, ".git/hooks/pre-commit")
    const text = readFileSync(hook, "utf8")
    const [shebang = "", ...rest] = text.split("\n")
    const edited = [shebang, ...rest.slice(0, 3), "echo linted", ...rest.slice(3)].join("\n")
    script(repo, ".git/hooks/pre-commit", edited)
    for (const action of ["install", "uninstall"]) {
      const { code, said } = guard(repo, action)
      expect({ code, said }).toMatchObject({
        code: 6,
        said: expect.stringContaining("was edited") as string,
      })
      expect(readFileSync(hook, "utf8")).toBe(edited)
    }
    expectGuarded(repo)
    script(repo, ".git/hooks/pre-commit", text.replaceAll("\n", "\r\n").replace("\r", ""))
    expect(guard(repo, "uninstall").code).toBe(0)
  })

  test("beside a hook that is a link, in another language, or may not be run", () => {
    const repo = newRepo()
    script(repo, "tools/check.mjs", `#!/usr/bin/env node\nconsole.error("the other ran")\n`)
    mkdirSync(join(repo.top, ".git/hooks"))
    symlinkSync("../../tools/check.mjs", join(repo.top, ".git/hooks/pre-commit"))
    const before = everything(repo, ".git/hooks")
    expect(guard(repo, "install").code).toBe(0)
    repo.stage({ "a.txt": "a\n" })
    expect(commit(repo)).toMatchObject({
      code: 0,
      said: expect.stringContaining("the other ran") as string,
    })
    expectGuarded(repo)
    guard(repo, "uninstall")
    expect(everything(repo, ".git/hooks")).toEqual(before)

    chmodSync(join(repo.top, "tools/check.mjs"), 0o644)
    guard(repo, "install")
    repo.stage({ "b.txt": "b\n" })
    expect(commit(repo).said).not.toContain("the other ran")
  })

  test("in a folder that core.hooksPath of the repository names", () => {
    const repo = newRepo()
    repo.git("config", "core.hooksPath", "tools/hooks")
    script(repo, "tools/hooks/pre-commit", "#!/bin/sh\nexit 0\n")
    expect(guard(repo, "install").code).toBe(0)
    expectGuarded(repo)
    guard(repo, "uninstall")
    expect(readdirSync(join(repo.top, "tools/hooks"))).toEqual(["pre-commit"])
  })

  test("not in a folder of all repositories", () => {
    const repo = newRepo()
    const config = join(repo.top, "global")
    repo.write(
      "global",
      `[core]\n\thooksPath = ${repo.top}/shared\n[user]\n\tname = a\n\temail = a@b\n`,
    )
    Object.assign(repo.env, { GIT_CONFIG_GLOBAL: config })
    expect(guard(repo, "install")).toMatchObject({ code: 2 })
    expect(existsSync(join(repo.top, "shared"))).toBe(false)
  })

  test("for all work trees of a clone", () => {
    const repo = newRepo()
    repo.commit({ "a.txt": "a\n" })
    const tree = watched(new Repo(`${repo.top}-tree`))
    repo.git("worktree", "add", "--quiet", tree.top, "-b", "other")
    expect(guard(tree, "install").code).toBe(0)
    expectGuarded(tree)
    expectGuarded(repo)
    expect(guard(repo, "status").code).toBe(0)
  })

  test("where agent-vault is not on PATH: as it was installed; and if it is gone, nothing is committed", () => {
    const node = dirname(process.execPath)
    const git = execFileSync("sh", ["-c", "dirname $(command -v git)"], { encoding: "utf8" }).trim()
    const repo = newRepo([node, git, "/bin", "/usr/bin"].join(delimiter))
    expect(guard(repo, "install").code).toBe(0)
    expectGuarded(repo)
    const hook = readFileSync(join(repo.top, ".git/hooks/pre-commit"), "utf8")
    script(repo, ".git/hooks/pre-commit", hook.replaceAll(bundle, "/nowhere"))
    repo.stage({ "b.txt": "b\n" })
    const stopped = commit(repo)
    expect(stopped.code).not.toBe(0)
    expect(stopped.said).toContain("agent-vault was not found, so this commit is stopped")
    expect(guard(repo, "status")).toMatchObject({ code: 1 })
  })

  test("in a folder that is not there yet, for everybody: without this machine's paths, or a trace", () => {
    const repo = newRepo()
    repo.git("config", "core.hooksPath", "tools/git/hooks")
    const { code, said } = guard(repo, "install")
    expect(code).toBe(0)
    expect(said).toContain("commit tools/git/hooks/pre-commit")
    expect(readFileSync(join(repo.top, "tools/git/hooks/pre-commit"), "utf8")).not.toContain(bundle)
    expectGuarded(repo)
    guard(repo, "uninstall")
    expect(existsSync(join(repo.top, "tools"))).toBe(false)

    mkdirSync(join(repo.top, "tools/mine"), { recursive: true })
    guard(repo, "install")
    guard(repo, "uninstall")
    expect(readdirSync(join(repo.top, "tools"))).toEqual(["mine"])
  })

  test("in a hook of ours that may not be run any more: mended", () => {
    const repo = newRepo()
    guard(repo, "install")
    chmodSync(join(repo.top, ".git/hooks/pre-commit"), 0o644)
    expect(guard(repo, "status").code).toBe(1)
    expect(guard(repo, "install").code).toBe(0)
    expectGuarded(repo)
  })

  test("status leaves the repository as it is", () => {
    const repo = newRepo()
    repo.commit({ "a.txt": "a\n" })
    guard(repo, "install")
    repo.stage({ "b.txt": "b\n" })
    repo.write("a.txt", "changed\n")
    repo.write("c.txt", "new\n")
    const state = (): string =>
      [
        repo.git("status", "--porcelain"),
        repo.git("count-objects", "-v"),
        readFileSync(join(repo.top, ".git/index")).toString("hex"),
      ].join("\n")
    const before = state()
    expect(guard(repo, "status").code).toBe(0)
    expect(state()).toBe(before)
  })
})

test("a configuration that is a link is not followed", () => {
  const repo = newRepo()
  repo.write("elsewhere.yaml", "repos:\n")
  symlinkSync("elsewhere.yaml", join(repo.top, ".pre-commit-config.yaml"))
  expect(guard(repo, "install")).toMatchObject({ code: 5 })
  expect(readFileSync(join(repo.top, "elsewhere.yaml"), "utf8")).toBe("repos:\n")
  unlinkSync(join(repo.top, ".pre-commit-config.yaml"))
})
