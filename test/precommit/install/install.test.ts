import { execFileSync, spawnSync } from "node:child_process"
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
import { delimiter, join } from "node:path"
import { devNull } from "node:os"
import { getuid } from "node:process"
import { describe, expect, test } from "vitest"
import {
  bundle,
  commit,
  everything,
  expectGuarded,
  guard,
  newRepo,
  root,
  run,
  script,
  watched,
} from "../hooked.js"
import { Repo } from "../repo.js"

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
    expect(guard(repo, "uninstall").said).toContain("No guard was installed in")
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
        said: expect.stringContaining("somebody has changed it") as string,
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
    useGlobalHooks(repo)
    expect(guard(repo, "install")).toMatchObject({ code: 2 })
    expect(existsSync(join(repo.top, "shared"))).toBe(false)
  })

  test("in a folder of all repositories, by hand: status tries it, uninstall takes what is here", () => {
    const repo = newRepo()
    guard(repo, "install")
    useGlobalHooks(repo)
    const without = guard(repo, "status")
    expect(without.code).toBe(1)
    expect(without.said).toContain("shared/pre-commit by hand")
    script(repo, "shared/pre-commit", "#!/bin/sh\nagent-vault guard\n")
    expect(guard(repo, "status").code).toBe(0)
    const gone = guard(repo, "uninstall")
    expect(gone.said).toContain("gone from .git/hooks/pre-commit")
    expect(gone.said).toContain("would be stopped")
    expect(gone.said).toContain("shared/pre-commit")
    expect(gone.code).toBe(1)
    expect(existsSync(join(repo.top, ".git/hooks"))).toBe(false)
    expect(existsSync(join(repo.top, "shared/pre-commit"))).toBe(true)
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
    const repo = newRepo(process.env["PATH"])
    expect(guard(repo, "install").code).toBe(0)
    expectGuarded(repo)
    const hook = readFileSync(join(repo.top, ".git/hooks/pre-commit"), "utf8")
    script(repo, ".git/hooks/pre-commit", hook.replaceAll(bundle, "/nowhere"))
    repo.stage({ "b.txt": "b\n" })
    const stopped = commit(repo)
    expect(stopped.code).not.toBe(0)
    expect(stopped.said).toContain("was not found, so this commit is stopped")
    expect(stopped.said).not.toContain("npm install")
    expect(guard(repo, "status")).toMatchObject({ code: 1 })
  })

  test("where no node is on PATH, as under a graphical client: with the node that installed it", () => {
    const repo = newRepo()
    for (const name of ["git", "sh", "dirname", "env"]) {
      const path = run(repo, "sh", "-c", `command -v ${name}`).said.trim()
      script(repo, `.git/few/${name}`, `#!/bin/sh\nexec ${path} "$@"\n`)
    }
    guard(repo, "install")
    Object.assign(repo.env, { PATH: [join(repo.top, ".git/few"), bundle].join(delimiter) })
    expectGuarded(repo)

    const hook = readFileSync(join(repo.top, ".git/hooks/pre-commit"), "utf8")
    script(repo, ".git/hooks/pre-commit", hook.replaceAll(process.execPath, "/nowhere"))
    repo.stage({ "b.txt": "b\n" })
    const stopped = commit(repo)
    expect(stopped.code).not.toBe(0)
    expect(stopped.said).toContain("was not found, so this commit is stopped")
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

function useGlobalHooks(repo: Repo): void {
  const user = "[user]\n\tname = a\n\temail = a@b\n"
  repo.write("global", `[core]\n\thooksPath = ${repo.top}/shared\n${user}`)
  Object.assign(repo.env, { GIT_CONFIG_GLOBAL: join(repo.top, "global") })
}

/** As a person whom permissions stop; root gives the repository away for that. */
function asSomebody(repo: Repo, action: string) {
  const env = { ...(repo.env as NodeJS.ProcessEnv), GIT_CONFIG_GLOBAL: devNull }
  const uid = getuid?.() === 0 ? 65534 : undefined
  for (const folder of [repo.top, bundle]) chmodSync(folder, 0o755)
  if (uid !== undefined) execFileSync("chown", ["-R", String(uid), repo.top])
  const args = [join(bundle, "agent-vault"), "guard", action]
  const options = { cwd: repo.top, env, uid, encoding: "utf8" as const }
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options)
  return { code: status, said: `${stdout}${stderr}` }
}

describe("a hook of ours", () => {
  const hook = ".git/hooks/pre-commit"

  const changes: Record<string, (text: string) => string> = {
    "a line at its end": (text) => `${text}echo my own check\n`,
    "a line below its first": (text) => text.replace("\n", "\nnpm test || exit 1\n"),
    "a line of ours changed": (text) => text.replace("exec agent-vault", "nice agent-vault"),
    "other ends of lines too": (text) => `${text}echo my own check\n`.replaceAll("\n", "\r\n"),
  }
  test.each(Object.entries(changes))("that somebody changed is left alone: %s", (_name, change) => {
    const repo = newRepo()
    guard(repo, "install")
    script(repo, hook, change(readFileSync(join(repo.top, hook), "utf8")))
    const before = everything(repo, ".git/hooks")
    for (const action of ["install", "uninstall"]) {
      const { code, said } = guard(repo, action)
      expect(code).toBe(6)
      expect(said).toContain(hook)
      expect(said).toContain("pre-commit.before-agent-vault")
      expect(everything(repo, ".git/hooks")).toEqual(before)
    }
  })

  test("that was changed: as the error says, own steps go into the hook before it", () => {
    const repo = newRepo()
    guard(repo, "install")
    script(repo, hook, `${readFileSync(join(repo.top, hook), "utf8")}echo the other ran\n`)
    expect(guard(repo, "install").code).toBe(6)
    script(repo, `${hook}.before-agent-vault`, "#!/bin/sh\necho the other ran\n")
    const own = readFileSync(join(repo.top, `${hook}.before-agent-vault`), "utf8")
    unlinkSync(join(repo.top, hook))
    expect(guard(repo, "install").code).toBe(0)
    repo.stage({ "a.txt": "a\n" })
    expect(commit(repo).said).toContain("the other ran")
    expect(guard(repo, "uninstall").code).toBe(0)
    expect(readdirSync(join(repo.top, ".git/hooks"))).toEqual(["pre-commit"])
    expect(readFileSync(join(repo.top, hook), "utf8")).toBe(own)
  })

  test("with CR LF from a checkout is not changed: it is mended, and goes", () => {
    const repo = newRepo()
    guard(repo, "install")
    const text = readFileSync(join(repo.top, hook), "utf8")
    script(repo, hook, text.replaceAll("\n", "\r\n"))
    expect(guard(repo, "install").code).toBe(0)
    expect(readFileSync(join(repo.top, hook), "utf8")).toBe(text)
    script(repo, hook, text.replaceAll("\n", "\r\n"))
    guard(repo, "uninstall")
    expect(existsSync(join(repo.top, ".git/hooks"))).toBe(false)
  })

  test("that another program has written over leaves nothing behind", () => {
    const other = "#!/bin/sh\n# of another program\n"
    const repo = newRepo()
    script(repo, hook, other)
    guard(repo, "install")
    script(repo, hook, other)
    expect(guard(repo, "install").code).toBe(0)
    expectGuarded(repo)
    script(repo, hook, other)
    expect(guard(repo, "uninstall").code).toBe(0)
    expect(readdirSync(join(repo.top, ".git/hooks"))).toEqual(["pre-commit"])

    guard(repo, "install")
    unlinkSync(join(repo.top, hook))
    expect(guard(repo, "uninstall").said).toContain(hook)
    expect(readFileSync(join(repo.top, hook), "utf8")).toBe(other)
  })

  test("that another program has written over, and a third one: both stay, and are named", () => {
    const repo = newRepo()
    script(repo, hook, "#!/bin/sh\n# one\n")
    guard(repo, "install")
    script(repo, hook, "#!/bin/sh\n# two\n")
    const before = everything(repo, ".git/hooks")
    expect(guard(repo, "uninstall").said).toContain(`${hook}.before-agent-vault`)
    expect(everything(repo, ".git/hooks")).toEqual(before)
  })

  test("is gone, and the guard runs all the same: that is what uninstall says", () => {
    const repo = newRepo()
    script(repo, hook, "#!/bin/sh\nagent-vault guard\n")
    guard(repo, "install")
    const { code, said } = guard(repo, "uninstall")
    expect(code).toBe(1)
    expect(said).toContain("would be stopped")
    expect(said).toContain(`look into ${hook}`)
  })

  test("is found where it was before core.hooksPath led elsewhere", () => {
    const repo = newRepo()
    guard(repo, "install")
    repo.git("config", "core.hooksPath", "other/hooks")
    expect(guard(repo, "uninstall").said).toContain(`gone from ${hook}`)
    expect(existsSync(join(repo.top, ".git/hooks"))).toBe(false)
  })

  test("in a folder that somebody may not write, or read, is no bug", () => {
    for (const mode of [0o555, 0o000]) {
      const repo = newRepo()
      guard(repo, "install")
      chmodSync(join(repo.top, ".git/hooks"), mode)
      const { code, said } = asSomebody(repo, "uninstall")
      expect(code).toBe(4)
      expect(said).toContain("NO_ACCESS: cannot ")
      expect(said).toContain(".git/hooks")
      chmodSync(join(repo.top, ".git/hooks"), 0o755)
    }
  })
})

test("a folder of hooks that Git does not keep is for this machine alone", () => {
  const repo = newRepo()
  repo.git("config", "core.hooksPath", "local/hooks")
  repo.write(".gitignore", "local/\n")
  const { code, said } = guard(repo, "install")
  expect(code).toBe(0)
  expect(said).not.toContain("  commit ")
  expect(readFileSync(join(repo.top, "local/hooks/pre-commit"), "utf8")).toContain(bundle)
})

test("this project's own hook stops a commit while there is no guard to look at it", () => {
  const repo = newRepo()
  for (const tool of ["prettier/bin/prettier.cjs", "oxlint/bin/oxlint"]) {
    repo.write(`node_modules/${tool}`, "")
  }
  const { code, said } = run(repo, "sh", "-e", join(root, ".husky/pre-commit"))
  expect(code).toBe(1)
  expect(said).toContain("npm run build")
})

test("a configuration that is a link is not followed", () => {
  const repo = newRepo()
  repo.write("elsewhere.yaml", "repos:\n")
  symlinkSync("elsewhere.yaml", join(repo.top, ".pre-commit-config.yaml"))
  expect(guard(repo, "install")).toMatchObject({ code: 5 })
  expect(readFileSync(join(repo.top, "elsewhere.yaml"), "utf8")).toBe("repos:\n")
  unlinkSync(join(repo.top, ".pre-commit-config.yaml"))
})
