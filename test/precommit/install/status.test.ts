import { chmodSync, readFileSync, unlinkSync } from "node:fs"
import { delimiter, join } from "node:path"
import { expect, test } from "vitest"
import { asColleague, commit, expectMade, guard, newRepo, root, run, script } from "../hooked.js"
import { pemKey } from "../keys.js"
import { testWith } from "./managers.js"
import type { Repo } from "../repo.js"

/** What status says is what happens: a commit with a key is made. */
function expectUnguarded(repo: Repo, ...says: readonly string[]): void {
  const status = guard(repo, "status")
  expect(status.code).toBe(1)
  for (const words of ["would go through", ...says]) expect(status.said).toContain(words)
  repo.stage({ "key.pem": pemKey() })
  expectMade(commit(repo))
}

function guardedRepo(): Repo {
  const repo = newRepo()
  expectMade(guard(repo, "install"))
  expect(guard(repo, "status").code).toBe(0)
  return repo
}

test("a hook that is gone", () => {
  const repo = guardedRepo()
  unlinkSync(join(repo.top, ".git/hooks/pre-commit"))
  expectUnguarded(repo, "agent-vault guard install")
})

test.each(["the git that is here", "a git before 2.36"])(
  "a hook that may not be run, and %s",
  (which) => {
    const repo = guardedRepo()
    chmodSync(join(repo.top, ".git/hooks/pre-commit"), 0o644)
    if (which !== "the git that is here") useOldGit(repo)
    expectUnguarded(repo, "agent-vault guard install")
  },
)

/** A git that knows no `git hook`, in place of an old one. */
function useOldGit(repo: Repo): void {
  const git = run(repo, "sh", "-c", "command -v git").said.trim()
  const says = "expansion of alias 'hook' failed; '' is not a git command"
  const old = `case " $* " in *" hook run "*) echo "${says}" >&2; exit 128;; esac`
  script(repo, ".git/old/git", `#!/bin/sh\n${old}\nexec ${git} "$@"\n`)
  const PATH = `${join(repo.top, ".git/old")}${delimiter}${repo.env["PATH"] ?? ""}`
  Object.assign(repo.env, { PATH })
}

test("a git before 2.36, and a hook that works", () => {
  const repo = guardedRepo()
  useOldGit(repo)
  expect(guard(repo, "status").code).toBe(0)
})

test("core.hooksPath that leads elsewhere since", () => {
  const repo = guardedRepo()
  repo.git("config", "core.hooksPath", "other/hooks")
  expectUnguarded(repo)
})

test("a hook whose way to the guard is cut by a line above it", () => {
  const repo = guardedRepo()
  const hook = ".git/hooks/pre-commit"
  const text = readFileSync(join(repo.top, hook), "utf8")
  script(repo, hook, text.replace("#!/bin/sh\n", "#!/bin/sh\nexit 0\n"))
  expectUnguarded(repo)
})

function huskyRepo(): Repo {
  const repo = newRepo()
  expectMade(run(repo, process.execPath, join(root, "node_modules/husky/bin.js")))
  expectMade(guard(repo, "install"))
  return repo
}

test("HUSKY=0", () => {
  const repo = huskyRepo()
  asColleague(repo)
  Object.assign(repo.env, { HUSKY: "0" })
  expectUnguarded(repo, "unset HUSKY")
})

test("agent-vault gone from husky's PATH: stopped, but not by the guard", () => {
  const repo = huskyRepo()
  asColleague(repo)
  Object.assign(repo.env, { PATH: process.env["PATH"] })
  const { code, said } = guard(repo, "status")
  expect(code).toBe(1)
  expect(said).toContain("not by the guard: agent-vault guard: agent-vault, or the node for it")
  expect(said).not.toContain("next: agent-vault guard install")
  repo.stage({ "a.txt": "a\n" })
  expect(commit(repo).code).not.toBe(0)
})

testWith("lefthook", "LEFTHOOK=0", (folder) => {
  const repo = newRepo()
  Object.assign(repo.env, { PATH: `${folder}${delimiter}${repo.env["PATH"] ?? ""}` })
  repo.write("lefthook.yml", "pre-commit:\n  jobs:\n")
  guard(repo, "install")
  expectMade(run(repo, "lefthook", "install"))
  expect(guard(repo, "status").code).toBe(0)
  Object.assign(repo.env, { LEFTHOOK: "0" })
  expectUnguarded(repo, "unset LEFTHOOK")
})

testWith("pre-commit", "SKIP, alone and beside others", (python) => {
  for (const SKIP of ["agent-vault-guard", "black, agent-vault-guard"]) {
    const repo = newRepo()
    Object.assign(repo.env, { PRE_COMMIT_HOME: join(repo.top, ".git/framework") })
    repo.write(".pre-commit-config.yaml", "repos:\n")
    guard(repo, "install")
    repo.git("add", ".pre-commit-config.yaml")
    expectMade(run(repo, python, "-m", "pre_commit", "install"))
    expect(guard(repo, "status").code).toBe(0)
    Object.assign(repo.env, { SKIP })
    expectUnguarded(repo, "unset SKIP")
  }
})
