import { execFileSync } from "node:child_process"
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { type Arena, type Machine, copyMachine, makeArena, said } from "./arena.js"

// What lies where a vault's files should be: links, pipes, folders, giants, and names that mean
// something to some file system. Nothing outside the vault is read or written.

let stage: Arena
let alice: Machine
let outside: string

beforeAll(async () => {
  stage = await makeArena()
})
afterAll(() => stage.remove())
beforeEach(() => {
  alice = copyMachine(stage.alice)
  outside = join(alice.folder, "outside")
  mkdirSync(outside)
  writeFileSync(join(outside, "precious"), "untouched")
})
afterEach(() => {
  expect(readdirSync(outside)).toEqual(["precious"])
  expect(readFileSync(join(outside, "precious"), "utf8")).toBe("untouched")
  alice.remove()
})

/** Moves a part of the vault outside, and leaves a link to it there. */
function link(path: string): void {
  const target = join(alice.folder, "moved")
  rmSync(target, { recursive: true, force: true })
  renameSync(alice.path(path), target)
  symlinkSync(target, alice.path(path))
}

const RECORD = "secrets/stripe/api-key.json"
const SEALED = "secrets/stripe/api-key.age"
const UNSAFE: readonly (readonly [name: string, attack: () => void])[] = [
  ["a record that is a link", () => link(RECORD)],
  ["a ciphertext that is a link", () => link(SEALED)],
  ["a folder of secrets that is a link", () => link("secrets/stripe")],
  ["the folder of all secrets", () => link("secrets")],
  [".agent-vault itself", () => link(".")],
  ["a link that leads nowhere", () => replace(RECORD, (path) => symlinkSync("nowhere", path))],
  ["a link to itself", () => replace(RECORD, (path) => symlinkSync("api-key.json", path))],
  ["a link to a device", () => replace(SEALED, (path) => symlinkSync("/dev/zero", path))],
  ["a folder", () => replace(RECORD, (path) => mkdirSync(path))],
  ["a record of 2 MiB", () => truncateSync(alice.path(RECORD), 2 * 2 ** 20)],
  ["a ciphertext of 8 GiB", () => truncateSync(alice.path(SEALED), 2 ** 33)],
]

function replace(path: string, make: (file: string) => void): void {
  rmSync(alice.path(path))
  make(alice.path(path))
}

test.each(UNSAFE)("%s is refused, not followed and not waited for", async (_, attack) => {
  attack()
  expect(await said(alice.read("ci", "stripe/api-key"))).toBe("FILE_UNSAFE")
  expect(await said(alice.set("stripe/api-key", "x"))).toBe("FILE_UNSAFE")
  expect(await said(alice.revoke("ci", "stripe"))).toMatch(/^(?:FILE_UNSAFE|VAULT_DIRTY)$/)
})

test.each([RECORD, SEALED, "vault.json"])("a pipe for %s is refused, not waited for", (path) => {
  replace(path, (file) => execFileSync("mkfifo", [file]))
  expect(alice.code(["get", "stripe/api-key", "--agent", "ci"])).toBe("5 FILE_UNSAFE")
  expect(alice.code(["set", "stripe/api-key"], { stdin: "x" })).toBe("5 FILE_UNSAFE")
})

test("a new secret is not written through a link", async () => {
  rmSync(alice.path("secrets/db"), { recursive: true })
  symlinkSync(outside, alice.path("secrets/db"))
  alice.arrive()
  expect(await said(alice.set("db/new", "x"))).toBe("FILE_UNSAFE")
  expect(await said(alice.set("db/sub/new", "x"))).toBe("FILE_UNSAFE")
})

test("a new agent and a new group are not written through a link", async () => {
  for (const folder of ["agents", "groups"]) {
    cpSync(alice.path(folder), join(alice.folder, folder), { recursive: true })
    rmSync(alice.path(folder), { recursive: true })
    symlinkSync(join(alice.folder, folder), alice.path(folder))
    alice.arrive()
    const before = readdirSync(join(alice.folder, folder))
    const change = folder === "agents" ? alice.addAgent("new") : alice.set("new/x", "x")
    expect(await said(change)).not.toBe("ok")
    expect(readdirSync(join(alice.folder, folder))).toEqual(before)
    alice.git("reset", "--quiet", "--hard", "HEAD~1")
  }
})

test("a file in place of the vault is said, and no vault further up is taken instead", () => {
  const inner = join(alice.top, "inner")
  mkdirSync(inner)
  writeFileSync(join(inner, ".agent-vault"), "")
  expect(alice.code(["list"], { cwd: inner })).toBe("5 FILE_UNSAFE")
  rmSync(join(inner, ".agent-vault"))
  symlinkSync(alice.vault, join(inner, ".agent-vault"))
  expect(alice.code(["set", "stripe/x"], { cwd: inner, stdin: "x" })).toBe("5 FILE_UNSAFE")
  rmSync(join(inner, ".agent-vault"))
  execFileSync("mkfifo", [join(inner, ".agent-vault")])
  expect(alice.code(["check"], { cwd: inner })).toBe("5 FILE_UNSAFE")
})

test("check names every file that is no file of a vault, and opens none of them", () => {
  const names = ["x.past.json", "a.past.past.age", "..json", "CON.json", "a b.json", "é.json"]
  for (const name of names) writeFileSync(alice.path(`groups/${name}`), "x")
  mkdirSync(alice.path("secrets/stripe/a.json"))
  writeFileSync(alice.path("secrets/stripe/a.json/b.json"), "x")
  symlinkSync("/etc/passwd", alice.path("agents/passwd"))
  const { code, stdout } = alice.run(["check"])
  expect(code).toBe(5)
  for (const name of [...names, "a.json/b.json", "agents/passwd"]) expect(stdout).toContain(name)
  expect(stdout).not.toContain("root:")
})

test("a name on disk that folds into another is told", () => {
  cpSync(alice.path("secrets/stripe"), alice.path("secrets/Stripe"), { recursive: true })
  expect(alice.run(["check"]).stdout).toContain("differs from secrets/Stripe")
})

test("a record with a second key, another spelling or a prototype in it is refused", async () => {
  const text = readFileSync(alice.path(RECORD), "utf8")
  const variants = [
    text.replace('"version": 1', '"version": 2,\n  "version": 1'),
    text.replace("{\n", '{\n  "__proto__": {"version": 9},\n'),
    text.replace("{\n", '{\n  "constructor": 1,\n'),
    text.replace('"secret', '"\\u0073ecret'),
    text.replace(/\n$/, ""),
    text.replaceAll("\n", "\r\n"),
    `\ufeff${text}`,
    text.replace('"version": 1', '"version": 1.0'),
    text.replace('"version": 1', '"version": 1e0'),
    text.replace('"version": 1', '"version": 9007199254740993'),
    text.replace('"version": 1', '"version": -1'),
    `${text}${text}`,
    "[".repeat(500_000),
    "null",
    "",
    "\0",
  ]
  for (const variant of variants) {
    alice.put(RECORD, variant)
    expect(variant).not.toBe(text)
    expect(await said(alice.tryRead("ci", "stripe/api-key"))).toBe("RECORD_INVALID")
  }
  alice.put(RECORD, text)
  expect(await said(alice.read("ci", "stripe/api-key"))).toBe("ok")
})

test("a name that folds into another is not made", async () => {
  expect(await said(alice.set("Stripe/x", "x"))).toBe("NAME_INVALID")
  expect(await said(alice.set("stripe/API-key", "x"))).toBe("NAME_INVALID")
  expect(await said(alice.addAgent("CI"))).toBe("NAME_INVALID")
  expect(existsSync(alice.path("secrets/Stripe"))).toBe(false)
})
