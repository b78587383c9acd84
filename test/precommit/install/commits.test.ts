import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import {
  bundle,
  commit,
  everything,
  expectGuarded,
  expectMade,
  expectStopped,
  guard,
  newRepo,
  run,
  script,
  watched,
} from "../hooked.js"
import { pemKey } from "../keys.js"
import { Repo } from "../repo.js"

function guardedRepo(): Repo {
  const repo = newRepo()
  repo.commit({ "a.txt": "one\n", "b.txt": "two\n" })
  expectMade(guard(repo, "install"))
  return repo
}

/** Runs git with somebody at its questions. */
function answer(repo: Repo, answers: string, ...args: readonly string[]) {
  return run(repo, "sh", "-c", `printf '${answers}' | git "$@"`, "sh", ...args)
}

describe("each way to commit is stopped, and let through when it is mended", () => {
  test("commit -a", () => {
    const repo = guardedRepo()
    repo.write("a.txt", pemKey())
    expectStopped(repo, commit(repo, "-a"), "a.txt:1:1")
    repo.write("a.txt", "mended\n")
    expectMade(commit(repo, "-a"))
  })

  test("commit -p: what is chosen counts, not what lies in the work tree", () => {
    const repo = guardedRepo()
    repo.write("a.txt", `${pemKey()}one\n`)
    repo.write("b.txt", "two\nthree\n")
    expectStopped(repo, answer(repo, "y\\nn\\n", "commit", "-p", "-m", "a"), "a.txt:1:1")
    expectMade(answer(repo, "n\\ny\\n", "commit", "-p", "-m", "b"))
    expect(repo.git("show", "--format=", "--name-only")).toBe("b.txt")
  })

  test("commit --amend", () => {
    const repo = guardedRepo()
    const head = repo.git("rev-parse", "HEAD")
    repo.stage({ "key.pem": pemKey() })
    expectStopped(repo, commit(repo, "--amend"))
    expect(repo.git("rev-parse", "HEAD")).toBe(head)
    repo.git("rm", "--quiet", "--force", "key.pem")
    expectMade(commit(repo, "--amend"))
  })

  test("commit PATH: the other files that are staged have no part in it", () => {
    const repo = guardedRepo()
    repo.stage({ "key.pem": pemKey() })
    repo.write("a.txt", "more\n")
    expectMade(commit(repo, "a.txt"))
    expectStopped(repo, commit(repo, "key.pem"))
    expectStopped(repo, commit(repo, "--include", "a.txt"))
  })

  test("the end of a merge with conflicts", () => {
    const repo = guardedRepo()
    repo.git("switch", "--quiet", "-c", "other")
    repo.commit({ "a.txt": "theirs\n" })
    repo.git("switch", "--quiet", "main")
    repo.commit({ "a.txt": "ours\n" })
    expect(run(repo, "git", "merge", "other").code).toBe(1)
    repo.stage({ "a.txt": `theirs\nours\n${pemKey()}` })
    expectStopped(repo, commit(repo), "a.txt:3:1")
    repo.stage({ "a.txt": "theirs\nours\n" })
    expectMade(commit(repo))
    expect(repo.git("rev-list", "--parents", "-1", "HEAD").split(" ")).toHaveLength(3)
  })

  test("after a hook that adds to the index, as lint-staged does", () => {
    const repo = newRepo()
    script(
      repo,
      ".git/hooks/pre-commit",
      "#!/bin/sh\ncat made.txt >> a.txt && git add a.txt && exit 0\n",
    )
    expectMade(guard(repo, "install"))
    repo.write("made.txt", pemKey())
    repo.stage({ "a.txt": "one\n" })
    expectStopped(repo, commit(repo), "a.txt:2:1")
    repo.write("made.txt", "two\n")
    repo.stage({ "a.txt": "one\n" })
    expectMade(commit(repo))
    expect(repo.git("show", "HEAD:a.txt")).toBe("one\ntwo")
  })
})

describe("wherever the repository lies", () => {
  test.each(["with spaces", "with 'quotes' and \"more\"", "with $HOME and `id`", "with ü and 好"])(
    "in a folder %s",
    (name) => {
      const outer = newRepo("")
      const repo = watched(new Repo(join(outer.top, name)))
      mkdirSync(repo.top)
      repo.git("init", "--quiet", "--template=", "-b", "main")
      const before = everything(repo, ".git")
      expectMade(guard(repo, "install"))
      expectGuarded(repo)
      expectMade(guard(repo, "uninstall"))
      expect(Object.keys(before).filter((path) => !existsSync(join(repo.top, path)))).toEqual([])
      expect(existsSync(join(repo.top, ".git/hooks"))).toBe(false)
    },
  )

  test("a program in such a folder, when it is not on PATH", () => {
    const repo = newRepo(process.env["PATH"])
    const odd = join(repo.top, 'it\'s "here" $HOME')
    mkdirSync(odd)
    symlinkSync(join(bundle, "cli"), join(odd, "cli"))
    const program = run(repo, process.execPath, join(odd, "cli/bin.cjs"), "guard", "install")
    expect(program).toMatchObject({ code: 0 })
    repo.git("add", "--all")
    repo.commit()
    expectGuarded(repo)
  })

  test("as a submodule", () => {
    const outer = newRepo()
    const source = newRepo()
    source.commit({ "a.txt": "a\n" })
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", source.top, "sub")
    outer.commit()
    const sub = watched(new Repo(join(outer.top, "sub")))
    expectMade(guard(sub, "install"))
    expect(existsSync(join(outer.top, ".git/modules/sub/hooks/pre-commit"))).toBe(true)
    expectGuarded(sub)
    expectMade(guard(sub, "uninstall"))
    expect(everything(outer, ".git/modules/sub/hooks")).not.toHaveProperty(
      ".git/modules/sub/hooks/pre-commit",
    )
  })

  test("with its Git folder elsewhere, as a file `.git` says", () => {
    const folder = newRepo()
    const repo = newRepo()
    renameSync(join(repo.top, ".git"), join(folder.top, "elsewhere.git"))
    repo.write(".git", `gitdir: ${join(folder.top, "elsewhere.git")}\n`)
    expectMade(guard(repo, "install"))
    expectGuarded(repo)
  })

  test.each(["absolute", "relative"])("as GIT_DIR and GIT_WORK_TREE say: %s", (kind) => {
    const repo = newRepo()
    renameSync(join(repo.top, ".git"), join(repo.top, "home.git"))
    const start = kind === "absolute" ? repo.top : "."
    Object.assign(repo.env, { GIT_DIR: join(start, "home.git"), GIT_WORK_TREE: start })
    repo.write(".gitignore", "home.git/\n")
    expectMade(guard(repo, "install"))
    expect(existsSync(join(repo.top, "home.git/hooks/pre-commit"))).toBe(true)
    expectGuarded(repo)
    expectMade(guard(repo, "uninstall"))
    expect(existsSync(join(repo.top, "home.git/hooks"))).toBe(false)
  })

  test("not in a bare repository: said, and nothing is written", () => {
    const repo = newRepo()
    repo.git("init", "--quiet", "--template=", "--bare", "bare.git")
    const bare = watched(new Repo(join(repo.top, "bare.git")))
    Object.assign(bare.env, { GIT_DIR: bare.top })
    expect(guard(bare, "install")).toMatchObject({ code: 3 })
    expect(existsSync(join(bare.top, "hooks"))).toBe(false)
  })
})

test("uninstall brings back bytes and modes, of whatever hook there was", () => {
  for (const [text, mode] of [
    ["#!/usr/bin/env python3\nprint('the other ran')\n", 0o750],
    ["#!/bin/sh\r\necho odd\r\n", 0o755],
    ["no hook at all \u0000\u00ff", 0o600],
  ] as const) {
    const repo = newRepo()
    repo.write(".git/hooks/pre-commit", Buffer.from(text, "latin1"))
    chmodSync(join(repo.top, ".git/hooks/pre-commit"), mode)
    const before = everything(repo, ".git/hooks", ".git")
    const config = readFileSync(join(repo.top, ".git/config"))
    guard(repo, "install")
    guard(repo, "install")
    guard(repo, "uninstall")
    expect(everything(repo, ".git/hooks", ".git")).toEqual(before)
    expect(readFileSync(join(repo.top, ".git/config"))).toEqual(config)
  }
})
