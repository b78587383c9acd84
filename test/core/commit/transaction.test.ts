import { execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { apply } from "../../../src/core/owner.js"
import { noRoot, testUnless } from "../../needs.js"
import { type World, emptyWorld, outcome, vaultWorld } from "../world.js"

const manifest = ".agent-vault/manifest.yaml"
const secret = ".agent-vault/secrets/stripe/webhook"

let template: World
let world: World
const used: World[] = []

beforeAll(async () => {
  template = await vaultWorld()
})

afterEach(() => {
  for (const each of used.splice(0)) each.remove()
})

afterAll(() => template.remove())

/** A machine whose vault ci may read `stripe/api-key` of. */
function copyWorld(): World {
  world = template.copy()
  used.push(world)
  return world
}

function freshWorld(...args: Parameters<typeof emptyWorld>): World {
  world = emptyWorld(...args)
  used.push(world)
  return world
}

/** All that Git and the work tree say of a vault. */
function state(of: World) {
  return {
    head: of.git("rev-parse", "HEAD"),
    status: of.git("status", "--porcelain", "--ignored"),
    staged: of.git("diff", "--cached", "--raw"),
    files: of.git("ls-files", "-s"),
    left: leftBehind(of),
  }
}

/** What changes keep in the Git folder while they run. */
function leftBehind(of: World): string[] {
  const folder = join(of.git("rev-parse", "--absolute-git-dir"), "agent-vault")
  return existsSync(folder) ? readdirSync(folder) : []
}

/** Nothing is half done, and agents read what HEAD holds. */
async function expectWhole(of: World, value: string): Promise<void> {
  expect(of.git("status", "--porcelain")).toBe("")
  expect(of.git("diff", "--cached", "--raw")).toBe("")
  of.git("fsck", "--strict")
  expect(await of.read("ci", "stripe/api-key")).toBe(value)
}

async function expectRefused(
  code: string,
  of: World,
  change: Promise<unknown> = of.set("stripe/api-key", "new"),
) {
  const before = state(of)
  expect(await outcome(change)).toBe(code)
  expect(state(of)).toEqual(before)
}

describe("a change", () => {
  test("is one commit, in HEAD, in the index and in the work tree", async () => {
    copyWorld()
    const { commit, files } = await world.set("stripe/api-key", "new")
    expect(world.git("rev-parse", "HEAD")).toBe(commit)
    expect(world.git("rev-list", "--count", "HEAD")).toBe("8")
    expect(world.git("diff", "--name-only", "HEAD~1", "--").split("\n")).toEqual(
      files.map((file) => `.agent-vault/${file}`),
    )
    expect(world.git("log", "-1", "--format=%an <%ae>%n%B%D", "--decorate=full")).toBe(
      "Test Person <test@example.com>\nagent-vault: set stripe/api-key\nHEAD -> refs/heads/main",
    )
    expect(world.git("reflog", "-1", "--format=%gs")).toBe("agent-vault: set stripe/api-key")
    await expectWhole(world, "new")
    expect(leftBehind(world)).toEqual([])
    expect(world.git("for-each-ref", "--format=%(refname)")).toBe("refs/heads/main")
  })

  test("leaves the user's staged work staged, and his next commit leaves it standing", async () => {
    copyWorld()
    world.write("staged.txt", "staged\n")
    world.write("README.md", "edited\n")
    world.write("untracked.txt", "untracked\n")
    world.git("add", "staged.txt")
    const { commit } = await world.revoke("ci", "stripe")
    expect(world.git("status", "--porcelain")).toBe(" M README.md\nA  staged.txt\n?? untracked.txt")
    expect(world.git("show", "--format=", "--name-only", "HEAD")).not.toContain("staged.txt")
    world.git("commit", "-m", "unrelated")
    expect(world.git("show", "--format=", "--name-only", "HEAD")).toBe("staged.txt")
    expect(world.git("diff", "--name-only", commit ?? "", "HEAD")).toBe("staged.txt")
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
  })

  test("goes from the index too when a file goes", async () => {
    copyWorld()
    await world.set("gone/x", "1")
    rmSync(join(world.top, ".agent-vault/secrets/gone"), { recursive: true })
    world.git("commit", "-qam", "remove the secret of gone")
    const lines = readFileSync(join(world.top, manifest), "utf8").split("\n")
    world.write(manifest, lines.filter((line) => !line.includes("gone")).join("\n"))
    const { files } = await apply(await world.request())
    expect(files).toEqual(["groups/gone.age", "groups/gone.json", "manifest.yaml"])
    expect(world.git("ls-files", ".agent-vault/groups")).not.toContain("gone")
    expect(existsSync(join(world.top, ".agent-vault/groups/gone.json"))).toBe(false)
    expect(world.git("status", "--porcelain")).toBe("")
  })

  test("commits the uncommitted manifest that apply is asked to apply", async () => {
    copyWorld()
    const edited = readFileSync(join(world.top, manifest), "utf8").replace(
      /^grants:.*\n/m,
      "$&  - { agent: deploy, group: stripe } # for the release\n",
    )
    world.write(manifest, edited)
    world.git("add", manifest)
    await apply(await world.request())
    expect(world.git("show", "HEAD:.agent-vault/manifest.yaml")).toContain("# for the release")
    await expectWhole(world, "old")
    expect(await world.read("deploy", "stripe/api-key")).toBe("old")
  })

  test("keeps its modes and bytes whatever the umask and autocrlf say", async () => {
    copyWorld()
    world.git("config", "core.autocrlf", "true")
    world.git("config", "core.eol", "crlf")
    await world.set("stripe/api-key", "new")
    expect(world.git("ls-tree", "-r", "HEAD", ".agent-vault")).not.toMatch(/^(?!100644)/m)
    await expectWhole(world, "new")
  })
})

describe("programs that the repository names", () => {
  const HOOKS = [
    "commit-msg",
    "fsmonitor-watchman",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "pre-auto-gc",
    "pre-commit",
    "prepare-commit-msg",
    "reference-transaction",
  ]

  test.each(["in .git/hooks", "in core.hooksPath"])("hooks %s do not run", async (where) => {
    copyWorld()
    const { program, sprung } = trap()
    const hooks = where === "in .git/hooks" ? ".git/hooks" : "own-hooks"
    mkdirSync(join(world.top, hooks), { recursive: true })
    for (const hook of HOOKS) cpSync(program, join(world.top, hooks, hook))
    if (hooks === "own-hooks") world.git("config", "core.hooksPath", "own-hooks")
    world.git("config", "core.fsmonitor", join(world.top, hooks, "fsmonitor-watchman"))
    world.git("config", "gc.auto", "1")
    await world.set("stripe/api-key", "new")
    await world.revoke("ci", "stripe")
    expect(sprung()).toBe(false)
    world.git("commit", "--allow-empty", "-m", "the user's own commit")
    expect(sprung()).toBe(true)
  })

  test("filters, diffs, pagers, editors, aliases and signers do not run", async () => {
    copyWorld()
    const { program, sprung } = trap()
    world.write(".gitattributes", "* filter=trap diff=trap merge=trap\n")
    // A file younger than the index: whoever writes the index next looks at it again.
    utimesSync(join(world.top, ".gitattributes"), Date.now() / 1000 + 60, Date.now() / 1000 + 60)
    world.git("add", ".gitattributes")
    world.git("commit", "-qm", "attributes")
    for (const key of [
      "filter.trap.clean",
      "filter.trap.smudge",
      "filter.trap.process",
      "diff.external",
      "diff.trap.command",
      "diff.trap.textconv",
      "merge.trap.driver",
      "merge.agent-vault.driver",
      "core.pager",
      "pager.log",
      "core.editor",
      "core.sshCommand",
      "core.askPass",
      "core.alternateRefsCommand",
      "credential.helper",
      "gpg.program",
      "gpg.ssh.program",
      "gpg.ssh.defaultKeyCommand",
      "uploadpack.packObjectsHook",
    ]) {
      world.git("config", key, program)
    }
    for (const name of ["var", "fast-import", "update-ref", "ls-tree", "config", "commit"]) {
      world.git("config", `alias.${name}`, `!${program}`)
    }
    world.git("config", "filter.trap.required", "true")
    world.git("config", "commit.gpgSign", "true")
    const marked = world.with({ GIT_EDITOR: program, EDITOR: program, GIT_PAGER: program })
    await marked.set("stripe/api-key", "new")
    await marked.set("new-group/x", "new")
    await marked.revoke("ci", "stripe")
    expect(sprung()).toBe(false)
    expect(world.git("cat-file", "commit", "HEAD")).not.toContain("gpgsig")
    spawnSync("git", ["-C", world.top, "diff", "HEAD~1"], { env: world.env })
    expect(sprung()).toBe(true)
  })

  test("the signer of the user's own configuration runs, the repository's does not", async () => {
    copyWorld()
    const { program, sprung } = trap()
    const key = join(world.folder, "signing-key")
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key])
    const allowed = join(world.folder, "allowed")
    writeFileSync(allowed, `test@example.com ${readFileSync(`${key}.pub`, "utf8")}`)
    const own = join(world.folder, "own-gitconfig")
    cpSync(world.env["GIT_CONFIG_GLOBAL"] ?? "", own)
    const signing = world.with({ GIT_CONFIG_GLOBAL: own })
    signing.git("config", "--global", "commit.gpgSign", "true")
    signing.git("config", "--global", "gpg.format", "ssh")
    signing.git("config", "--global", "user.signingKey", key)
    signing.git("config", "--global", "gpg.ssh.allowedSignersFile", allowed)
    for (const name of ["gpg.program", "gpg.ssh.program", "gpg.ssh.defaultKeyCommand"]) {
      signing.git("config", name, program)
    }
    await signing.set("stripe/api-key", "new")
    expect(sprung()).toBe(false)
    signing.git("config", "--unset", "gpg.ssh.program")
    signing.git("verify-commit", "HEAD")
    expect(signing.git("log", "-1", "--format=%G?%n%P")).toBe(
      `G\n${template.git("rev-parse", "HEAD")}`,
    )
    await expectWhole(signing, "new")
  })

  test("git is run without the caller's GIT_*, AGENT_VAULT_* and editors", async () => {
    copyWorld()
    const elsewhere = emptyWorld()
    used.push(elsewhere)
    elsewhere.commit("untouched")
    const { program, sprung } = trap("hook")
    const bin = join(world.folder, "bin")
    const seen = join(world.folder, "seen")
    const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim()
    mkdirSync(bin)
    writeFileSync(
      join(bin, "git"),
      `#!/bin/sh\n{ env; echo "ARGS $*"; } >> '${seen}'\nexec ${real} "$@"\n`,
    )
    chmodSync(join(bin, "git"), 0o755)
    const canary = "canary-7f31"
    const before = state(elsewhere.with({}))
    const hostile = world.with({
      PATH: `${bin}:${world.env["PATH"] ?? ""}`,
      GIT_DIR: join(elsewhere.top, ".git"),
      GIT_WORK_TREE: elsewhere.top,
      GIT_INDEX_FILE: join(elsewhere.top, ".git/index"),
      GIT_OBJECT_DIRECTORY: join(elsewhere.top, ".git/objects"),
      GIT_NAMESPACE: "other",
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "core.fsmonitor",
      GIT_CONFIG_VALUE_0: program,
      GIT_EXTERNAL_DIFF: program,
      GIT_SSH_COMMAND: program,
      GIT_PAGER: program,
      EDITOR: program,
      AGENT_VAULT_CANARY: canary,
      AGENT_VAULT_MIN_SERIAL: "1",
    })
    await hostile.set("stripe/api-key", canary)
    const environments = readFileSync(seen, "utf8")
    expect(environments).toMatch(/^ARGS /m)
    expect(environments).not.toContain("AGENT_VAULT_")
    expect(environments).not.toContain(canary)
    expect(environments).not.toContain(elsewhere.top)
    expect(environments).not.toContain(program)
    expect(sprung()).toBe(false)
    expect(state(elsewhere)).toEqual(before)
    await expectWhole(world, canary)
  })
})

describe("uncommitted edits of the vault are refused, and nothing changes", () => {
  test.each<[string, (of: World) => void]>([
    ["an edited file", edit],
    ["an edit that is staged", (of) => (edit(of), of.git("add", manifest))],
    [
      "an edit that is staged, and undone in the work tree",
      (of) => (edit(of), of.git("add", manifest), restore(of)),
    ],
    ["a secret that is removed", (of) => removeSecret(of)],
    ["a removal that is staged", (of) => of.git("rm", "-q", `${secret}.json`, `${secret}.age`)],
    ["a removal that is staged only", (of) => of.git("rm", "-q", "--cached", manifest)],
    ["an escrow that is removed", (of) => rmSync(join(of.top, ".agent-vault/agents/ci.age"))],
  ])("%s", async (_name, change) => {
    copyWorld()
    change(world)
    await expectRefused("VAULT_DIRTY", world, world.revoke("ci", "stripe"))
  })

  test("an untracked file in the way", async () => {
    copyWorld()
    world.write(".agent-vault/secrets/stripe/second.age", "mine")
    await expectRefused("VAULT_DIRTY", world, world.set("stripe/second", "new"))
    expect(readFileSync(join(world.top, ".agent-vault/secrets/stripe/second.age"), "utf8")).toBe(
      "mine",
    )
  })

  test("an untracked file in the way of init", async () => {
    freshWorld()
    world.write(".agent-vault/notes.txt", "mine")
    expect(await outcome(world.init())).toBe("FOREIGN_VAULT")
    expect(world.git("status", "--porcelain", "-uall")).toBe("?? .agent-vault/notes.txt")
  })

  test("a folder where a file should go", async () => {
    copyWorld()
    mkdirSync(join(world.top, ".agent-vault/secrets/stripe/second.age"))
    await expectRefused("FILE_UNSAFE", world, world.set("stripe/second", "new"))
  })
})

describe("a repository that is in the middle of something is refused", () => {
  test.each<[string, string[]]>([
    ["a merge", ["merge", "side"]],
    ["a rebase", ["rebase", "side"]],
    ["an am-style rebase", ["rebase", "--apply", "side"]],
    ["a cherry-pick", ["cherry-pick", "side"]],
    ["a revert", ["revert", "--no-edit", "HEAD~1"]],
  ])("%s", async (_name, command) => {
    copyWorld()
    diverge(world)
    if (command[0] === "revert") world.commit("same.txt", "third\n")
    spawnSync("git", ["-C", world.top, ...command], { env: world.env })
    await expectRefused("REPOSITORY_STATE", world)
  })

  test("a bisect", async () => {
    copyWorld()
    world.git("bisect", "start", "HEAD", "HEAD~5")
    await expectRefused("REPOSITORY_STATE", world)
    world.git("bisect", "reset")
    await world.set("stripe/api-key", "new")
    await expectWhole(world, "new")
  })

  test("a detached HEAD", async () => {
    copyWorld()
    world.git("checkout", "-q", "--detach")
    await expectRefused("REPOSITORY_STATE", world)
  })
})

describe("every kind of repository", () => {
  test.each<[string, string, string[]]>([
    ["an empty one, whose branch is unborn", "repo", []],
    ["one with SHA-256", "repo", ["--object-format=sha256"]],
    ["one whose path has spaces, quotes and more", `a b'"$(x)\\é 日本 ;&`, []],
    ["one with split index", "split", []],
  ])("%s", async (_name, top, args) => {
    freshWorld(top, ...args)
    if (top === "split") world.git("config", "core.splitIndex", "true")
    await world.init()
    await world.addAgent("ci")
    await world.set("stripe/api-key", "old")
    await world.grant("ci", "stripe")
    await world.set("stripe/api-key", "new")
    expect(world.git("rev-list", "--count", "HEAD")).toBe("5")
    await expectWhole(world, "new")
  })

  test("a vault in a subfolder of a strange name, beside another", async () => {
    freshWorld()
    await world.init()
    const folder = join(world.top, `"quoted" \\ back é/deep er`)
    mkdirSync(folder, { recursive: true })
    world.vaultFolder = folder
    await world.init()
    await world.addAgent("ci")
    await world.set("stripe/api-key", "old")
    await world.grant("ci", "stripe")
    await expectWhole(world, "old")
    world.vaultFolder = world.top
    await world.set("other/x", "1")
    world.write(".agent-vault/manifest.yaml", "an edit of the other vault")
    world.vaultFolder = folder
    await world.set("stripe/api-key", "new")
    expect(world.git("status", "--porcelain")).toBe(" M .agent-vault/manifest.yaml")
    expect(await world.read("ci", "stripe/api-key")).toBe("new")
  })

  test("a linked work tree, which keeps its own lock, index and HEAD", async () => {
    copyWorld()
    const linked = join(world.folder, "linked")
    world.git("worktree", "add", "-q", linked, "-b", "side")
    const side = world.with({}, linked)
    await side.set("stripe/api-key", "new")
    await expectWhole(side, "new")
    await expectWhole(world, "old")
    expect(side.git("log", "-1", "--format=%s", "main")).toBe("agent-vault: grant ci -> stripe")
  })

  test("a submodule", async () => {
    copyWorld()
    const outer = world.with({}, join(world.folder, "outer"))
    mkdirSync(outer.top)
    outer.git("init", "-q", "-b", "main")
    const allow = ["-c", "protocol.file.allow=always"]
    outer.git(...allow, "submodule", "--quiet", "add", world.top, "inner")
    const inner = world.with({}, join(outer.top, "inner"))
    expect(statSync(join(inner.top, ".git")).isFile()).toBe(true)
    await inner.set("stripe/api-key", "new")
    await expectWhole(inner, "new")
    await expectWhole(world, "old")
  })

  test("a bare repository has no vault", async () => {
    freshWorld("bare.git", "--bare")
    expect(await outcome(world.init())).toBe("NO_REPOSITORY")
  })
})

describe("when it cannot be written, nothing changes", () => {
  test("no Git identity: the error says which setting is missing", async () => {
    copyWorld()
    const anonymous = join(world.folder, "anonymous")
    writeFileSync(anonymous, "[user]\n\tuseConfigOnly = true\n")
    const nobody = world.with({ GIT_CONFIG_GLOBAL: anonymous })
    await expectRefused("GIT_FAILED", nobody)
    await expect(nobody.set("stripe/api-key", "new")).rejects.toHaveProperty(
      "hint",
      'git config --global user.name "Your Name", and the same for user.email',
    )
  })

  test("no git on the PATH", async () => {
    copyWorld()
    const before = state(world)
    expect(await outcome(world.with({ PATH: world.folder }).set("stripe/api-key", "new"))).toBe(
      "NO_GIT",
    )
    expect(state(world)).toEqual(before)
  })

  test("a file where the folder of changes should be", async () => {
    copyWorld()
    rmSync(join(world.top, ".git/agent-vault"), { recursive: true })
    writeFileSync(join(world.top, ".git/agent-vault"), "")
    expect(await outcome(world.set("stripe/api-key", "new"))).toBe("FILE_UNSAFE")
    rmSync(join(world.top, ".git/agent-vault"))
    await expectWhole(world, "old")
  })

  test("a branch that another git holds locked", async () => {
    copyWorld()
    const lock = join(world.top, ".git/refs/heads/main.lock")
    writeFileSync(lock, template.git("rev-parse", "HEAD~1"))
    await expectRefused("GIT_FAILED", world)
    expect(existsSync(lock)).toBe(true)
  })

  test("a signer that fails", async () => {
    copyWorld()
    const own = join(world.folder, "own-gitconfig")
    cpSync(world.env["GIT_CONFIG_GLOBAL"] ?? "", own)
    const signing = world.with({ GIT_CONFIG_GLOBAL: own })
    signing.git("config", "--global", "commit.gpgSign", "true")
    signing.git("config", "--global", "gpg.program", "/bin/false")
    await expectRefused("GIT_FAILED", signing)
  })

  testUnless(noMount(), "a full disk: old state, or committed and completed later", async () => {
    copyWorld()
    const small = join(world.folder, "small")
    mkdirSync(small)
    const unmount = await mountSmall(small)
    try {
      cpSync(world.top, join(small, "repo"), { recursive: true })
      const full = world.with({}, join(small, "repo"))
      const outcomes = new Set<unknown>()
      for (let room = 0; room < 160; room += 4) {
        fill(join(small, "filler"), room * 1024)
        const value = `value-${room}-${"x".repeat(8192)}`
        const before = await full.read("ci", "stripe/api-key").catch(() => "")
        const got = await outcome(full.set("stripe/api-key", value))
        outcomes.add(typeof got === "string" ? got : "done")
        rmSync(join(small, "filler"))
        await full.repair()
        expect([before, value]).toContain(await full.read("ci", "stripe/api-key"))
        expect(full.git("status", "--porcelain")).toBe("")
        full.git("fsck")
        if (got !== "BUSY" && typeof got === "string") {
          expect(await full.read("ci", "stripe/api-key")).toBe(before)
        }
        if (outcomes.has("done")) break
      }
      expect(outcomes).toContain("NO_ACCESS")
      expect(outcomes).toContain("GIT_FAILED")
      expect(outcomes).toContain("done")
    } finally {
      await unmount()
    }
  })
})

/**
 * Mounts a disk of 1.5 MiB; the result unmounts it. So does the death of this process, however it
 * comes: whoever mounted it waits for the end of a pipe.
 */
async function mountSmall(folder: string): Promise<() => Promise<void>> {
  const script = `mount -t tmpfs -o size=1536k tmpfs "$1" && echo mounted && cat; umount -l "$1"`
  const mounter = spawn("sh", ["-c", `trap "" INT TERM HUP; ${script}`, "sh", folder], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  })
  const ended = once(mounter, "close")
  await once(mounter.stdout, "data")
  return async () => {
    mounter.stdin.end()
    await ended
  }
}

/** Fills the disk up but for `room` bytes. */
function fill(file: string, room: number): void {
  const size = Number(
    execFileSync("df", ["--output=avail", "-B1", dirname(file)], { encoding: "utf8" })
      .trim()
      .split("\n")
      .at(-1),
  )
  if (size > room) writeFileSync(file, Buffer.alloc(size - room))
  else writeFileSync(file, "")
}

/** Why no small disk can be mounted here. */
function noMount(): string | undefined {
  if (noRoot !== undefined) return noRoot
  const { status } = spawnSync("unshare", ["-m", "true"])
  return status === 0 ? undefined : "may not mount a disk here: a container needs CAP_SYS_ADMIN"
}

function diverge(of: World): void {
  of.git("switch", "-qc", "side")
  of.commit("same.txt", "theirs\n")
  of.git("switch", "-q", "main")
  of.commit("same.txt", "ours\n")
}

function edit(of: World): void {
  of.write(manifest, `${readFileSync(join(of.top, manifest), "utf8")}# a note\n`)
}

function restore(of: World): void {
  of.write(manifest, of.git("show", `HEAD:${manifest}`) + "\n")
}

function removeSecret(of: World): void {
  rmSync(join(of.top, `${secret}.json`))
  rmSync(join(of.top, `${secret}.age`))
}

/** A program that leaves a mark when it is run. */
function trap(name = "trap"): { program: string; sprung: () => boolean } {
  const program = join(world.folder, name)
  const mark = `${program}.sprung`
  writeFileSync(program, `#!/bin/sh\necho "$0 $*" >> '${mark}'\nexec cat\n`)
  chmodSync(program, 0o755)
  return { program, sprung: () => existsSync(mark) }
}
