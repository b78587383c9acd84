import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, mkdirSync, readFileSync, realpathSync, symlinkSync } from "node:fs"
import { createRequire } from "node:module"
import { delimiter, dirname, join } from "node:path"
import { beforeEach, describe, expect, test } from "vitest"
import { bundle, expectMade, guard, newRepo, root, run, script } from "../hooked.js"
import { pemKey } from "../keys.js"
import type { Repo } from "../repo.js"

// Git for Windows runs hooks with a bash that goes by the name of sh, elsewhere sh is dash, busybox
// or something else: each is tried here, with the files that npm writes on Windows.

/** Those of them that are on this machine; `sh` always is. */
const shells = ["sh", "dash", "bash", "busybox", "zsh", "mksh", "yash"].flatMap(find)

/** A shell's name, and where it is, by its real name. */
function find(name: string): (readonly [string, string])[] {
  const { status, stdout } = spawnSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" })
  return status === 0 ? [[name, realpathSync(stdout.trim())]] : []
}

/** A repository with agent-vault in its node_modules as npm installs it on Windows: with three shims. */
async function windowsRepo(): Promise<Repo> {
  const repo = newRepo(`${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`)
  const bin = "node_modules/agent-vault/dist/cli"
  cpSync(join(bundle, "cli"), join(repo.top, bin), { recursive: true })
  repo.write(".gitignore", "node_modules/\n")
  const npm = realpathSync(execFileSync("sh", ["-c", "command -v npm"]).toString().trim())
  const cmdShim = createRequire(npm)("cmd-shim") as (from: string, to: string) => Promise<void>
  await cmdShim(join(repo.top, bin, "bin.cjs"), join(repo.top, "node_modules/.bin/agent-vault"))
  return repo
}

function withCrLf(repo: Repo, path: string): void {
  const text = readFileSync(join(repo.top, path), "utf8")
  script(repo, path, text.replaceAll("\n", "\r\n"))
}

/** How a hook ends that is run as Git for Windows does it: by sh, with a path from the top. */
function runHook(repo: Repo, hook: string, ...options: readonly string[]) {
  return run(repo, "sh", ...options, hook)
}

function expectGuardedBy(repo: Repo, hook: string, ...options: readonly string[]): void {
  repo.stage({ "key.pem": pemKey() })
  expect(runHook(repo, hook, ...options)).toMatchObject({
    code: 1,
    said: expect.stringContaining("key.pem:1:1") as string,
  })
  repo.git("rm", "--quiet", "--force", "key.pem")
  expectMade(runHook(repo, hook, ...options))
}

describe.each(shells)("with %s for sh", (_name, path) => {
  let repo: Repo

  beforeEach(async () => {
    repo = await windowsRepo()
    mkdirSync(join(repo.top, "node_modules/.shell"))
    symlinkSync(path, join(repo.top, "node_modules/.shell/sh"))
    const PATH = `${join(repo.top, "node_modules/.shell")}${delimiter}${repo.env["PATH"] ?? ""}`
    Object.assign(repo.env, { PATH })
  })

  test("the hook itself, after another, with LF and with CR LF", () => {
    script(repo, ".git/hooks/pre-commit", "#!/bin/sh\necho the other ran\nexit 0\n")
    guard(repo, "install")
    const hook = ".git/hooks/pre-commit"
    expectGuardedBy(repo, hook)
    withCrLf(repo, hook)
    expectGuardedBy(repo, hook)
    expect(runHook(repo, hook).said).toContain("the other ran")
    script(repo, `${hook}.before-agent-vault`, "#!/bin/sh\nexit 3\n")
    expect(runHook(repo, hook).code).toBe(3)
  })

  test("the line in a script of husky's, with LF and with CR LF", () => {
    const husky = join(root, "node_modules/husky/bin.js")
    expectMade(run(repo, process.execPath, husky))
    const hook = ".husky/pre-commit"
    repo.write(hook, "echo the other ran\n")
    guard(repo, "install")
    expectGuardedBy(repo, hook, "-e")
    withCrLf(repo, hook)
    expectGuardedBy(repo, hook, "-e")
    expect(runHook(repo, hook, "-e").said).toContain("the other ran")
    repo.write(
      hook,
      readFileSync(join(repo.top, hook), "utf8").replace("echo the", "exit 3; echo the"),
    )
    expect(runHook(repo, hook, "-e").code).toBe(3)
  })

  test("the hook ahead of husky's, and those that hand on", () => {
    const husky = join(root, "node_modules/husky/bin.js")
    expectMade(run(repo, process.execPath, husky))
    for (const name of ["pre-commit", "commit-msg"]) repo.write(`.husky/${name}`, "echo it ran $1")
    guard(repo, "install")
    const hook = ".git/agent-vault-guard/hooks/pre-commit"
    expectGuardedBy(repo, hook)
    expect(runHook(repo, hook).said).toContain("it ran")
    const other = ".git/agent-vault-guard/hooks/commit-msg"
    expect(run(repo, "sh", other, "a message").said).toBe("it ran a message\n")
    repo.git("clean", "-dfqx", "--", ".husky")
    expectGuardedBy(repo, hook)
    expectMade(run(repo, "sh", other, "a message"))
    // Where nothing but these hooks is led to, they do not start themselves.
    repo.git("config", "core.hooksPath", `${repo.top}/.git/agent-vault-guard//hooks`)
    expectGuardedBy(repo, hook)
    expectMade(run(repo, "sh", other, "a message"))
  })

  test("the entry in a file of lefthook's, and in one of pre-commit's", () => {
    for (const [file, quoted] of [
      ["lefthook.yml", /run: '(.*)'/],
      [".pre-commit-config.yaml", /entry: sh -c '(.*)'/],
    ] as const) {
      repo.write(file, "")
      guard(repo, "install")
      const [, line = ""] = quoted.exec(readFileSync(join(repo.top, file), "utf8")) ?? []
      expectGuardedBy(repo, line, "-c")
      repo.git("clean", "-dfq", "--", file)
    }
  })

  test("where agent-vault is gone: stopped", () => {
    guard(repo, "install")
    repo.git("clean", "-dfqx", "--", "node_modules/.bin")
    const hook = ".git/hooks/pre-commit"
    const text = readFileSync(join(repo.top, hook), "utf8")
    script(repo, hook, text.replaceAll(bundle, "C:\\nowhere at all"))
    withCrLf(repo, hook)
    expect(runHook(repo, hook)).toMatchObject({
      code: 1,
      said: expect.stringContaining("was not found, so this commit is stopped") as string,
    })
  })
})
