import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import {
  type Ran,
  commit,
  everything,
  expectGuarded,
  guard,
  guardWith,
  newRepo,
  root,
  run,
  script,
} from "../hooked.js"
import { pemKey } from "../keys.js"
import type { Repo } from "../repo.js"

function install(repo: Repo): Ran {
  return guardWith(repo, "install", "--push", "--run-hooks")
}

function withRemote(repo: Repo): Repo {
  repo.write(".gitignore", "remote.git\nlines\n")
  repo.commit({ "a.txt": "one\n" })
  repo.git("init", "--quiet", "--bare", "remote.git")
  repo.git("remote", "add", "origin", join(repo.top, "remote.git"))
  return repo
}

function push(repo: Repo): Ran {
  return run(repo, "git", "push", "origin", "main")
}

/** What --no-verify let through is refused, and pushed once it is taken out of the history. */
function expectPushesGuarded(repo: Repo): void {
  repo.stage({ "pushed.pem": pemKey() })
  expect(commit(repo, "--no-verify").code).toBe(0)
  const refused = push(repo)
  expect(refused.said).toContain("pushed.pem:1:1")
  expect(refused.code).not.toBe(0)
  expect(run(repo, "git", "-C", "remote.git", "log", "--all", "-S", "PRIVATE KEY").said).toBe("")
  repo.git("reset", "--quiet", "--hard", "HEAD~1")
  expect(push(repo)).toMatchObject({ code: 0 })
}

describe("the hook of a push", () => {
  test("in plain hooks: twice the same, and without a trace again", () => {
    const repo = withRemote(newRepo())
    expect(guard(repo, "install").said).toContain("agent-vault guard install --push")
    guard(repo, "uninstall")
    const before = everything(repo, ".git/hooks")
    const { code, said } = install(repo)
    expect({ code, said }).toMatchObject({ code: 0 })
    expect(said).toContain("The guard is in .git/hooks/pre-push (hooks)")
    expect(install(repo).said).toContain("already")
    expect(guard(repo, "status").said).toContain(
      "Before a push it looks at what that adds: .git/hooks/pre-push (not tried).",
    )
    expectGuarded(repo)
    expectPushesGuarded(repo)
    expect(push(repo)).toMatchObject({
      code: 0,
      said: expect.stringContaining("up-to-date") as string,
    })
    guard(repo, "uninstall")
    expect(everything(repo, ".git/hooks")).toEqual(before)
  })

  test("after one that is there, which gets the same lines and may stop the push itself", () => {
    const repo = withRemote(newRepo())
    script(repo, ".git/hooks/pre-push", '#!/bin/sh\ncat >lines\necho "$1" >>lines\n')
    const before = everything(repo, ".git/hooks")
    expect(install(repo).code).toBe(0)
    expectPushesGuarded(repo)
    expect(readFileSync(join(repo.top, "lines"), "utf8")).toMatch(
      /^refs\/heads\/main [0-9a-f]{40} refs\/heads\/main 0{40}\norigin\n$/,
    )
    script(repo, ".git/hooks/pre-push.before-agent-vault", "#!/bin/sh\nexit 3\n")
    repo.commit({ "more.txt": "more\n" })
    expect(push(repo).code).not.toBe(0)
    script(
      repo,
      ".git/hooks/pre-push.before-agent-vault",
      '#!/bin/sh\ncat >lines\necho "$1" >>lines\n',
    )
    guard(repo, "uninstall")
    expect(everything(repo, ".git/hooks")).toEqual(before)
  })

  test("that somebody changed is left as it is", () => {
    const repo = withRemote(newRepo())
    install(repo)
    const file = ".git/hooks/pre-push"
    const text = readFileSync(join(repo.top, file), "utf8")
    script(repo, file, `${text}echo more\n`)
    const changed = everything(repo, ".git/hooks")
    expect(install(repo)).toMatchObject({
      code: 6,
      said: expect.stringContaining("EXISTS") as string,
    })
    expect(guard(repo, "uninstall").said).toContain("pre-push.before-agent-vault")
    expect(everything(repo, ".git/hooks")).toEqual(changed)
  })

  test("where no agent-vault is found: the push is stopped, in words of the guard", () => {
    const repo = withRemote(newRepo())
    install(repo)
    const text = readFileSync(join(repo.top, ".git/hooks/pre-push"), "utf8")
    // As in a folder that others get as well, which names no program of this machine.
    script(repo, ".git/hooks/pre-push", text.replace(/^if \[ -f [^]*?\nfi #\n/m, ""))
    Object.assign(repo.env, { PATH: "/usr/bin:/bin" })
    const { code, said } = run(repo, "/usr/bin/env", "git", "push", "origin", "main")
    expect(code).not.toBe(0)
    expect(said).toContain("so this push is stopped")
  })

  test("through husky, around a script of its own", () => {
    const repo = withRemote(newRepo())
    const husky = join(root, "node_modules/husky/bin.js")
    expect(run(repo, process.execPath, husky)).toMatchObject({ code: 0 })
    repo.write(".husky/pre-push", "cat >lines\nexit 0\n")
    const before = everything(repo, ".husky", ".husky/_")
    const { code, said } = install(repo)
    expect({ code, said }).toMatchObject({ code: 0 })
    expect(said).toContain("commit .husky/pre-push, so that it is so for everybody")
    repo.commit({ ".husky/note": "kept\n" })
    expectPushesGuarded(repo)
    expect(readFileSync(join(repo.top, "lines"), "utf8")).toMatch(/^refs\/heads\/main /)
    guard(repo, "uninstall")
    repo.git("rm", "--quiet", ".husky/note")
    expect(everything(repo, ".husky", ".husky/_")).toEqual(before)
  })

  test.each([
    ["lefthook", "lefthook.yml", "use_stdin: true"],
    ["pre-commit", ".pre-commit-config.yaml", "PRE_COMMIT_FROM_REF"],
  ])("is added by hand to %s, and nothing is changed", (_, file, words) => {
    const repo = newRepo()
    repo.write(file, "repos: []\n".slice(file.startsWith("l") ? 10 : 0))
    const before = everything(repo, ".")
    const { code, said } = install(repo)
    expect(code).toBe(2)
    expect(said).toContain(words)
    expect(everything(repo, ".")).toEqual(before)
  })
})
