import { execFileSync } from "node:child_process"
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { refuseLinksOut } from "../../src/core/git/git-links.js"
import { outcome } from "../core/world.js"
import { type Arena, type Machine, copyMachine, makeArena } from "./arena.js"

// What commands clear away, and whom they talk to, in a repository that came with its .git.

let stage: Arena
let alice: Machine

beforeAll(async () => {
  stage = await makeArena()
})
afterAll(() => stage.remove())
beforeEach(() => {
  alice = copyMachine(stage.alice)
})
afterEach(() => alice.remove())

/** A folder of the user's, with names such as our own leftovers begin with. */
function makeOld(folder: string): readonly string[] {
  const old = new Date("2020-01-01")
  for (const name of [".tmp-thesis", "index-of-photos", "merge-notes", "tmp_agent-vault-x"]) {
    mkdirSync(join(folder, name), { recursive: true })
    writeFileSync(join(folder, name, "file"), "mine")
    utimesSync(join(folder, name), old, old)
  }
  writeFileSync(join(folder, ".tmp-0123456789abcdef"), "mine")
  utimesSync(join(folder, ".tmp-0123456789abcdef"), old, old)
  return everything(folder)
}

function everything(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true }).map(String).sort()
}

test("a link in the place of our folder is refused, and nothing behind it is touched", () => {
  const victim = join(alice.folder, "victim")
  const before = makeOld(victim)
  rmSync(join(alice.top, ".git/agent-vault"), { recursive: true, force: true })
  symlinkSync(victim, join(alice.top, ".git/agent-vault"))
  for (const command of ["set stripe/other --generate", "apply", "repair", "sync", "resolve"]) {
    expect(alice.run(command.split(" ")).code, command).not.toBe(0)
    expect(everything(victim)).toEqual(before)
  }
  expect(alice.code(["set", "stripe/other"], { stdin: "x" })).toBe("5 FILE_UNSAFE")
})

/** Each leads out of the repository, to where Git then writes. */
const OUT: Readonly<Record<string, (to: string) => string>> = {
  "logs/HEAD": (to) => join(to, "profile"),
  "logs/refs/heads/main": (to) => join(to, "profile"),
  "logs/refs/heads": (to) => to,
  logs: (to) => to,
  "refs/heads": (to) => to,
  "refs/remotes": (to) => to,
  "objects/pack": (to) => to,
  "objects/ab": (to) => to,
  index: (to) => join(to, "new"),
  "packed-refs": (to) => join(to, "new"),
  config: (to) => join(to, "settings"),
}

describe("a link in the Git folder, by which Git would write elsewhere, is refused", () => {
  test.each(Object.entries(OUT))("%s", async (name, leadTo) => {
    const victim = join(alice.folder, "victim")
    mkdirSync(victim)
    writeFileSync(join(victim, "profile"), "mine\n")
    const link = join(alice.top, ".git", name)
    // What is there stays, so that Git works as before.
    if (name === "config") copyFileSync(link, join(victim, "settings"))
    if (name.startsWith("refs/")) cpSync(link, victim, { recursive: true })
    const before = contents(victim)
    rmSync(link, { recursive: true, force: true })
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(leadTo(victim), link)
    expect(await outcome(alice.set("stripe/other", "x"))).toBe("FILE_UNSAFE")
    expect(contents(victim)).toEqual(before)
  })

  test("by each command that has Git write", () => {
    const victim = join(alice.folder, "profile")
    writeFileSync(victim, "mine\n")
    rmSync(join(alice.top, ".git/logs/HEAD"))
    symlinkSync(victim, join(alice.top, ".git/logs/HEAD"))
    for (const command of ["apply", "repair", "sync", "resolve", "git setup"]) {
      expect(alice.code(command.split(" ")), command).toBe("5 FILE_UNSAFE")
    }
    alice.run(["doctor", "--fix"])
    alice.run(["guard", "install"])
    expect(readFileSync(victim, "utf8")).toBe("mine\n")
    expect(alice.code(["get", "stripe/api-key", "--agent", "ci"], { shows: true })).toBe("0 ok")
  })

  test("also by a way through a Git folder that came along", () => {
    const victim = join(alice.folder, "victim")
    mkdirSync(victim)
    const along = join(alice.top, "along.git")
    execFileSync("git", ["init", "-q", "--bare", along])
    symlinkSync(victim, join(along, "logs"))
    rmSync(join(alice.top, ".git/logs"), { recursive: true })
    symlinkSync(join(along, "logs"), join(alice.top, ".git/logs"))
    expect(alice.code(["set", "stripe/other"], { stdin: "x" })).toBe("5 FILE_UNSAFE")
    expect(readdirSync(victim)).toEqual([])
  })

  test("before anybody looks behind it: there is no end to ways that lead back", () => {
    // Two such links at each step are more ways than anybody can go.
    for (const name of ["a", "b"]) symlinkSync(".", join(alice.top, ".git/refs", name))
    expect(alice.code(["set", "stripe/other"], { stdin: "x" })).toBe("5 FILE_UNSAFE")
  })

  test("and names of refs that lead to others are looked at once, however many ways there are", () => {
    // Git itself goes all of them where it lists refs, so none is asked here.
    let folder = join(alice.top, ".git/refs")
    for (let step = 0; step < 30; step++) {
      for (const name of ["a", "b"]) symlinkSync("refs/n", join(folder, name))
      folder = join(folder, "refs/n")
      mkdirSync(folder, { recursive: true })
    }
    expect(() => refuseLinksOut(join(alice.top, ".git"))).not.toThrow()
  })

  test("and the guard's hooks are led to by no such configuration", () => {
    const victim = join(alice.folder, "settings")
    alice.write(".husky/pre-commit", "true\n")
    alice.git("config", "core.hooksPath", ".husky/_")
    renameSync(join(alice.top, ".git/config"), victim)
    symlinkSync(victim, join(alice.top, ".git/config"))
    const before = readFileSync(victim, "utf8")
    expect(alice.code(["guard", "install"])).toBe("5 FILE_UNSAFE")
    expect(readFileSync(victim, "utf8")).toBe(before)
    rmSync(join(alice.top, ".git/config"))
    writeFileSync(join(alice.top, ".git/config"), before)
    mkdirSync(join(alice.top, ".git/agent-vault-guard"))
    symlinkSync(victim, join(alice.top, ".git/agent-vault-guard/config"))
    alice.run(["guard", "install"])
    expect(readFileSync(victim, "utf8")).toBe(before)
    expect(alice.git("config", "core.hooksPath")).toContain("agent-vault-guard/hooks")
  })
})

test("links to the same place in another repository are followed, as git-new-workdir makes them", async () => {
  const workdir = join(alice.folder, "workdir")
  const git = join(workdir, ".git")
  mkdirSync(join(git, "logs"), { recursive: true })
  const shared = ["config", "refs", "logs/refs", "objects", "info", "hooks", "packed-refs"]
  for (const name of shared) symlinkSync(join(alice.top, ".git", name), join(git, name))
  copyFileSync(join(alice.top, ".git/HEAD"), join(git, "HEAD"))
  execFileSync("git", ["-C", workdir, "checkout", "-q", "-f", "-b", "other"])
  const other = alice.with({}, workdir)
  await other.set("stripe/other", "x")
  expect(alice.git("log", "-1", "--format=%s", "other")).toBe("agent-vault: set stripe/other")
})

/** The files below a folder, with what is in them. */
function contents(folder: string): Readonly<Record<string, string>> {
  const files = everything(folder).filter((name) => statSync(join(folder, name)).isFile())
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(folder, name), "utf8")]))
}

test("another program's temporary files stay where a key is written", () => {
  const folder = join(alice.folder, "documents")
  const before = makeOld(folder)
  expect(alice.code(["agent", "add", "mine", "--out", join(folder, "mine.key")])).toBe("0 ok")
  expect(everything(folder)).toEqual([...before, "mine.key"].sort())
})

test("a remote that came with the repository executes nothing when it is pushed to", () => {
  const ran = join(alice.folder, "ran")
  const evil = join(alice.top, "evil.git")
  execFileSync("git", ["init", "-q", "--bare", "-b", "main", evil])
  for (const hook of ["pre-receive", "update", "post-receive", "post-update"]) {
    const file = join(evil, "hooks", hook)
    mkdirSync(join(evil, "hooks"), { recursive: true })
    writeFileSync(file, `#!/bin/sh\ntouch '${ran}'\n`)
    chmodSync(file, 0o755)
  }
  execFileSync("git", ["-C", evil, "config", "core.alternateRefsCommand", `touch '${ran}'; true`])
  writeFileSync(join(evil, "objects/info/alternates"), join(alice.top, ".git/objects"))
  alice.git("remote", "add", "evil", "./evil.git")
  // The canary sings with plain git.
  alice.git("push", "-q", "evil", "HEAD:refs/heads/other")
  expect(existsSync(ran)).toBe(true)
  rmSync(ran)
  expect(alice.code(["set", "stripe/other"], { stdin: "x" })).toBe("0 ok")
  expect(alice.code(["sync", "--remote", "evil"])).toBe("0 ok")
  expect(alice.git("ls-remote", "evil", "refs/heads/main")).not.toBe("")
  expect(existsSync(ran)).toBe(false)
  alice.git("remote", "set-url", "evil", `file://${evil}`)
  expect(alice.code(["set", "stripe/more"], { stdin: "x" })).toBe("0 ok")
  expect(alice.code(["sync", "--remote", "evil"])).toBe("0 ok")
  expect(existsSync(ran)).toBe(false)
})
