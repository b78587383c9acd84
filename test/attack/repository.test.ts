import { execFileSync } from "node:child_process"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { delimiter, join, relative } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { openPage } from "../../src/questions/desktop.js"
import { type Arena, type Machine, copyMachine, makeArena } from "./arena.js"
import { CANARIES, Trap, bring } from "./canaries.js"

// A repository that came as a folder, with its .git: an archive, a shared disk. Nothing that its
// configuration, its hooks, its attributes or its journal name is executed, read or written.

let stage: Arena
let alice: Machine
let evil: string

beforeAll(async () => {
  stage = await makeArena()
})
afterAll(() => stage.remove())
beforeEach(() => {
  alice = copyMachine(stage.alice)
  evil = join(alice.folder, "evil.sh")
  writeFileSync(evil, `#!/bin/sh\necho "$0 $*" >> '${alice.folder}/executed'\nexit 1\n`)
  chmodSync(evil, 0o755)
})
afterEach(() => alice.remove())

/** What was executed, if anything. */
function executed(): string {
  const file = join(alice.folder, "executed")
  return existsSync(file) ? readFileSync(file, "utf8") : ""
}

/** Runs commands of every kind; what they answer is not the question here. */
function runEverything(): void {
  const commands = [
    "get stripe/api-key --agent ci",
    "list",
    "status",
    "check --history --against HEAD~1",
    "set stripe/other --generate",
    "grant temp stripe",
    "revoke temp stripe",
    "agent add new",
    "apply",
    "repair",
    "guard",
    "guard --all",
    "guard --range HEAD~1..HEAD",
    "guard status",
    "guard uninstall",
  ]
  for (const command of commands) alice.run(command.split(" "), { shows: true })
}

function configure(settings: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(settings)) alice.git("config", key, value)
}

function object(type: string, content: Uint8Array | string): string {
  const args = ["hash-object", "-w", "--literally", "-t", type, "--stdin"]
  return execFileSync("git", args, { cwd: alice.top, input: content, encoding: "utf8" }).trim()
}

/** A clean work tree with something to commit, to show and to merge, and attributes for drivers. */
function ground(): Trap {
  const attributes = "* filter=evil diff=evil merge=evil\n"
  alice.write("shared.txt", "one\n")
  alice.write(".git/info/attributes", attributes)
  alice.write(".gitattributes", attributes)
  alice.arrive()
  alice.git("checkout", "--quiet", "-b", "theirs")
  alice.commit("shared.txt", "theirs\n")
  alice.git("checkout", "--quiet", "main")
  alice.commit("shared.txt", "ours\n")
  alice.write("new.txt", "new\n")
  alice.write("shared.txt", "more\n")
  return new Trap(alice)
}

describe("what a repository brings for Git to run", () => {
  test.each(Object.entries(CANARIES))("is run by plain git: %s", (name, canary) => {
    const trap = ground()
    if (name.startsWith("merge.")) alice.git("checkout", "--", "shared.txt")
    bring(trap, name)
    trap.executed()
    trap.plain(canary)
    expect(trap.executed()).not.toBe("")
  })

  test("is not run by us", () => {
    const trap = ground()
    for (const name of Object.keys(CANARIES)) {
      bring(trap, name)
      // A hook that git runs meanwhile is no command of ours.
      trap.executed()
      if (name !== "hooks in .git/hooks") continue
      runEverything()
      expect(trap.executed()).toBe("")
    }
    runEverything()
    expect(trap.executed()).toBe("")
    expect(alice.code(["check"])).toBe("1 attention EXPOSED")
  })
})

test("hooks of a configuration are not run: not by a Git that knows them, and told so", () => {
  const trap = new Trap(alice)
  const events = ["reference-transaction", "post-index-change", "pre-commit", "post-commit"]
  for (const event of events) {
    trap.configure({
      [`hook.evil ${event}.event`]: event,
      [`hook.evil ${event}.command`]: trap.program,
    })
  }
  trap.plain({ bring: () => {}, fires: [["commit", "--allow-empty", "-m", "x"]] })
  // From Git 2.54 on.
  const isKnown = trap.executed() !== ""
  const log = watchGit()
  runEverything()
  expect(trap.executed(), `Git runs them: ${isKnown}`).toBe("")
  const changing = readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => / (?:update-ref|fast-import|commit-tree|read-tree|update-index) /.test(line))
  expect(changing.length).toBeGreaterThan(3)
  for (const line of changing) {
    for (const event of events) expect(line).toContain(`-c hook.evil ${event}.enabled=false`)
  }
})

test("a hook of a configuration that nobody can switch off is refused", () => {
  alice.git("config", "hook.a=b.command", evil)
  alice.git("config", "hook.a=b.event", "reference-transaction")
  expect(alice.code(["set", "stripe/x"], { stdin: "x" })).toBe("6 REPOSITORY_STATE")
  expect(executed()).toBe("")
})

/** Notes the arguments of every git from now on; returns the file. */
function watchGit(): string {
  const log = join(alice.folder, "arguments")
  const real = execFileSync("which", ["git"], { encoding: "utf8" }).trim()
  alice.write("../watched/git", `#!/bin/sh\necho "$* " >> '${log}'\nexec ${real} "$@"\n`)
  chmodSync(join(alice.folder, "watched/git"), 0o755)
  const PATH = `${join(alice.folder, "watched")}${delimiter}${process.env["PATH"] ?? ""}`
  Object.assign(alice.env, { PATH })
  return log
}

test.each(["./node_modules/.bin", "node_modules/.bin", ""])(
  "git is not taken from the repository, by a PATH that begins with %j",
  (folder) => {
    const bin = folder === "" ? alice.top : join(alice.top, folder)
    mkdirSync(bin, { recursive: true })
    writeFileSync(join(bin, "git"), `#!/bin/sh\necho ran >> '${alice.folder}/executed'\n`)
    chmodSync(join(bin, "git"), 0o755)
    const PATH = [folder, process.env["PATH"] ?? ""].join(delimiter)
    expect(alice.code(["set", "stripe/x"], { stdin: "x", env: { PATH } })).toBe("0 ok")
    alice.run(["guard"], { env: { PATH } })
    expect(executed()).toBe("")
  },
)

test("nor is what run and status start, or what shows a page", async () => {
  const names = ["mkfifo", "env", "xdg-open"]
  for (const name of names) {
    alice.write(`bin/${name}`, `#!/bin/sh\necho ran >> '${alice.folder}/executed'\n`)
    chmodSync(join(alice.top, "bin", name), 0o755)
  }
  const PATH = ["bin", process.env["PATH"] ?? ""].join(delimiter)
  const argv = ["run", "--agent", "ci", "-s", "stripe/api-key", "--", "true"]
  for (const args of [argv, ["status"]]) {
    expect(alice.code(args, { env: { PATH } })).toBe("0 ok")
  }
  const bin = relative(process.cwd(), join(alice.top, "bin"))
  const desktop = { DISPLAY: ":0", PATH: [bin, "/none"].join(delimiter) }
  expect(await openPage("http://127.0.0.1/", desktop)).toBe(false)
  expect(executed()).toBe("")
})

test("objects that are missing are not fetched from where the repository says", () => {
  configure({
    "core.repositoryFormatVersion": "1",
    "extensions.partialClone": "origin",
    "remote.origin.promisor": "true",
    "remote.origin.url": "ssh://example.invalid/x",
    "core.sshCommand": evil,
    "protocol.ext.allow": "always",
  })
  const blob = alice.git("rev-parse", "HEAD:.agent-vault/vault.json")
  rmSync(join(alice.top, ".git/objects", blob.slice(0, 2), blob.slice(2)))
  runEverything()
  configure({ "remote.origin.url": `ext::${evil} %S` })
  runEverything()
  expect(executed()).toBe("")
})

test("a configuration that moves the work tree is refused", () => {
  const elsewhere = join(alice.folder, "elsewhere")
  mkdirSync(elsewhere)
  configure({ "core.worktree": elsewhere })
  expect(alice.code(["set", "stripe/x"], { stdin: "x" })).toBe("6 REPOSITORY_STATE")
  expect(readdirSync(elsewhere)).toEqual([])
})

test("git is asked without a shell, and sees no identity of ours", async () => {
  const tools = join(alice.folder, "tools")
  mkdirSync(tools)
  const log = join(alice.folder, "environment")
  const real = execFileSync("which", ["git"], { encoding: "utf8" }).trim()
  const script = `#!/bin/sh\n{ env; echo "ARGS $*"; } >> '${log}'\nexec ${real} "$@"\n`
  writeFileSync(join(tools, "git"), script)
  chmodSync(join(tools, "git"), 0o755)
  const env = {
    PATH: `${tools}:${process.env["PATH"] ?? ""}`,
    AGENT_VAULT_IDENTITY: await alice.ownerIdentity(),
    AGENT_VAULT_MIN_SERIAL: "1",
    GIT_SSH_COMMAND: evil,
    GIT_EXTERNAL_DIFF: evil,
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "core.fsmonitor",
    GIT_CONFIG_VALUE_0: evil,
    GIT_DIR: "/nowhere",
    GIT_INDEX_FILE: "/nowhere",
  }
  expect(alice.code(["set", "stripe/x"], { stdin: "a-canary-value", env })).toBe("0 ok")
  expect(alice.code(["revoke", "ci", "stripe"], { env })).toBe("0 ok")
  const seen = readFileSync(log, "utf8")
  expect(seen).toMatch(/ARGS .*fast-import/)
  expect(seen).not.toMatch(
    /AGENT_VAULT_|AGE-SECRET-KEY|a-canary-value|GIT_DIR=|GIT_SSH|GIT_EXTERNAL/,
  )
  expect(executed()).toBe("")
})

/** An entry of a tree, as Git stores it: no program of Git's would write these names. */
function entry(mode: string, name: string, id: string): Buffer {
  return Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, "hex")])
}

test("a journal that names files outside the vault writes and removes none", () => {
  const victim = join(alice.folder, "victim")
  const blob = object("blob", "owned")
  const file = object("tree", entry("100644", "victim", blob))
  const up = object("tree", entry("40000", "..", object("tree", entry("40000", "..", file))))
  const root = object("tree", entry("40000", ".agent-vault", up))
  const from = alice.git("rev-parse", "HEAD")
  const who = "a <a@b> 1 +0000"
  const to = object(
    "commit",
    `tree ${root}\nparent ${from}\nauthor ${who}\ncommitter ${who}\n\nx\n`,
  )
  alice.git("update-ref", "refs/heads/main", to)
  const base = { branch: "refs/heads/main", from, to, folder: ".agent-vault", wish: null }
  for (const paths of [[".agent-vault/../../victim"], ["../victim"], [victim], [".git/config"]]) {
    mkdirSync(join(alice.top, ".git/agent-vault"), { recursive: true })
    const journal = join(alice.top, ".git/agent-vault/journal.json")
    writeFileSync(journal, JSON.stringify({ ...base, paths }))
    expect(alice.run(["repair"]).code).not.toBe(0)
    expect(existsSync(victim)).toBe(false)
    expect(existsSync(join(alice.top, ".git/config"))).toBe(true)
    rmSync(journal, { force: true })
  }
})
