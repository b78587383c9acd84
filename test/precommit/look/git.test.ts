import { symlinkSync, unlinkSync } from "node:fs"
import { join } from "node:path"
import { afterEach, describe, expect, test } from "vitest"
import { passwordLine, pemKey } from "../keys.js"
import { Repo } from "../repo.js"

const repos: Repo[] = []
function newRepo(...initArgs: readonly string[]): Repo {
  const repo = Repo.make(...initArgs)
  repos.push(repo)
  return repo
}
afterEach(() => {
  for (const repo of repos.splice(0)) repo.remove()
})

describe("the staged content is looked at", () => {
  test("on an unborn branch", async () => {
    const repo = newRepo()
    repo.stage({ "key.pem": pemKey(), "a.txt": "a\n" })
    expect(await repo.guard()).toMatchObject({ code: 1, found: ["key.pem:1 pem-private-key"] })
  })

  test("in a repository of SHA-256", async () => {
    const repo = newRepo("--object-format=sha256")
    repo.commit({ "a.txt": "a\n" })
    repo.stage({ "key.pem": pemKey() })
    expect(await repo.guard()).toMatchObject({ code: 1, found: ["key.pem:1 pem-private-key"] })
  })

  test("not the work tree", async () => {
    const repo = newRepo()
    repo.stage({ "a.txt": pemKey(), "b.txt": "fine\n" })
    repo.write("a.txt", "fine\n")
    repo.write("b.txt", pemKey())
    expect((await repo.guard()).found).toEqual(["a.txt:1 pem-private-key"])
  })

  test("through the index that `git commit -a` and `-p` make for themselves", async () => {
    const repo = newRepo()
    repo.commit({ "a.txt": "a\n" })
    const index = join(repo.top, ".git", "other-index")
    repo.write("a.txt", pemKey())
    const env = { ...repo.env, GIT_INDEX_FILE: index }
    const other = new Repo(repo.top)
    Object.assign(other.env, env)
    other.git("read-tree", "HEAD")
    other.git("add", "a.txt")
    expect((await repo.guard()).found).toEqual([])
    const told = { GIT_INDEX_FILE: index, GIT_DIR: ".git" }
    expect((await repo.guard({ is: "staged" }, told)).found).toEqual(["a.txt:1 pem-private-key"])
  })

  test("from a folder below the top, and in a work tree of its own", async () => {
    const repo = newRepo()
    repo.commit({ "folder/a.txt": "a\n" })
    repo.stage({ "b.pem": pemKey() })
    const below = await repo.guard({ is: "staged" }, {}, join(repo.top, "folder"))
    expect(below.found).toEqual(["b.pem:1 pem-private-key"])

    const tree = new Repo(`${repo.top}-tree`)
    repos.push(tree)
    repo.git("worktree", "add", "--quiet", tree.top, "-b", "other")
    expect((await tree.guard()).found).toEqual([])
    tree.stage({ "c.pem": pemKey() })
    expect((await tree.guard()).found).toEqual(["c.pem:1 pem-private-key"])
  })

  test("under odd names", async () => {
    const repo = newRepo()
    const names = [
      'a "quoted"\tname',
      "a\nnew line",
      "ünïcödé",
      "-dash",
      "*star",
      ":colon",
      " space ",
    ]
    repo.stage({})
    for (const name of names) repo.write(name, pemKey())
    repo.git("add", "--all")
    const { found } = await repo.guard()
    expect(found).toEqual(names.map((name) => `${name}:1 pem-private-key`).sort())
    const { stderr } = await repo.run("people")
    expect(stderr).toContain("a\\u{a}new line")
  })

  test("under a name that is not UTF-8", async () => {
    const repo = newRepo()
    const id = repo.gitWith(pemKey(), "hash-object", "-w", "--stdin")
    const entry = Buffer.concat([Buffer.from(`100644 ${id}\t`), Buffer.from([0x61, 0xff, 0x62, 0])])
    repo.gitWith(entry, "update-index", "-z", "--index-info")
    expect((await repo.guard()).found).toEqual(["a\ufffdb:1 pem-private-key"])
  })

  test("of a link its target, of a submodule nothing, of what is deleted nothing", async () => {
    const repo = newRepo()
    repo.commit({ "gone.pem": pemKey() })
    unlinkSync(join(repo.top, "gone.pem"))
    symlinkSync("/somewhere/else", join(repo.top, "link"))
    symlinkSync(`x ${passwordLine().trim()}`, join(repo.top, "bad"))
    repo.git("add", "--all")
    const commit = repo.git("rev-parse", "HEAD")
    repo.git("update-index", "--add", "--cacheinfo", `160000,${commit},module`)
    expect((await repo.guard()).found).toEqual(["bad:1 generic-password"])
  })

  test("with what a conflict or `git add -N` left out", async () => {
    const repo = newRepo()
    repo.commit({ "a.txt": "a\n" })
    repo.write("later.pem", pemKey())
    repo.git("add", "-N", "later.pem")
    expect(await repo.guard()).toMatchObject({ code: 0, found: [] })
  })
})

describe("only what is new is told", () => {
  test("of a changed file", async () => {
    const repo = newRepo()
    const old = passwordLine()
    repo.commit({ "a.ts": old })
    repo.stage({ "a.ts": `// more\n${old}` })
    expect((await repo.guard()).found).toEqual([])
    repo.stage({ "a.ts": `${passwordLine()}${old}` })
    expect((await repo.guard()).found).toEqual(["a.ts:1 generic-password"])
  })

  test("of a renamed file, but not of a copy", async () => {
    const repo = newRepo()
    const text = `${"// a line of code\n".repeat(30)}${passwordLine()}`
    repo.commit({ "a.ts": text })
    repo.git("mv", "a.ts", "b.ts")
    repo.stage({ "b.ts": `${text}// and more\n` })
    expect((await repo.guard()).found).toEqual([])
    repo.stage({ "c.ts": text })
    // Git takes one of the two for the rename.
    expect((await repo.guard()).found).toHaveLength(1)
  })

  test("of a merge in progress, whose other side is in the history already", async () => {
    const repo = newRepo()
    repo.commit({ "a.ts": "a\n", "b.ts": "1\n2\n3\n4\n5\n6\n7\n8\n" })
    repo.git("checkout", "--quiet", "-b", "side")
    const theirs = passwordLine()
    repo.commit({ "b.ts": `${theirs}1\n2\n3\n4\n5\n6\n7\n8\n`, "key.pem": pemKey() })
    repo.git("checkout", "--quiet", "main")
    repo.commit({ "b.ts": "1\n2\n3\n4\n5\n6\n7\nours\n" })
    repo.git("merge", "--quiet", "--no-commit", "--no-ff", "side")
    expect(await repo.guard()).toMatchObject({ code: 0, found: [] })
    repo.stage({ "c.ts": passwordLine(), "b.ts": `${theirs}${passwordLine()}1\n2\n` })
    expect((await repo.guard()).found).toEqual([
      "b.ts:2 generic-password",
      "c.ts:1 generic-password",
    ])
  })
})

describe("what is not plain text", () => {
  test("binary files are searched for private keys only", async () => {
    const repo = newRepo()
    const zeros = Buffer.alloc(10)
    repo.stage({
      "a.bin": Buffer.concat([zeros, Buffer.from(pemKey())]),
      "b.bin": Buffer.concat([zeros, Buffer.from(passwordLine())]),
    })
    expect((await repo.guard()).found).toEqual(["a.bin:1 pem-private-key"])
  })

  test("UTF-16 with its mark is text", async () => {
    const repo = newRepo()
    const little = Buffer.from(`\ufeff// ä\n${passwordLine()}`, "utf16le")
    repo.stage({ "le.ts": little, "be.ts": Buffer.from(little).swap16() })
    const { found } = await repo.guard()
    expect(found).toEqual(["be.ts:2 generic-password", "le.ts:2 generic-password"])
  })

  test("LFS pointers pass, if they are nothing else", async () => {
    const repo = newRepo()
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"ab12".repeat(16)}\nsize 5\n`
    repo.stage({ "a.psd": pointer, "b.psd": `${pointer}${passwordLine()}` })
    expect((await repo.guard()).found).toEqual(["b.psd:4 generic-password"])
  })
})

describe("a range", () => {
  test("tells what each commit adds, what is removed again too", async () => {
    const repo = newRepo()
    const start = repo.commit({ "a.ts": passwordLine() })
    const bad = repo.commit({ "b.ts": passwordLine() })
    repo.commit({ "b.ts": "gone\n" })
    repo.commit({ "c.ts": "fine\n" })
    const { code, found, stdout } = await repo.guard({ is: "range", range: `${start}..HEAD` })
    expect({ code, found }).toEqual({ code: 1, found: ["b.ts:1 generic-password"] })
    expect(JSON.parse(stdout)).toMatchObject({ findings: [{ commit: bad }] })
    const all = await repo.guard({ is: "range", range: "HEAD" })
    expect(all.found).toEqual(["a.ts:1 generic-password", "b.ts:1 generic-password"])
  })

  test("tells of a merge what none of its parents has", async () => {
    const repo = newRepo()
    repo.commit({ "a.ts": "a\n" })
    repo.git("checkout", "--quiet", "-b", "side")
    repo.commit({ "b.ts": passwordLine() })
    repo.git("checkout", "--quiet", "main")
    const start = repo.commit({ "c.ts": "c\n" })
    repo.git("merge", "--quiet", "--no-commit", "--no-ff", "side")
    repo.stage({ "evil.ts": passwordLine() })
    repo.commit()
    const { found } = await repo.guard({ is: "range", range: `${start}..HEAD` })
    expect(found).toEqual(["b.ts:1 generic-password", "evil.ts:1 generic-password"])
  })

  test("from zeros is what no remote has: a branch that is pushed for the first time", async () => {
    const repo = newRepo()
    repo.commit({ "a.ts": passwordLine() })
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    const tip = repo.commit({ "b.ts": passwordLine() })
    const { found } = await repo.guard({ is: "range", range: `${"0".repeat(40)}..${tip}` })
    expect(found).toEqual(["b.ts:1 generic-password"])
  })

  test("that is none, or is an option, could not be looked at", async () => {
    const repo = newRepo()
    repo.commit({ "a.ts": "a\n" })
    for (const range of ["nothing..HEAD", "--all", "--output=x", "HEAD..", "..HEAD"]) {
      const { code, error } = await repo.guard({ is: "range", range })
      const isEmpty = range.startsWith("..") || range.endsWith("..")
      expect({ range, code, error }).toEqual(
        isEmpty ? { range, code: 0, error: undefined } : { range, code: 6, error: "GIT_FAILED" },
      )
    }
  })
})

describe("other subjects", () => {
  test("--all looks at the index and at HEAD", async () => {
    const repo = newRepo()
    repo.commit({ "folder/a.ts": passwordLine(), "b.ts": passwordLine() })
    repo.stage({ "b.ts": "gone\n", "c.ts": passwordLine() })
    const below = join(repo.top, "folder")
    const { found } = await repo.guard({ is: "all" }, {}, below)
    const paths = ["b.ts", "c.ts", "folder/a.ts"]
    expect(found).toEqual(paths.map((path) => `${path}:1 generic-password`))
  })

  test("--all in an empty repository, and a text", async () => {
    const repo = newRepo()
    expect(await repo.guard({ is: "all" })).toMatchObject({ code: 0, found: [] })
    const bytes = Buffer.from(`\n${pemKey()}`)
    expect((await repo.guard({ is: "text", bytes })).found).toEqual(["<stdin>:2 pem-private-key"])
  })

  test("paths are files and folders of the work tree", async () => {
    const repo = newRepo()
    repo.write("folder/a.pem", pemKey())
    repo.write("b.pem", pemKey())
    symlinkSync("b.pem", join(repo.top, "folder", "link"))
    const { found } = await repo.guard({ is: "paths", paths: ["folder"] })
    expect(found).toEqual(["folder/a.pem:1 pem-private-key"])
    const missing = await repo.guard({ is: "paths", paths: ["nothing"] })
    expect(missing).toMatchObject({ code: 2, error: "USAGE" })
  })
})

describe("what could not be looked at is stopped, with the reason", () => {
  test("outside of a repository", async () => {
    const repo = newRepo()
    const ran = await repo.run("people", { is: "staged" }, {}, "/")
    expect(ran).toMatchObject({ code: 3, error: "NO_REPOSITORY" })
    expect(ran.stderr).toContain("could not be looked at, so it is stopped")
  })

  test("without a git, and with a repository that git refuses", async () => {
    const repo = newRepo()
    const none = await repo.run("people", { is: "staged" }, { PATH: "/nowhere" })
    expect(none).toMatchObject({ code: 3, error: "NO_GIT" })
    repo.write(".git/config", "[core\n")
    expect(await repo.run("people")).toMatchObject({ code: 6, error: "GIT_FAILED" })
  })

  test("an object that is gone", async () => {
    const repo = newRepo()
    repo.stage({ "a.txt": "a\n" })
    const id = repo.git("hash-object", "a.txt")
    unlinkSync(join(repo.top, ".git", "objects", id.slice(0, 2), id.slice(2)))
    expect(await repo.run("people")).toMatchObject({ code: 6, error: "GIT_FAILED" })
  })
})

/** A clone with so many commits of four, of which the second has a key and the third has not. */
function shallow(depth: number): Repo {
  const origin = newRepo()
  origin.commit({ "a.txt": "a\n" })
  origin.git("branch", "base")
  origin.commit({ "key.pem": pemKey() })
  origin.git("rm", "--quiet", "key.pem")
  origin.commit()
  origin.commit({ "b.txt": "b\n" })
  const clone = new Repo(`${origin.top}-clone`)
  repos.push(clone)
  origin.git("clone", "--quiet", `--depth=${depth}`, `file://${origin.top}`, clone.top)
  return clone
}

describe("a range in a clone that has not all of it", () => {
  test("is refused where its history is cut off, and looked at where it is not", async () => {
    const clone = shallow(2)
    const cut = await clone.run("people", { is: "range", range: "HEAD" })
    expect(cut).toMatchObject({ error: "REPOSITORY_STATE" })
    expect((await clone.guard({ is: "range", range: "HEAD~..HEAD" })).code).toBe(0)
    clone.git("fetch", "--quiet", "--unshallow")
    const { found } = await clone.guard({ is: "range", range: "HEAD" })
    expect(found).toEqual(["key.pem:1 pem-private-key"])
  })

  test("says what to fetch if an end of it is not there", async () => {
    const clone = shallow(1)
    const said = await clone.run("people", { is: "range", range: "origin/nowhere..HEAD" })
    expect(said).toMatchObject({ error: "GIT_FAILED", code: 6 })
  })
})

test("a range in a repository without a work tree", async () => {
  const repo = newRepo()
  repo.commit({ "key.pem": pemKey() })
  const bare = new Repo(`${repo.top}-bare`)
  repos.push(bare)
  repo.git("clone", "--quiet", "--bare", repo.top, bare.top)
  expect((await bare.guard({ is: "range", range: "HEAD" })).found).toEqual([
    "key.pem:1 pem-private-key",
  ])
})
