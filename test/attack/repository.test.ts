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
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { type Arena, type Machine, copyMachine, makeArena } from "./arena.js"

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
  ]
  for (const command of commands) alice.run(command.split(" "), { shows: true })
}

function configure(settings: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(settings)) alice.git("config", key, value)
}

/** A commit like HEAD that claims to be signed. */
function signedHead(): string {
  const text = alice.git("cat-file", "commit", "HEAD~1")
  const lie = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n"
  return object("commit", `${text.replace("\n\n", `\n${lie}`)}\n`)
}

function object(type: string, content: Uint8Array | string): string {
  const args = ["hash-object", "-w", "--literally", "-t", type, "--stdin"]
  return execFileSync("git", args, { cwd: alice.top, input: content, encoding: "utf8" }).trim()
}

test("hooks, monitors, filters, drivers, pagers, aliases and signers are not run", () => {
  alice.git("update-ref", "refs/heads/main", signedHead())
  const hooks = join(alice.folder, "hooks")
  for (const folder of [hooks, join(alice.top, ".git/hooks")]) {
    mkdirSync(folder, { recursive: true })
    for (const hook of HOOKS) execFileSync("ln", ["-s", evil, join(folder, hook)])
  }
  writeFileSync(join(alice.top, ".gitattributes"), "* filter=evil diff=evil merge=evil\n")
  writeFileSync(join(alice.top, ".git/info/attributes"), "* filter=evil diff=evil merge=evil\n")
  configure({
    "core.fsmonitor": evil,
    "core.pager": evil,
    "core.editor": evil,
    "core.askPass": evil,
    "core.sshCommand": evil,
    "core.gitProxy": evil,
    "core.alternateRefsCommand": evil,
    "core.attributesFile": join(alice.top, ".git/info/attributes"),
    "commit.gpgSign": "true",
    "log.showSignature": "true",
    "gpg.program": evil,
    "gpg.openpgp.program": evil,
    "gpg.ssh.program": evil,
    "gpg.ssh.defaultKeyCommand": evil,
    "gpg.x509.program": evil,
    "credential.helper": `!${evil}`,
    "diff.external": evil,
    "diff.evil.command": evil,
    "diff.evil.textconv": evil,
    "filter.evil.clean": evil,
    "filter.evil.smudge": evil,
    "filter.evil.process": evil,
    "filter.evil.required": "true",
    "merge.evil.driver": evil,
    "merge.agent-vault.driver": evil,
    "interactive.diffFilter": evil,
    "sequence.editor": evil,
    "pager.log": evil,
    "pager.config": evil,
    "trailer.x.command": evil,
    "uploadpack.packObjectsHook": evil,
    "alias.log": `!${evil}`,
    "alias.ls-tree": `!${evil}`,
    "alias.fast-import": `!${evil}`,
  })
  runEverything()
  configure({ "core.hooksPath": hooks })
  runEverything()
  expect(executed()).toBe("")
  expect(alice.code(["check"])).toBe("1 attention EXPOSED")
})

const HOOKS = [
  "reference-transaction",
  "pre-commit",
  "prepare-commit-msg",
  "commit-msg",
  "post-commit",
  "post-index-change",
  "post-checkout",
  "pre-auto-gc",
  "update",
  "pre-push",
  "fsmonitor-watchman",
]

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
