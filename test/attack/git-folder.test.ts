import { execFileSync } from "node:child_process"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
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
