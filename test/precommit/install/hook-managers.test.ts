import { execFileSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs"
import { userInfo } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { describe, expect, test } from "vitest"
import { parse } from "yaml"
import {
  asColleague,
  bundle,
  commit,
  everything,
  expectGuarded,
  expectMade,
  expectStopped,
  guard,
  newRepo,
  root,
  run,
  script,
} from "../hooked.js"
import { pemKey } from "../keys.js"
import { testWith } from "./managers.js"
import type { Repo } from "../repo.js"

function huskyRepo(...args: readonly string[]): Repo {
  const repo = newRepo()
  runHusky(repo, ...args)
  return repo
}

function runHusky(repo: Repo, ...args: readonly string[]): void {
  const husky = join(root, "node_modules/husky/bin.js")
  expect(run(repo, process.execPath, husky, ...args)).toMatchObject({ code: 0 })
}

describe("through husky", () => {
  test("where it has no pre-commit yet", () => {
    const repo = huskyRepo()
    expect(guard(repo, "install")).toMatchObject({ code: 0 })
    expectGuarded(repo)
    guard(repo, "uninstall")
    expect(existsSync(join(repo.top, ".husky/pre-commit"))).toBe(false)
  })

  test("whatever the environment says", () => {
    const repo = huskyRepo()
    expect(guard(repo, "install")).toMatchObject({ code: 0 })
    Object.assign(repo.env, { AGENT_VAULT_GUARD: "rest" })
    expectGuarded(repo)
    asColleague(repo)
    expectGuarded(repo)
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
      asColleague(repo)
      expectGuarded(repo)
      repo.stage({ "more.txt": "and more\n" })
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

  test("in a folder below the top: beside its own hook, with the agent-vault that is there", () => {
    const repo = huskyRepo("web/.husky")
    repo.write("web/.husky/pre-commit", "echo the other ran\n")
    const before = everything(repo, "web/.husky", "web/.husky/_")
    const { code, said } = guard(repo, "install")
    expect(code).toBe(0)
    expect(said).toContain("  commit web/.husky/pre-commit,")
    expectGuarded(repo)
    asColleague(repo)
    expectGuarded(repo)
    runHusky(repo, "web/.husky")
    expectGuarded(repo)
    repo.stage({ "more.txt": "more\n" })
    expect(commit(repo).said).toContain("the other ran")

    repo.write(".gitignore", "node_modules/\n")
    mkdirSync(join(repo.top, "web/node_modules/.bin"), { recursive: true })
    const program = join(repo.top, "web/node_modules/.bin/agent-vault")
    symlinkSync(join(bundle, "cli/bin.cjs"), program)
    Object.assign(repo.env, { PATH: process.env["PATH"] })
    expectGuarded(repo)
    guard(repo, "uninstall")
    expect(everything(repo, "web/.husky", "web/.husky/_")).toEqual(before)
  })

  test("where no node is found: stopped, in words of the guard", () => {
    const repo = huskyRepo()
    guard(repo, "install")
    asColleague(repo)
    script(repo, "node_modules/.bin/agent-vault", "#!/usr/bin/env no-such-node\n")
    repo.stage({ "a.txt": "a\n" })
    const { code, said } = commit(repo)
    expect(code).not.toBe(0)
    expect(said).toContain("was not found, so this commit is stopped")
  })

  test("after a hook of ours in the clone: both are found, and named", () => {
    const repo = newRepo()
    guard(repo, "install")
    runHusky(repo)
    guard(repo, "install")
    const { said } = guard(repo, "uninstall")
    expect(said).toContain("gone from .husky/pre-commit (husky)")
    expect(said).toContain("gone from .git/hooks/pre-commit (hooks)")
    expect(existsSync(join(repo.top, ".git/hooks/pre-commit"))).toBe(false)
  })

  test("whose own failure stops a commit, and which has not run in this clone yet", () => {
    const repo = huskyRepo()
    repo.write(".husky/pre-commit", "false\n")
    expect(guard(repo, "install")).toMatchObject({ code: 0 })
    repo.stage({ "a.txt": "a\n" })
    expect(commit(repo).code).not.toBe(0)
    repo.git("config", "--unset", "core.hooksPath")
    expectGuarded(repo)
    asColleague(repo)
    const { code, said } = guard(repo, "status")
    expect(code).toBe(1)
    expect(said).toContain("next: agent-vault guard install")
    expect(guard(repo, "install").code).toBe(0)
    expectGuarded(repo)
  })
})

interface Lefthook {
  readonly "pre-commit": {
    readonly jobs: readonly { readonly run: string }[]
  }
}

/** What is told to be added by hand, added where it says HERE; refused and unchanged before. */
function pasted(repo: Repo, file: string, text: string, other: string): string {
  const before = text.replace("HERE", other)
  repo.write(file, before)
  const { code, said } = guard(repo, "install")
  expect(code).toBe(2)
  expect(said).not.toContain("\\u{a}")
  expect(readFileSync(join(repo.top, file), "utf8")).toBe(before)
  const [, told = ""] = /by hand.*?: (.*)$/m.exec(said) ?? []
  return text.replace("HERE", `${other}, ${told}`)
}

/** A repository in which lefthook is on PATH. */
function lefthookRepo(folder: string, text: string): Repo {
  const repo = newRepo()
  Object.assign(repo.env, { PATH: `${folder}${delimiter}${repo.env["PATH"] ?? ""}` })
  repo.write("lefthook.yml", text)
  return repo
}

describe("through lefthook", () => {
  const configs = {
    jobs: "pre-commit:\n  jobs:\n    - name: other\n      run: echo the other ran\n\ncommit-msg:\n  jobs: []\n",
    commands:
      "# ours\npre-commit:\n    parallel: true\n    commands:\n        other:\n            run: echo the other ran",
    empty: "",
    elsewhere: 'commit-msg:\n  commands:\n    other:\n      run: "true"\n',
    bare: "pre-commit:\n  parallel: false\n",
    "nothing in it": "pre-commit: {} # later\n\ncommit-msg:\n  jobs: []\n",
    "no jobs": "pre-commit:\n  parallel: false\n  jobs: []\n",
    "no commands, with CR LF": "pre-commit:\r\n  commands: {}\r\n",
    "with CR LF":
      "pre-commit:\r\n  jobs:\r\n    - run: echo the other ran\r\n\r\ncommit-msg:\r\n  jobs: []\r\n",
    "with quotes, groups and comments":
      '# a\n"pre-commit":\n  "jobs":\n  - group:\n      jobs:\n        - run: echo the other ran\n  - run: |\n      echo and more\n\n      # the last\n  # later: a job\n\n# b\ncommit-msg:\n  jobs: []\n',
  }

  test.each([
    ["pre-commit: { jobs: [HERE] }\n", "{ run: echo }"],
    ["pre-commit:\n  jobs: [HERE]\n", "{ run: echo }"],
  ])("what is not understood is left alone, and what is said can be pasted: %s", (text, other) => {
    const repo = newRepo()
    const told = pasted(repo, "lefthook.yml", text, other)
    const { jobs } = (parse(told) as Lefthook)["pre-commit"]
    expect(jobs[1]?.run).toBe('PATH="$PWD/node_modules/.bin:$PATH"; agent-vault guard')
  })

  test("in its other languages: the same command by hand", () => {
    const repo = newRepo()
    repo.write("lefthook.toml", "")
    const { code, said } = guard(repo, "install")
    expect(code).toBe(2)
    expect(said).toContain('PATH="$PWD/node_modules/.bin:$PATH"; agent-vault guard')
  })

  test.each([
    ["a list without an end", "pre-commit:\n  jobs:\n   - run: [\n", "line 4"],
    ["a text without an end", 'pre-commit:\n  jobs:\n    - run: "abc\n', "line 4"],
    ["a tab", "pre-commit:\n\tjobs:\n", "line 2"],
    ["a key twice", "pre-commit:\n  jobs:\npre-commit:\n  jobs:\n", "line 3"],
  ])("what is not YAML is left alone, and it is said where: %s", (_name, text, line) => {
    const repo = newRepo()
    repo.write("lefthook.yml", text)
    const { code, said } = guard(repo, "install")
    expect(code).toBe(2)
    expect(said).toContain("lefthook.yml is not valid YAML")
    expect(said).toContain(line)
    expect(readFileSync(join(repo.top, "lefthook.yml"), "utf8")).toBe(text)
  })

  test("what would be no YAML any more is left alone", () => {
    const repo = newRepo()
    const text = '{\n"pre-commit":\n\n}\n'
    repo.write("lefthook.yml", text)
    expect(guard(repo, "install").code).toBe(2)
    expect(readFileSync(join(repo.top, "lefthook.yml"), "utf8")).toBe(text)
  })

  for (const [name, text] of Object.entries(configs)) {
    testWith("lefthook", `commits are guarded: ${name}`, (folder) => {
      const repo = lefthookRepo(folder, text)
      const before = everything(repo, ".")
      expectMade(run(repo, "lefthook", "install"))
      const isActive = existsSync(join(repo.top, ".git/hooks/pre-commit"))
      const installed = guard(repo, "install")
      // lefthook makes a hook when its configuration names it, which may be only now.
      expect([installed.code, installed.said.includes("npx lefthook install")]).toEqual(
        isActive ? [0, false] : [1, true],
      )
      const once = readFileSync(join(repo.top, "lefthook.yml"), "utf8")
      guard(repo, "install")
      expect(readFileSync(join(repo.top, "lefthook.yml"), "utf8")).toBe(once)
      expectMade(run(repo, "lefthook", "install"))
      const hooks = everything(repo, ".git/hooks")
      expect(guard(repo, "status").code).toBe(0)
      expectGuarded(repo)
      guard(repo, "uninstall")
      expect(everything(repo, ".")).toMatchObject(before)
      expect(everything(repo, ".git/hooks")).toEqual(hooks)
    })
  }

  for (const kind of ["jobs", "commands"]) {
    testWith("lefthook", `what others add to the index is looked at: ${kind}`, (folder) => {
      const add = "cp made.txt key.pem && git add key.pem"
      const other =
        kind === "jobs" ? `- name: other\n      run: ${add}` : `zebra:\n      run: ${add}`
      const repo = lefthookRepo(folder, `pre-commit:\n  ${kind}:\n    ${other}\n`)
      expectMade(run(repo, "lefthook", "install"))
      guard(repo, "install")
      repo.write("made.txt", pemKey())
      repo.stage({ "a.txt": "a\n" })
      expectStopped(repo, commit(repo))
      repo.write("made.txt", "nothing\n")
      expectMade(commit(repo))
    })
  }
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

function frameworkRepo(python: string, text: string): Repo {
  const repo = newRepo()
  repo.write(".pre-commit-config.yaml", text)
  installFramework(repo, python)
  return repo
}

function installFramework(repo: Repo, python: string): void {
  Object.assign(repo.env, {
    PRE_COMMIT_HOME: join(repo.top, ".git/framework"),
    // What has been fetched once need not be fetched again.
    npm_config_cache: join(userInfo().homedir, ".npm"),
    NODE_EXTRA_CA_CERTS: process.env["TEST_EXTRA_CA_CERTS"],
  })
  expectMade(run(repo, python, "-m", "pre_commit", "install"))
}

/** A repository with the files of ours, as they are in this work tree. */
function copyOfOurs(): Repo {
  const ours = newRepo()
  const files = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" })
  for (const file of files
    .split("\0")
    .filter((name) => name !== "" && existsSync(join(root, name)))) {
    mkdirSync(dirname(join(ours.top, file)), { recursive: true })
    cpSync(join(root, file), join(ours.top, file))
  }
  ours.git("add", "--all")
  ours.commit()
  return ours
}

describe("through the pre-commit framework", () => {
  const configs = {
    indented: `default_stages: [pre-push]\nrepos:\n${otherHook("  ")}`,
    flush: `repos:\n${otherHook("")}fail_fast: true\n`,
    "with comments and CR LF":
      `repos:\n${otherHook("  ")}  # - repo: later\n# the end\nci:\n  skip: []\n`.replaceAll(
        "\n",
        "\r\n",
      ),
    "without an end": `repos:\n${otherHook("  ").trimEnd()}`,
    "with none yet": "fail_fast: true\nrepos: []\n",
  }

  test("what is not understood is left alone, and what is said can be pasted", () => {
    const other = "{ repo: meta, hooks: [{ id: identity }] }"
    const told = pasted(newRepo(), ".pre-commit-config.yaml", "repos: [HERE]\n", other)
    const { repos } = parse(told) as { repos: { hooks: Record<string, unknown>[] }[] }
    expect(repos[1]?.hooks[0]).toMatchObject({
      id: "agent-vault-guard",
      entry: `sh -c 'PATH="$PWD/node_modules/.bin:$PATH"; agent-vault guard'`,
      stages: ["pre-commit"],
    })
  })

  test("anchors are YAML, and a list that has one is not touched", () => {
    const repo = newRepo()
    const text = `x-version: &version 1.0\nrepos:\n${otherHook("  ")}    rev: *version\n`
    repo.write(".pre-commit-config.yaml", text)
    const { said } = guard(repo, "install")
    expect(said).toContain("The guard is in .pre-commit-config.yaml")
    expect(said).toContain("pre-commit install")
    guard(repo, "uninstall")
    expect(readFileSync(join(repo.top, ".pre-commit-config.yaml"), "utf8")).toBe(text)
  })

  for (const [name, text] of Object.entries(configs)) {
    testWith("pre-commit", `commits are guarded: ${name}`, (python) => {
      const repo = frameworkRepo(python, text)
      const hooks = everything(repo, ".git/hooks")
      guard(repo, "install")
      guard(repo, "install")
      expect(
        readFileSync(join(repo.top, ".pre-commit-config.yaml"), "utf8").match(/id: agent/g),
      ).toHaveLength(1)
      repo.git("add", ".pre-commit-config.yaml")
      repo.write("unstaged.txt", "mine\n")
      expect(guard(repo, "status")).toMatchObject({ code: 0 })
      expectGuarded(repo)
      guard(repo, "uninstall")
      expect(readFileSync(join(repo.top, ".pre-commit-config.yaml"), "utf8")).toBe(text)
      expect(everything(repo, ".git/hooks")).toEqual(hooks)
    })
  }

  testWith("pre-commit", "what others add to the index is looked at", (python) => {
    const repo = frameworkRepo(
      python,
      `repos:\n${otherHook("  ").replace("echo the other ran", "sh add.sh")}`,
    )
    guard(repo, "install")
    repo.git("add", ".pre-commit-config.yaml")
    script(repo, "add.sh", "cp made.txt key.pem && git add key.pem\n")
    repo.write("made.txt", pemKey())
    repo.write("key.pem", "")
    repo.stage({ "a.txt": "a\n" })
    expectStopped(repo, commit(repo))
    repo.write("made.txt", "nothing\n")
    expectMade(commit(repo))
  })

  testWith(
    "pre-commit",
    "installed over a hook of ours: which it sets aside, and still runs",
    (python) => {
      const repo = newRepo()
      guard(repo, "install")
      repo.write(".pre-commit-config.yaml", `repos:\n${otherHook("  ")}`)
      repo.git("add", ".pre-commit-config.yaml")
      installFramework(repo, python)
      expect(existsSync(join(repo.top, ".git/hooks/pre-commit.legacy"))).toBe(true)
      expectGuarded(repo)
    },
  )

  testWith("pre-commit", "from our repository, named in `repos`", (python) => {
    const ours = copyOfOurs()
    const repo = frameworkRepo(
      python,
      `repos:\n  - repo: ${ours.top}\n    rev: ${ours.git("rev-parse", "HEAD")}\n    hooks:\n      - id: agent-vault-guard\n`,
    )
    Object.assign(repo.env, { PATH: process.env["PATH"] })
    repo.git("add", ".pre-commit-config.yaml")
    expectGuarded(repo)
    expect(guard(repo, "status").code).toBe(0)
    expect(guard(repo, "install").said).toContain("already")
  })

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
