import { execFileSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { asVaultError, isErrno } from "../../src/core/index.js"
import { type Machine, vaultMachine } from "./machine.js"

let machine: Machine
beforeAll(async () => {
  machine = await vaultMachine()
  mkdirSync(join(machine.home, "folder"))
})
afterAll(() => machine.remove())

const GET = "agent-vault get stripe/api-key --agent ci"

/** No call of the system that fails is a bug: by the line, the exit code and what is said. */
const FAILURES: readonly (readonly [line: string, code: number, said: string])[] = [
  // A working directory that somebody removed.
  ...["list", "get a/b --agent ci", "set a/b", "check", "guard", "bridge", "mcp", "init"].map(
    (command): [string, number, string] => [
      `mkdir ../gone && cd ../gone && rmdir ../gone && agent-vault ${command}`,
      4,
      "NO_ACCESS: cannot find the working directory: it does not exist",
    ],
  ),
  // Descriptors that are closed, or open the wrong way.
  ["agent-vault list >&- 2>&- <&-", 0, ""],
  ["agent-vault set a/b <&-", 2, "USAGE: there is no value"],
  ["agent-vault set a/b 0>../written", 4, "NO_ACCESS: cannot read stdin: the descriptor is closed"],
  [`${GET} 1</dev/null`, 4, "NO_ACCESS: the output could not be written (EBADF)"],
  ["agent-vault bridge --agent ci 0>../written", 4, "NO_ACCESS: cannot read a stream"],
  ["agent-vault set a/b --from-file /dev/fd/77", 2, "USAGE: the file /dev/fd/77 cannot be read"],
  // What never ends, and tells no size.
  ["agent-vault set a/b --from-file /dev/zero", 2, "VALUE_TOO_LARGE: /dev/zero is larger"],
  ["agent-vault set a/b --from-file <(yes)", 2, "VALUE_TOO_LARGE: /dev/fd/"],
  ["agent-vault set a/b --from-file - </dev/zero", 2, "VALUE_TOO_LARGE: there is more on stdin"],
  ["agent-vault import /dev/zero -g a --format json", 2, "CONFIG_INVALID: /dev/zero is larger"],
  [
    "agent-vault import - -g a --format json </dev/zero",
    2,
    "VALUE_TOO_LARGE: there is more on stdin",
  ],
  ["agent-vault guard /proc/self/mem", 4, "NO_ACCESS: cannot read /proc/self/mem"],
  // Folders and files in each other's place.
  ["agent-vault set a/b --from-file ../folder", 2, "USAGE: the file ../folder cannot be read"],
  ["agent-vault list --dir ../loop", 3, "NO_VAULT"],
  [`XDG_STATE_HOME=/dev/null ${GET}`, 4, "XDG_STATE_HOME"],
  [`XDG_STATE_HOME=/proc/none ${GET}`, 4, "XDG_STATE_HOME"],
  [`XDG_STATE_HOME=$(printf 'x%.0s' {1..300}) ${GET}`, 4, "its name is too long"],
  [
    "mkdir -p ../other && cd ../other && git init -q && AGENT_VAULT_HOME=/proc/none agent-vault init",
    4,
    "AGENT_VAULT_HOME",
  ],
  ["AGENT_VAULT_HOME=$(printf 'x%.0s' {1..300}) agent-vault agent list", 0, ""],
]

describe("a failing system call", () => {
  test.each(FAILURES)("%s", async (line, code, said) => {
    const ran = await machine.shell(`ln -sfn loop ../loop; ${line}`)
    expect(ran.stderr).toContain(said)
    expect(ran.stderr).not.toMatch(/BUG|^ {4}at /m)
    expect(ran.code).toBe(code)
  })

  test("is no success, where it leaves nothing to wait for", async () => {
    const stuck = join(machine.home, "stuck.cjs")
    const stdin = "Object.assign(new (require('node:stream').PassThrough)(), { isTTY: false })"
    writeFileSync(stuck, `Object.defineProperty(process, "stdin", { value: ${stdin} })`)
    const ran = await machine.shell(`NODE_OPTIONS="--require $HOME/stuck.cjs" agent-vault set a/b`)
    expect(ran).toEqual({ stdout: "", stderr: "", code: 70 })
  })

  test("too many open files, wherever the limit is met", async () => {
    const ends = new Set<number>()
    for (const limit of [20, 24, 28, 32, 40, 48, 56, 64, 80]) {
      const ran = await machine.shell(
        `ulimit -n ${limit}; agent-vault set many/files --generate=16`,
      )
      ends.add(ran.code)
      expect(ran.stderr, `${limit}`).not.toMatch(/BUG|TypeError|^\s+at /m)
    }
    expect([...ends].sort((a, b) => a - b)).toEqual([0, 4])
  })

  test("one that keeps the code from being read that words a hint, hides no error", async () => {
    const unread = `const fs = require("node:fs"), { readFileSync: read } = fs
fs.readFileSync = (path, ...rest) => {
  const file = String(path).includes("typed-again") ? "/none/" : path
  return read(file, ...rest)
}`
    writeFileSync(join(machine.home, "unread.cjs"), unread)
    const ran = await machine.shell(
      `NODE_OPTIONS="--require $HOME/unread.cjs" agent-vault run --agent ci -s stripe/api-key -- ./none`,
    )
    expect(ran.stderr).toMatch(/^agent-vault: COMMAND_NOT_FOUND: .*\n {2}is it installed.*\n$/m)
    expect(ran.code).toBe(127)
  })

  test("a key file that cannot be put aside leaves everything as it was", async () => {
    const other = machine.copy()
    const folder = execFileSync("sh", ["-c", "echo ~/.config/agent-vault/*/agents"], {
      env: other.env,
      encoding: "utf8",
    }).trim()
    // Root may write where nobody may; a name that is too long by then may nobody write.
    const moved = await other.shell("agent-vault agent rekey ci")
    expect(moved.code).toBe(0)
    rmSync(folder, { recursive: true })
    writeFileSync(folder, "")
    const ran = await other.shell("agent-vault agent rekey ci")
    expect(ran.stderr).toContain("NO_ACCESS")
    expect(ran.stderr).not.toContain("BUG")
    other.remove()
  })
})

describe("an error of Node, as one of ours", () => {
  test.each(["EACCES", "EMFILE", "ENOSPC", "EISDIR", "ELOOP", "ENAMETOOLONG", "EUNHEARD"])(
    "%s",
    (code) => {
      const error = Object.assign(new Error("x"), { code, syscall: "open", path: "/a/file" })
      expect(isErrno(error, code)).toBe(true)
      const { message, cause } = asVaultError(error)
      expect(message).toMatch(/^cannot read \/a\/file: \w/)
      expect(cause).toBe(error)
    },
  )

  test("what a program was started with is not repeated", () => {
    const spawned = { code: "EACCES", syscall: "spawn PASSWORD=x", path: "PASSWORD=x" }
    expect(asVaultError(Object.assign(new Error("x"), spawned)).message).not.toContain("PASSWORD")
  })

  test("anything else stays a bug, without its message", () => {
    const error = asVaultError(new TypeError("the value hunter2"))
    expect(error).toMatchObject({ code: "BUG", exitCode: 70 })
    expect(error.message).not.toContain("hunter2")
  })
})
