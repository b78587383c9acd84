import { execFileSync, spawnSync } from "node:child_process"
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { pemKey } from "./keys.js"
import { Repo } from "./repo.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
/** A folder for PATH with the command in it, as it was built: a copy, so that a new build changes nothing. */
const bundle = mkdtempSync(join(tmpdir(), "agent-vault-program-"))

beforeAll(() => {
  cpSync(join(root, "dist/cli"), join(bundle, "cli"), { recursive: true })
  symlinkSync("cli/bin.cjs", join(bundle, "agent-vault"))
})
afterAll(() => rmSync(bundle, { recursive: true, force: true }))

const repos: Repo[] = []
afterEach(() => {
  for (const repo of repos.splice(0)) repo.remove()
})

/** A repository of somebody on whose PATH is agent-vault, unless it is said otherwise. */
function newRepo(path = `${bundle}${delimiter}${process.env["PATH"] ?? ""}`): Repo {
  const repo = Repo.make()
  repos.push(repo)
  Object.assign(repo.env, { PATH: path })
  return repo
}

interface Ran {
  readonly code: number | null
  readonly said: string
}

function run(repo: Repo, command: string, ...args: readonly string[]): Ran {
  const options = { cwd: repo.top, env: repo.env as NodeJS.ProcessEnv, encoding: "utf8" as const }
  const { status, stdout, stderr } = spawnSync(command, args, options)
  return { code: status, said: `${stdout}${stderr}` }
}

const guard = (repo: Repo, action: string): Ran =>
  run(repo, process.execPath, join(bundle, "agent-vault"), "guard", action)
const commit = (repo: Repo): Ran => run(repo, "git", "commit", "-m", "a commit")

/** A commit with a key is stopped, and without it let through. */
function expectGuarded(repo: Repo): void {
  repo.stage({ "key.pem": pemKey(), "fine.txt": `${Math.random()}\n` })
  const stopped = commit(repo)
  expect(stopped.said).toContain("key.pem:1:1")
  expect(stopped.code).not.toBe(0)
  repo.git("rm", "--quiet", "--force", "key.pem")
  expect(commit(repo)).toMatchObject({ code: 0 })
}

function script(repo: Repo, path: string, text: string): void {
  repo.write(path, text)
  chmodSync(join(repo.top, path), 0o755)
}

/** Every file below the Git folder's hooks and the top, by its content and mode. */
function everything(repo: Repo, ...folders: readonly string[]): Record<string, string> {
  const files = folders.flatMap((folder) =>
    existsSync(join(repo.top, folder))
      ? readdirSync(join(repo.top, folder)).map((name) => join(folder, name))
      : [`${folder} is not there`],
  )
  return Object.fromEntries(files.map((file) => [file, stateOf(join(repo.top, file))]))
}

function stateOf(file: string): string {
  const stat = lstatSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return "nothing"
  if (stat.isSymbolicLink()) return `link to ${readlinkSync(file)}`
  return stat.isFile() ? `${stat.mode.toString(8)} ${readFileSync(file, "utf8")}` : "folder"
}

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
    const tree = new Repo(`${repo.top}-tree`)
    repos.push(tree)
    Object.assign(tree.env, { PATH: repo.env["PATH"] })
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

function huskyRepo(): Repo {
  const repo = newRepo()
  const husky = join(root, "node_modules/husky/bin.js")
  expect(run(repo, process.execPath, husky)).toMatchObject({ code: 0 })
  return repo
}

describe("through husky", () => {
  test("where it has no pre-commit yet", () => {
    const repo = huskyRepo()
    expect(guard(repo, "install")).toMatchObject({ code: 0 })
    expectGuarded(repo)
    guard(repo, "uninstall")
    expect(existsSync(join(repo.top, ".husky/pre-commit"))).toBe(false)
  })

  test("around a script that ends early, with and without CR LF", () => {
    for (const text of [
      "echo 'the other ran'\nexit 0\n",
      "#!/bin/sh\nexec echo 'the other ran'",
      "",
    ]) {
      const repo = huskyRepo()
      repo.write(".husky/pre-commit", text)
      const before = everything(repo, ".husky")
      expect(guard(repo, "install")).toMatchObject({ code: 0 })
      expect(guard(repo, "install").said).toContain("already")
      expectGuarded(repo)
      repo.stage({ "more.txt": "more\n" })
      expect(commit(repo).said.includes("the other ran")).toBe(text !== "")
      const [first = "", ...rest] = readFileSync(join(repo.top, ".husky/pre-commit"), "utf8").split(
        "\n",
      )
      const inserted = first.startsWith("#!")
        ? [first, `${rest[0]}\r`, ...rest.slice(1)]
        : [`${first}\r`, ...rest]
      repo.write(".husky/pre-commit", inserted.join("\n"))
      expectGuarded(repo)
      guard(repo, "uninstall")
      expect(everything(repo, ".husky")).toEqual(before)
    }
  })

  test("whose own failure stops a commit, and which is not installed in this clone yet", () => {
    const repo = huskyRepo()
    repo.write(".husky/pre-commit", "false\n")
    expect(guard(repo, "install")).toMatchObject({ code: 0 })
    repo.stage({ "a.txt": "a\n" })
    expect(commit(repo).code).not.toBe(0)
    repo.git("config", "--unset", "core.hooksPath")
    const { code, said } = guard(repo, "status")
    expect(code).toBe(1)
    expect(said).toContain("npx husky")
  })
})

/** A manager's program: from node_modules, or on PATH. */
function find(name: string): string | undefined {
  const own = join(root, "node_modules/.bin", name)
  if (existsSync(own)) return own
  const found = spawnSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).stdout.trim()
  return found === "" ? undefined : found
}

describe("through lefthook", () => {
  const lefthook = find("lefthook")
  const configs = {
    jobs: "pre-commit:\n  jobs:\n    - name: other\n      run: echo the other ran\n\ncommit-msg:\n  jobs: []\n",
    commands:
      "# ours\npre-commit:\n    parallel: true\n    commands:\n        other:\n            run: echo the other ran",
    empty: "",
    elsewhere: 'commit-msg:\n  commands:\n    other:\n      run: "true"\n',
    bare: "pre-commit:\n  parallel: false\n",
  }

  test.each(Object.entries(configs))(
    "its configuration is changed, and back: %s",
    (_name, text) => {
      const repo = newRepo()
      repo.write("lefthook.yml", text)
      guard(repo, "install")
      const once = readFileSync(join(repo.top, "lefthook.yml"), "utf8")
      expect(once).toContain("agent-vault guard")
      guard(repo, "install")
      expect(readFileSync(join(repo.top, "lefthook.yml"), "utf8")).toBe(once)
      guard(repo, "uninstall")
      expect(readFileSync(join(repo.top, "lefthook.yml"), "utf8")).toBe(text)
    },
  )

  test("what is not understood is left alone, and said", () => {
    for (const text of [
      "pre-commit: { jobs: [{ run: echo }] }\n",
      "pre-commit:\n  jobs: [{ run: echo }]\n",
    ]) {
      const repo = newRepo()
      repo.write("lefthook.yml", text)
      expect(guard(repo, "install")).toMatchObject({ code: 2 })
      expect(readFileSync(join(repo.top, "lefthook.yml"), "utf8")).toBe(text)
    }
  })

  // Where it is not installed, its configuration is all that can be tried.
  test.each(lefthook === undefined ? [] : Object.entries(configs))(
    "commits are guarded: %s",
    (_name, text) => {
      const repo = newRepo()
      repo.write("lefthook.yml", text)
      guard(repo, "install")
      expect(run(repo, lefthook ?? "", "install").code).toBe(0)
      expect(guard(repo, "status")).toMatchObject({ code: 0 })
      expectGuarded(repo)
    },
  )
})

const otherHook = (indent: string): string =>
  [
    "- repo: local",
    "  hooks:",
    "    - id: other",
    "      name: other",
    "      entry: echo the other ran",
    "      language: system",
  ]
    .map((line) => `${indent}${line}\n`)
    .join("")

describe("through the pre-commit framework", () => {
  const program = find("pre-commit")
  const configs = {
    indented: `default_stages: [pre-push]\nrepos:\n${otherHook("  ")}`,
    flush: `repos:\n${otherHook("")}fail_fast: true\n`,
    "without an end": `repos:\n${otherHook("  ").trimEnd()}`,
  }

  test.each(Object.entries(configs))(
    "its configuration is changed, and back: %s",
    (_name, text) => {
      const repo = newRepo()
      repo.write(".pre-commit-config.yaml", text)
      const installed = guard(repo, "install")
      expect(installed.said).toContain("pre-commit install")
      guard(repo, "install")
      expect(
        readFileSync(join(repo.top, ".pre-commit-config.yaml"), "utf8").match(/id: agent/g),
      ).toHaveLength(1)
      guard(repo, "uninstall")
      expect(readFileSync(join(repo.top, ".pre-commit-config.yaml"), "utf8")).toBe(text)
    },
  )

  // Where it is not installed, its configuration is all that can be tried.
  test.each(program === undefined ? [] : Object.entries(configs))(
    "commits are guarded: %s",
    (_name, text) => {
      const repo = newRepo()
      repo.write(".pre-commit-config.yaml", text)
      guard(repo, "install")
      repo.git("add", ".pre-commit-config.yaml")
      expect(run(repo, program ?? "", "install").code).toBe(0)
      repo.write("unstaged.txt", "mine\n")
      expect(guard(repo, "status")).toMatchObject({ code: 0 })
      expectGuarded(repo)
    },
  )

  test("a hook of ours that it has set aside is found, and goes", () => {
    const repo = newRepo()
    guard(repo, "install")
    const hooks = join(repo.top, ".git/hooks")
    execFileSync("mv", [join(hooks, "pre-commit"), join(hooks, "pre-commit.legacy")])
    repo.write(".pre-commit-config.yaml", "repos:\n")
    guard(repo, "uninstall")
    expect(existsSync(join(hooks, "pre-commit.legacy"))).toBe(false)
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
