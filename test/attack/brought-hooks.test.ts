import { execFileSync } from "node:child_process"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { Machine, type Ran } from "./arena.js"

// A repository that came as a folder brings hooks, and a configuration that says where they are.
// `guard status` runs none of them unless the user says so, and `guard install` writes nowhere else.
// Each of them is shown to run with plain git first.

let machine: Machine
let executed: string

beforeEach(() => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-brought-")))
  mkdirSync(join(folder, "repo"))
  machine = new Machine(folder, process.env)
  machine.git("init", "--quiet", "--template=", "-b", "main")
  executed = join(folder, "executed")
})
afterEach(() => machine.remove())

/** A program that says that it ran. */
function canary(path: string): void {
  const file = join(machine.top, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `#!/bin/sh\necho "$0" >> '${executed}'\n`)
  chmodSync(file, 0o755)
}

/** Whether a canary ran, which is forgotten then. */
function ran(): boolean {
  const it = existsSync(executed)
  rmSync(executed, { force: true })
  return it
}

function plainCommit(): void {
  machine.git("commit", "--quiet", "--allow-empty", "-m", "x")
}

function guard(...args: readonly string[]): Ran {
  return machine.run(["guard", ...args])
}

const BROUGHT: Record<string, { readonly hook: string; readonly bring: () => void }> = {
  "in .git/hooks": {
    hook: ".git/hooks/pre-commit",
    bring: () => canary(".git/hooks/pre-commit"),
  },
  "in a folder that core.hooksPath names": {
    hook: "tools/hooks/pre-commit",
    bring: () => {
      canary("tools/hooks/pre-commit")
      machine.git("config", "core.hooksPath", "tools/hooks")
    },
  },
  "in a folder outside that core.hooksPath names": {
    hook: "elsewhere/pre-commit",
    bring: () => {
      canary("../elsewhere/pre-commit")
      machine.git("config", "core.hooksPath", join(machine.folder, "elsewhere"))
    },
  },
  "by a configuration that is included": {
    hook: "tools/hooks/pre-commit",
    bring: () => {
      canary("tools/hooks/pre-commit")
      machine.write("tools/gitconfig", "[core]\n\thooksPath = tools/hooks\n")
      machine.git("config", "include.path", "../tools/gitconfig")
    },
  },
  "by the configuration of a work tree": {
    hook: "tools/hooks/pre-commit",
    bring: () => {
      canary("tools/hooks/pre-commit")
      machine.git("config", "extensions.worktreeConfig", "true")
      machine.git("config", "--worktree", "core.hooksPath", "tools/hooks")
    },
  },
  "through a link in .git/hooks": {
    hook: ".git/hooks/pre-commit",
    bring: () => {
      canary("tools/evil.sh")
      mkdirSync(join(machine.top, ".git/hooks"))
      symlinkSync("../../tools/evil.sh", join(machine.top, ".git/hooks/pre-commit"))
    },
  },
  "as husky's": {
    hook: ".husky/_/pre-commit",
    bring: () => {
      canary(".husky/_/pre-commit")
      machine.write(".husky/_/h", "")
      machine.git("config", "core.hooksPath", ".husky/_")
    },
  },
  "where all of a user's repositories have theirs": {
    hook: ".githooks/pre-commit",
    bring: () => {
      canary(".githooks/pre-commit")
      const global = join(machine.folder, "global")
      writeFileSync(global, "[user]\n\tname = a\n\temail = a@b\n[core]\n\thooksPath = .githooks\n")
      Object.assign(machine.env, { GIT_CONFIG_GLOBAL: global })
    },
  },
}

describe.each(Object.entries(BROUGHT))("a hook %s", (_where, { hook, bring }) => {
  beforeEach(() => {
    bring()
    plainCommit()
    expect(ran(), "with plain git").toBe(true)
  })

  test("is not run by guard status, which names it and the way", () => {
    const status = guard("status")
    expect(ran()).toBe(false)
    expect(status.code).toBe(1)
    expect(status.stderr).toContain(`Not tried: that would run ${inFull(hook)}`)
    expect(status.stderr).toContain("agent-vault guard status --run-hooks")
    const json = JSON.parse(guard("status", "--json").stdout) as object
    expect(json).toMatchObject({ guarded: null, proof: expect.stringContaining(hook) as string })
    expect(ran()).toBe(false)
  })

  test("is run if the user says so", () => {
    expect(guard("status", "--run-hooks").code).toBe(1)
    expect(ran()).toBe(true)
  })

  test("is named to a person, who decides", () => {
    const question = `${inFull(hook)} has to run`
    const no = machine.atTerminal(["guard", "status"], { answers: [[question, "no"]] })
    expect(no.code).toBe(1)
    expect(ran()).toBe(false)
    const yes = machine.atTerminal(["guard", "status"], { answers: [[question, "yes"]] })
    expect(yes.stdout).toContain("would go through")
    expect(ran()).toBe(true)
  })

  test("is not run by guard install, uninstall, or a look", () => {
    for (const args of [["install"], ["uninstall"], [], ["--all"], ["--range", "HEAD~0"]]) {
      guard(...args)
      expect(ran(), args.join(" ")).toBe(false)
    }
  })
})

/** A file, as the messages name it. */
function inFull(hook: string): string {
  return hook.startsWith("elsewhere") ? join(machine.folder, hook) : hook
}

test("the guard's own hook needs nobody's word, and one that only looks like it does", () => {
  expect(guard("install")).toMatchObject({ code: 0 })
  expect(guard("status").stderr).toContain("would be stopped (dry run)")
  const file = join(machine.top, ".git/hooks/pre-commit")
  const ours = readFileSync(file, "utf8")
  // The programs that a hook names are whoever's wrote it, and its digest is no signature.
  canary("tools/node")
  writeFileSync(file, ours.replaceAll(process.execPath, join(machine.top, "tools/node")))
  const status = guard("status")
  expect(ran()).toBe(false)
  expect(status.code).toBe(1)
  expect(status.stderr).toContain("Not tried: that would run .git/hooks/pre-commit")
})

test("a hook of the guard's that everybody shares runs what the repository brings, so it is asked", () => {
  machine.git("config", "core.hooksPath", "tools/hooks")
  canary("node_modules/.bin/agent-vault")
  const installed = guard("install")
  expect(installed.code).toBe(1)
  expect(installed.stderr).toContain("The guard is in tools/hooks/pre-commit")
  expect(installed.stderr).toContain("Not tried: that would run tools/hooks/pre-commit")
  expect(ran()).toBe(false)
  expect(() => plainCommit()).not.toThrow()
  expect(ran(), "with plain git").toBe(true)
})

test("hooks that the user's own settings keep elsewhere are the user's", () => {
  canary("../mine/pre-commit")
  const global = join(machine.folder, "global")
  writeFileSync(global, `[core]\n\thooksPath = ${machine.folder}/mine\n`)
  Object.assign(machine.env, { GIT_CONFIG_GLOBAL: global })
  expect(guard("status").stderr).toContain("would go through")
  expect(ran()).toBe(true)
})

describe("guard install writes into the repository alone", () => {
  /** Each leads to the folder `victim`, outside. */
  const LED: Record<string, () => void> = {
    "core.hooksPath, absolute": () =>
      void machine.git("config", "core.hooksPath", join(machine.folder, "victim")),
    "core.hooksPath, relative": () => void machine.git("config", "core.hooksPath", "../victim"),
    "core.hooksPath, to a new folder": () =>
      void machine.git("config", "core.hooksPath", "../victim/new/hooks"),
    "core.hooksPath through a link": () => {
      symlinkSync("../victim", join(machine.top, "inside"))
      machine.git("config", "core.hooksPath", "inside")
    },
    "core.hooksPath through a link, to a new folder": () => {
      symlinkSync("../victim", join(machine.top, "inside"))
      machine.git("config", "core.hooksPath", "inside/new")
    },
    ".git/hooks that is a link": () => symlinkSync("../../victim", join(machine.top, ".git/hooks")),
    "a folder of husky's that is a link": () => {
      symlinkSync("../victim", join(machine.top, ".husky"))
      machine.git("config", "core.hooksPath", ".husky/_")
    },
    "a folder of lefthook's that is a link": () => {
      writeFileSync(join(machine.folder, "victim/lefthook.yml"), "")
      symlinkSync("../victim", join(machine.top, ".config"))
    },
  }

  test.each(Object.entries(LED))("and not through %s", (_how, lead) => {
    const victim = join(machine.folder, "victim")
    mkdirSync(victim)
    lead()
    const before = contents(victim)
    for (const action of ["install", "status", "uninstall"]) {
      const { code, stderr } = guard(action)
      expect(contents(victim)).toEqual(before)
      if (action !== "install") continue
      expect({ code, stderr }).toMatchObject({
        code: 5,
        stderr: expect.stringContaining(victim) as string,
      })
      expect(stderr).toContain("FILE_UNSAFE")
    }
  })

  test("and uninstall leaves a hook of the guard's in a folder that is not this repository's", () => {
    const other = join(machine.folder, "other")
    mkdirSync(other)
    machine.git("init", "--quiet", "--template=", other)
    expect(machine.run(["guard", "install"], { cwd: other }).code).toBe(0)
    const before = contents(join(other, ".git/hooks"))
    machine.git("config", "core.hooksPath", join(other, ".git/hooks"))
    guard("uninstall")
    expect(contents(join(other, ".git/hooks"))).toEqual(before)
  })

  test("which is also its Git folder, where that is elsewhere", () => {
    plainCommit()
    machine.git("worktree", "add", "--quiet", "../tree", "-b", "other")
    expect(machine.run(["guard", "install"], { cwd: join(machine.folder, "tree") }).code).toBe(0)
    expect(existsSync(join(machine.top, ".git/hooks/pre-commit"))).toBe(true)
  })
})

test("a hook that is a pipe is not waited for", () => {
  mkdirSync(join(machine.top, ".git/hooks"))
  execFileSync("mkfifo", ["-m", "700", join(machine.top, ".git/hooks/pre-commit")])
  machine.write("lefthook.yml", "pre-commit:\n")
  expect(machine.run(["guard", "status"]).code).toBe(1)
})

test("a configuration that is a pipe is not waited for", () => {
  execFileSync("mkfifo", [join(machine.top, ".pre-commit-config.yaml")])
  expect(machine.run(["guard", "status"]).code).toBe(1)
})

function contents(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]),
  )
}
