import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { delimiter, dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { getuid } from "node:process"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { bubblewrap } from "../../../scripts/bubblewrap.mjs"
import { listedGits } from "../../../src/core/git/listed-gits.js"
import { nameByMaker } from "../../../src/core/disk/maker.js"
import { openGit } from "../../../src/core/git/git.js"
import { lockingFiles } from "../../../src/core/git/git-locks.js"
import { findCheckout } from "../../../src/core/disk/place.js"
import { testUnless } from "../../needs.js"
import { type World, outcome, vaultWorld } from "../world.js"

/** Where the system does not tell which gits run, every lock stays. */
const noProc = existsSync("/proc/self/stat") ? undefined : "no /proc here"
const found = await bubblewrap()
const [bwrap, lackBubblewrap] = "missing" in found ? ["", found.missing] : [found.path, undefined]
const BIN = fileURLToPath(new URL("../../../dist/cli/bin.cjs", import.meta.url))
const UID = getuid?.() ?? 0
const TRACKED = "refs/remotes/origin/main.lock"

let world: World
let gits: ChildProcess[] = []

beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(async () => {
  await Promise.all(gits.map(endOf))
  gits = []
  world.remove()
})

function at(name: string, gitFolder = ".git"): string {
  return join(world.top, gitFolder, name)
}

/** A lock that a git left a minute ago. */
function leave(name: string, gitFolder?: string): void {
  mkdirSync(dirname(at(name, gitFolder)), { recursive: true })
  writeFileSync(at(name, gitFolder), "")
  const before = Date.now() / 1000 - 60
  utimesSync(at(name, gitFolder), before, before)
}

/** The note of a process that was killed while its git might take these locks. */
function note(locks: readonly string[], gitFolder?: string): string {
  const { pid } = spawnSync("true")
  const name = nameByMaker("git-at-work-").replace(`-${process.pid}-`, `-${pid}-`)
  const file = at(`agent-vault/${name}`, gitFolder)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, JSON.stringify(locks))
  return file
}

/** A git that lives, and holds the index, as while its user writes a message. */
async function holdIndex(top: string, from = top): Promise<ChildProcess> {
  writeFileSync(join(top, "unrelated"), "1")
  spawnSync("git", ["add", "unrelated"], { cwd: top, env: world.env })
  const env = { ...world.env, GIT_EDITOR: "echo ready >&2; read -r line; echo done >" }
  const where = from === top ? [] : [`--git-dir=${join(top, ".git")}`, `--work-tree=${top}`]
  const git = spawn("git", [...where, "commit", "-a"], {
    cwd: from,
    env,
    stdio: ["pipe", "ignore", "pipe"],
  })
  gits.push(git)
  await once(git.stderr, "data")
  return git
}

async function endOf(git: ChildProcess): Promise<number | null> {
  git.stdin?.end("\n")
  if (git.exitCode === null) await once(git, "close")
  return git.exitCode
}

describe("locks of gits that were killed", () => {
  testUnless(noProc, "go by repair, and the note with them", async () => {
    const file = note(["index.lock", TRACKED, "packed-refs.lock"])
    for (const name of ["index.lock", TRACKED, "packed-refs.lock"]) leave(name)
    await world.repair()
    expect(
      ["index.lock", TRACKED, "packed-refs.lock"].filter((name) => existsSync(at(name))),
    ).toEqual([])
    expect(existsSync(file)).toBe(false)
  })

  testUnless(noProc, "go by the next change", async () => {
    note(["index.lock"])
    leave("index.lock")
    await world.set("stripe/api-key", "next")
    expect(world.git("status", "--porcelain")).toBe("")
    expect(existsSync(at("index.lock"))).toBe(false)
  })

  testUnless(noProc, "go at once where the process lives", async () => {
    const checkout = findCheckout(world.top)
    if (checkout === undefined) throw new Error("the world has a work tree")
    const git = await openGit(checkout, world.env)
    const killed = lockingFiles(git, ["index"], () => {
      leave("index.lock")
      return Promise.reject(new Error("killed"))
    })
    await expect(killed).rejects.toThrow("killed")
    expect(existsSync(at("index.lock"))).toBe(false)
    expect(readdirSync(at("agent-vault"))).toEqual([])
  })

  testUnless(
    noProc,
    "of another work tree: what stands in all their way goes, the rest there",
    async () => {
      world.git("worktree", "add", "-q", join(world.folder, "second"))
      const own = ".git/worktrees/second"
      const file = note(["index.lock", "packed-refs.lock"], own)
      leave("index.lock", own)
      leave("packed-refs.lock")
      await world.repair()
      expect([existsSync(at("packed-refs.lock")), existsSync(at("index.lock", own))]).toEqual([
        false,
        true,
      ])
      expect(existsSync(file)).toBe(true)
      await world.with({}, join(world.folder, "second")).repair()
      expect([existsSync(at("index.lock", own)), existsSync(file)]).toEqual([false, false])
    },
  )
})

describe("locks of others", () => {
  testUnless(noProc, "a git that lives keeps its lock, and ends well", async () => {
    const git = await holdIndex(world.top)
    const file = note(["index.lock"])
    const before = Date.now() / 1000 - 60
    utimesSync(at("index.lock"), before, before)
    await world.repair()
    expect([existsSync(at("index.lock")), existsSync(file)]).toEqual([true, true])
    expect(await endOf(git)).toBe(0)
    expect(world.git("show", "--format=", "--name-only", "HEAD")).toBe("unrelated")
    await world.repair()
    expect(existsSync(file)).toBe(false)
  })

  testUnless(noProc, "so does one that stands elsewhere and was told of the folder", async () => {
    const git = await holdIndex(world.top, world.folder)
    note(["index.lock"])
    await world.repair()
    expect(existsSync(at("index.lock"))).toBe(true)
    expect(await endOf(git)).toBe(0)
  })

  testUnless(noProc, "a git in another repository is no reason to wait", async () => {
    const other = await vaultWorld()
    try {
      await holdIndex(other.top)
      note(["index.lock"])
      leave("index.lock")
      await world.repair()
      expect(existsSync(at("index.lock"))).toBe(false)
    } finally {
      await Promise.all(gits.map(endOf))
      other.remove()
    }
  })

  testUnless(noProc, "one that was there before stays", async () => {
    leave("index.lock")
    const checkout = findCheckout(world.top)
    if (checkout === undefined) throw new Error("the world has a work tree")
    const git = await openGit(checkout, world.env)
    const failed = lockingFiles(git, ["index"], () => Promise.reject(new Error("locked")))
    await expect(failed).rejects.toThrow("locked")
    expect(existsSync(at("index.lock"))).toBe(true)
    expect(readdirSync(at("agent-vault"))).toEqual([])
    await world.repair()
    expect(existsSync(at("index.lock"))).toBe(true)
  })

  testUnless(
    noProc,
    "one without a note stays, and so does one of another host's note",
    async () => {
      leave(TRACKED)
      leave("packed-refs.lock")
      const name = note(["packed-refs.lock"])
      const host = /-([0-9a-f]{8})-[0-9a-f]{16}$/.exec(name)?.[1] ?? ""
      const there = name.replace(`-${host}-`, "-00000000-")
      writeFileSync(there, readFileSync(name))
      spawnSync("rm", [name])
      await world.repair()
      expect([TRACKED, "packed-refs.lock"].map((each) => existsSync(at(each)))).toEqual([
        true,
        true,
      ])
      expect(existsSync(there)).toBe(true)
    },
  )

  testUnless(
    noProc,
    "a note that names something else removes nothing, nor behind a link",
    async () => {
      const outside = join(world.folder, "outside")
      mkdirSync(outside)
      writeFileSync(join(outside, "main.lock"), "mine")
      mkdirSync(at("refs/remotes"), { recursive: true })
      symlinkSync(outside, at("refs/remotes/elsewhere"))
      const names = ["../outside/main.lock", "refs/../../../outside/main.lock", "config", "HEAD"]
      const file = note([...names, "refs/remotes/elsewhere/main.lock"])
      expect(await outcome(world.repair())).toBe("FILE_UNSAFE")
      expect(readFileSync(join(outside, "main.lock"), "utf8")).toBe("mine")
      rmSync(at("refs/remotes/elsewhere"))
      await world.repair()
      expect(readFileSync(join(outside, "main.lock"), "utf8")).toBe("mine")
      expect([existsSync(at("config")), existsSync(at("HEAD"))]).toEqual([true, true])
      expect(existsSync(file)).toBe(false)
    },
  )
})

describe("where the system has no /proc", () => {
  test("ps tells which gits of this user run, wherever they are", async () => {
    const before = listedGits(UID, process.env)
    const git = await holdIndex(world.top)
    const isIt = ({ pid }: { pid: number }): boolean => pid === git.pid
    expect(before?.some(isIt)).toBe(false)
    expect(listedGits(UID, process.env)?.filter(isIt)).toHaveLength(1)
    expect(listedGits(12_345, process.env)).toEqual([])
    // A folder that is named from where we stand may be the repository's.
    const planted = join(world.top, "planted")
    mkdirSync(planted)
    writeFileSync(join(planted, "ps"), "#!/bin/sh\nexit 0\n", { mode: 0o755 })
    const env = { PATH: `${relative(process.cwd(), planted)}${delimiter}${process.env["PATH"]}` }
    expect(listedGits(UID, env)?.filter(isIt)).toHaveLength(1)
    await endOf(git)
    expect(listedGits(UID, process.env)?.some(isIt)).toBe(false)
  })

  testUnless(lackBubblewrap, "a lock goes if ps shows no git of the user's", () => {
    const file = note(["index.lock"])
    leave("index.lock")
    expect(repairWithoutProc(`$PPID ${UID} S node`, `1 ${UID} Z git`, "1 12345 S git")).toBe(0)
    expect([existsSync(at("index.lock")), existsSync(file)]).toEqual([false, false])
  })

  testUnless(lackBubblewrap, "it stays while a git runs, and where ps tells nothing", () => {
    const file = note(["index.lock"])
    leave("index.lock")
    const path = "/Library/Developer/Command Line Tools/usr/libexec/git-core/git"
    for (const shown of [[`$PPID ${UID} S node`, `${process.pid} ${UID} S ${path}`], []]) {
      repairWithoutProc(...shown)
      expect([existsSync(at("index.lock")), existsSync(file)]).toEqual([true, true])
    }
  })
})

/** Repairs where nothing is in /proc, and `ps` prints these lines. */
function repairWithoutProc(...shown: readonly string[]): number | null {
  const programs = join(world.folder, "programs")
  mkdirSync(programs, { recursive: true })
  const lines = shown.map((line) => `echo "${line}"`).join("\n")
  writeFileSync(join(programs, "ps"), `#!/bin/sh\n${lines}\n`, { mode: 0o755 })
  const hidden = ["--dev-bind", "/", "/", "--tmpfs", "/proc", "--"]
  const { status } = spawnSync(bwrap, [...hidden, process.execPath, BIN, "repair"], {
    cwd: world.top,
    env: { ...world.env, PATH: `${programs}:${process.env["PATH"]}` },
  })
  return status
}
