import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs"
import { delimiter, join } from "node:path"
import { describe, expect, test } from "vitest"
import { expectGuarded, expectMade, guard, newRepo, root, run, watched } from "../hooked.js"
import { Repo } from "../repo.js"
import { testWith } from "./managers.js"

/** A new work tree of a repository whose guard is committed, for somebody with the same PATH. */
function newWorkTree(repo: Repo): Repo {
  repo.git("add", "--all")
  repo.commit()
  const tree = watched(new Repo(`${repo.top}-tree`), repo.env["PATH"])
  repo.git("worktree", "add", "--quiet", tree.top, "-b", "other")
  return tree
}

function runHusky(repo: Repo): void {
  expectMade(run(repo, process.execPath, join(root, "node_modules/husky/bin.js")))
}

describe("a work tree that `git worktree add` made", () => {
  test("husky: its own folder is absent there, which status tells and install mends", () => {
    const repo = newRepo()
    runHusky(repo)
    expect(guard(repo, "install").code).toBe(0)
    const tree = newWorkTree(repo)
    const before = guard(tree, "status")
    expect(before.said).toContain("would go through")
    expect(before.said).toContain("next: agent-vault guard install")
    expect(before.code).toBe(1)

    const installed = guard(tree, "install")
    expect(installed.said).toContain("The guard is in .husky/_/pre-commit (hooks)")
    expect(installed.code).toBe(0)
    expect(tree.git("status", "--porcelain")).toBe("")
    expectGuarded(tree)
    expectGuarded(repo)
    expect(guard(tree, "status").code).toBe(0)
    expect(guard(tree, "install").said).toContain("already")

    // Its husky writes over it, and the guard is in husky's own script.
    runHusky(tree)
    expect(tree.git("status", "--porcelain")).toBe("")
    expectGuarded(tree)
  })

  test("husky: uninstall leaves no trace there", () => {
    const repo = newRepo()
    runHusky(repo)
    repo.write(".husky/pre-commit", "true\n")
    const tree = newWorkTree(repo)
    expect(guard(tree, "install").code).toBe(0)
    guard(tree, "uninstall")
    expect(existsSync(join(tree.top, ".husky/_"))).toBe(false)
    expect(tree.git("status", "--porcelain")).toBe("")
  })

  test("husky: a link in the place of its folder is followed nowhere", () => {
    const repo = newRepo()
    runHusky(repo)
    const elsewhere = join(newRepo().top, "elsewhere")
    mkdirSync(elsewhere)
    rmSync(join(repo.top, ".husky/_"), { recursive: true })
    symlinkSync(elsewhere, join(repo.top, ".husky/_"))
    repo.git("add", "--all", "--force")
    repo.commit()
    const tree = newWorkTree(repo)

    const installed = guard(tree, "install")
    expect(installed.said).toContain("hooks lie outside of it")
    expect(installed.code).toBe(5)
    expect(readdirSync(elsewhere)).toEqual([])
  })

  testWith("lefthook", "lefthook: guarded as the clone is", (folder) => {
    const repo = newRepo()
    Object.assign(repo.env, { PATH: `${folder}${delimiter}${repo.env["PATH"] ?? ""}` })
    repo.write("lefthook.yml", "pre-commit:\n  jobs:\n    - run: echo the other ran\n")
    expectMade(run(repo, "lefthook", "install"))
    expect(guard(repo, "install").code).toBe(0)
    const tree = newWorkTree(repo)
    expect(guard(tree, "status").code).toBe(0)
    expectGuarded(tree)
  })

  testWith("pre-commit", "the pre-commit framework: guarded as the clone is", (python) => {
    const repo = newRepo()
    repo.write(".pre-commit-config.yaml", "repos: []\n")
    expectMade(run(repo, python, "-m", "pre_commit", "install"))
    guard(repo, "install")
    const tree = newWorkTree(repo)
    expect(guard(tree, "status").code).toBe(0)
    expectGuarded(tree)
  })
})
