import {
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs"
import { delimiter, join } from "node:path"
import { describe, expect, test } from "vitest"
import {
  commit,
  everything,
  expectGuarded,
  expectMade,
  guard,
  guardWith,
  newRepo,
  root,
  run,
  script,
  watched,
} from "../hooked.js"
import { pemKey } from "../keys.js"
import { Repo } from "../repo.js"
import { testWith } from "./managers.js"

/** A work tree of a repository, of a commit that may be older than the guard. */
function addTree(repo: Repo, name: string, from = "HEAD"): Repo {
  const tree = watched(new Repo(`${repo.top}-${name}`), repo.env["PATH"])
  repo.git("worktree", "add", "--quiet", tree.top, "-b", name, from)
  return tree
}

/** A new work tree of a repository whose guard is committed, for somebody with the same PATH. */
function newWorkTree(repo: Repo): Repo {
  repo.git("add", "--all")
  repo.commit()
  return addTree(repo, "tree")
}

function runHusky(repo: Repo): void {
  expectMade(run(repo, process.execPath, join(root, "node_modules/husky/bin.js")))
}

/** A repository with two hooks of husky's that say that they run, committed. */
function huskyRepo(): Repo {
  const repo = newRepo()
  runHusky(repo)
  repo.write(".husky/pre-commit", "echo its pre-commit ran\nexit 0\n")
  repo.write(".husky/commit-msg", 'echo "its commit-msg got $1"\n')
  repo.write(".husky/post-checkout", "touch checked-out\n")
  repo.write(".gitignore", "checked-out\n")
  repo.git("add", "--all")
  repo.commit()
  return repo
}

const SAID = /its pre-commit ran[^]*its commit-msg got \S*COMMIT_EDITMSG/

/** A commit with a key is stopped; husky's hooks run where husky has run, and only there. */
function expectBoth(repo: Repo, isHuskyHere: boolean): void {
  expectGuarded(repo)
  repo.stage({ "more.txt": `${Math.random()}\n` })
  const { code, said } = commit(repo)
  expect({ code, ran: SAID.test(said), said }).toMatchObject({ code: 0, ran: isHuskyHere })
}

describe("husky, in a work tree that `git worktree add` made", () => {
  test("after the guard: guarded at once, and whoever runs husky again", () => {
    const repo = huskyRepo()
    const older = repo.git("rev-parse", "HEAD")
    expect(guard(repo, "install")).toMatchObject({ code: 0 })
    const tree = newWorkTree(repo)
    // It has no line of the guard's in husky's script.
    const old = addTree(repo, "old", older)
    for (const each of [tree, old]) {
      expect(guardWith(each, "status")).toMatchObject({ code: 0 })
      expectBoth(each, false)
      runHusky(each)
      expect(each.git("status", "--porcelain")).toBe("")
      expectBoth(each, true)
      expectBoth(repo, true)
    }
    runHusky(repo)
    for (const each of [repo, tree, old]) expectBoth(each, true)
    expect(guard(tree, "install").said).toContain("already")
  })

  test("before the guard: guarded from the clone, and from the work tree", () => {
    for (const isFromTree of [false, true]) {
      const repo = huskyRepo()
      const tree = addTree(repo, "tree")
      expect(guard(tree, "status")).toMatchObject({
        code: 1,
        said: expect.stringContaining("next: agent-vault guard install") as string,
      })
      expect(guard(isFromTree ? tree : repo, "install").code).toBe(0)
      expectBoth(tree, false)
      expectBoth(repo, true)
    }
  })

  test("husky's hook of a checkout runs as it would without the guard", () => {
    const repo = huskyRepo()
    guard(repo, "install")
    expect(readdirSync(newWorkTree(repo).top)).not.toContain("checked-out")
    repo.git("checkout", "--quiet", "-b", "next")
    expect(readdirSync(repo.top)).toContain("checked-out")
  })

  test("HUSKY=0, and a husky that has not run yet, are no way past it", () => {
    const repo = huskyRepo()
    guard(repo, "install")
    const tree = newWorkTree(repo)
    repo.git("config", "--unset", "core.hooksPath")
    for (const each of [repo, tree]) {
      expectGuarded(each)
      Object.assign(each.env, { HUSKY: "0" })
      expect(guardWith(each, "status").code).toBe(0)
      expectGuarded(each)
    }
  })

  test("a push is guarded there too", () => {
    const repo = huskyRepo()
    repo.write(".husky/pre-push", "cat >lines\n")
    const said = guardWith(repo, "install", "--push").said
    expect(said).toContain("The guard is in .git/agent-vault-guard/hooks/pre-push (hooks)")
    repo.write(".gitignore", "lines\nremote.git\nchecked-out\n")
    repo.git("init", "--quiet", "--bare", "remote.git")
    const tree = newWorkTree(repo)
    guard(repo, "install")
    expect(guard(tree, "status").said).toContain("Before a push it looks at what that adds")
    for (const each of [tree, repo]) {
      each.stage({ "pushed.pem": pemKey() })
      expectMade(commit(each, "--no-verify"))
      const refused = run(each, "git", "push", join(repo.top, "remote.git"), "HEAD")
      expect(refused.said).toContain("pushed.pem:1:1")
      expect(refused.code).not.toBe(0)
      each.git("reset", "--quiet", "--hard", "HEAD~1")
      expectMade(run(each, "git", "push", join(repo.top, "remote.git"), "HEAD"))
    }
    expect(readFileSync(join(repo.top, "lines"), "utf8")).toMatch(/^HEAD [0-9a-f]{40} /)
  })

  test("uninstall leaves no trace, from either", () => {
    for (const isFromTree of [false, true]) {
      const repo = huskyRepo()
      repo.git("config", "alias.last", "log -1")
      const tree = addTree(repo, "tree")
      const before = everything(repo, ".git", ".husky", ".husky/_")
      const from = isFromTree ? tree : repo
      guard(from, "install")
      const { code, said } = guard(from, "uninstall")
      expect({ code, said }).toMatchObject({ code: 0 })
      expect(said).toContain("agent-vault-guard/hooks/pre-commit (hooks)")
      expect(everything(repo, ".git", ".husky", ".husky/_")).toEqual(before)
      expect(from.git("status", "--porcelain")).toBe("")
    }
  })

  test("a clone that is moved runs husky's hooks, and is guarded by husky's script", () => {
    const repo = huskyRepo()
    guard(repo, "install")
    repo.git("add", "--all")
    repo.commit()
    const copy = watched(new Repo(`${repo.top}-copy`), repo.env["PATH"])
    cpSync(repo.top, copy.top, { recursive: true })
    const moved = watched(new Repo(`${repo.top}-moved`), repo.env["PATH"])
    renameSync(repo.top, moved.top)
    for (const each of [moved, copy]) {
      expectBoth(each, true)
      expect(guard(each, "install").code).toBe(0)
      expect(each.git("config", "--local", "--get-regexp", "^includeif")).toBe(
        `includeif.gitdir:${each.top}/.path ${each.top}/.git/agent-vault-guard/config`,
      )
      expectBoth(addTree(each, each === copy ? "late" : "later"), false)
    }
    guard(copy, "uninstall")
    expect(readFileSync(join(copy.top, ".git/config"), "utf8")).not.toContain("agent-vault")
  })

  test("what somebody else put among the guard's own hooks is left as it is", () => {
    const repo = huskyRepo()
    guard(repo, "install")
    script(repo, ".git/agent-vault-guard/hooks/pre-rebase", "#!/bin/sh\nexit 0\n")
    const before = everything(repo, ".git", ".git/agent-vault-guard/hooks", ".husky")
    for (const action of ["install", "uninstall"]) {
      expect(guard(repo, action)).toMatchObject({
        code: 6,
        said: expect.stringContaining("pre-rebase is in a folder of the guard's") as string,
      })
    }
    expect(everything(repo, ".git", ".git/agent-vault-guard/hooks", ".husky")).toEqual(before)
  })

  test("a link in the place of husky's folder, or of the guard's, is followed nowhere", () => {
    const repo = newRepo()
    runHusky(repo)
    const elsewhere = join(newRepo().top, "elsewhere")
    mkdirSync(elsewhere)
    rmSync(join(repo.top, ".husky/_"), { recursive: true })
    symlinkSync(elsewhere, join(repo.top, ".husky/_"))
    repo.git("add", "--all", "--force")
    repo.commit()
    const tree = newWorkTree(repo)
    expect(guard(tree, "install").code).toBe(0)
    guard(tree, "uninstall")
    symlinkSync(elsewhere, join(repo.top, ".git/agent-vault-guard"))
    const refused = guard(tree, "install")
    expect(refused.said).toContain("hooks lie outside of it")
    expect(refused.code).toBe(5)
    expect(readdirSync(elsewhere)).toEqual([])
  })
})

/** What simple-git-hooks 2 writes, and how: over every hook that is there. */
function runSimpleGitHooks(repo: Repo): void {
  const text = [
    "#!/bin/sh",
    'if [ "$SKIP_SIMPLE_GIT_HOOKS" = "1" ]; then',
    "    exit 0",
    "fi",
    "echo the other ran",
  ].join("\n")
  script(repo, ".git/hooks/pre-commit", text)
}

/** The entry is in a file of the branch: one from before has it by a merge. */
function expectAsItsBranch(repo: Repo, early: Repo): void {
  repo.git("add", "--all")
  repo.commit()
  const late = addTree(repo, "late")
  expect(guard(early, "status").said).toContain("next: agent-vault guard install")
  early.git("merge", "--quiet", "--no-verify", "main")
  for (const tree of [early, late]) {
    expect(guard(tree, "status").code).toBe(0)
    expectGuarded(tree)
  }
}

describe("a work tree that `git worktree add` made", () => {
  test("plain hooks: guarded as the clone is, before and after", () => {
    const repo = newRepo()
    script(repo, ".git/hooks/pre-commit", "#!/bin/sh\necho the other ran\n")
    const early = newWorkTree(repo)
    expect(guard(repo, "install").code).toBe(0)
    for (const tree of [early, addTree(repo, "late")]) {
      expect(guardWith(tree, "status").code).toBe(0)
      expectGuarded(tree)
      tree.stage({ "more.txt": "more\n" })
      expect(commit(tree).said).toContain("the other ran")
    }
  })

  test("simple-git-hooks: guarded before and after, and when it runs again", () => {
    const repo = newRepo()
    runSimpleGitHooks(repo)
    const before = everything(repo, ".git", ".git/hooks")
    const early = newWorkTree(repo)
    expect(guard(repo, "install")).toMatchObject({
      code: 0,
      said: expect.stringContaining(".git/agent-vault-guard/hooks/pre-commit (hooks)") as string,
    })
    const late = addTree(repo, "late")
    runSimpleGitHooks(repo)
    rmSync(join(repo.top, ".git/hooks/pre-push"), { force: true })
    for (const tree of [repo, early, late]) {
      expect(guardWith(tree, "status").code).toBe(0)
      expectGuarded(tree)
      tree.stage({ "more.txt": "more\n" })
      expect(commit(tree).said).toContain("the other ran")
    }
    expect(guard(repo, "uninstall").code).toBe(0)
    const after = everything(repo, ".git", ".git/hooks")
    for (const file of [".git/config", ".git/hooks/pre-commit", ".git/agent-vault-guard"]) {
      expect(after[file]).toBe(before[file])
    }
  })

  testWith("lefthook", "lefthook: guarded as its branch is", (folder) => {
    const repo = newRepo()
    Object.assign(repo.env, { PATH: `${folder}${delimiter}${repo.env["PATH"] ?? ""}` })
    repo.write("lefthook.yml", "pre-commit:\n  jobs:\n    - run: echo the other ran\n")
    expectMade(run(repo, "lefthook", "install"))
    const early = newWorkTree(repo)
    expect(guard(repo, "install").code).toBe(0)
    expectAsItsBranch(repo, early)
  })

  testWith("pre-commit", "the pre-commit framework: guarded as its branch is", (python) => {
    const repo = newRepo()
    repo.write(".pre-commit-config.yaml", "repos: []\n")
    expectMade(run(repo, python, "-m", "pre_commit", "install"))
    const early = newWorkTree(repo)
    guard(repo, "install")
    expectAsItsBranch(repo, early)
  })
})
