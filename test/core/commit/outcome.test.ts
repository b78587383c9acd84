// What a command says of its outcome: what happened first, then what went wrong after it.
import { execFileSync, spawnSync } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { inspect } from "../../../src/core/check/inspect.js"
import { repair } from "../../../src/core/commit/repair.js"
import { findVault } from "../../../src/core/disk/place.js"
import { nameByMaker } from "../../../src/core/disk/maker.js"
import { gitThat, realGit } from "../processes.js"
import { type World, emptyWorld, outcome, vaultWorld } from "../world.js"

let template: World
let world: World

beforeAll(async () => {
  template = await vaultWorld()
})

afterEach(() => world.remove())

afterAll(() => template.remove())

const SECRET = ".agent-vault/secrets/stripe/api-key.age"

describe("what git says it wrote", () => {
  test.each(["blob", "tree", "commit"] as const)(
    "a %s that is not there: nothing is changed, and that is said",
    async (type) => {
      const head = template.git("rev-parse", "HEAD")
      await expect(forgetful(type).set("stripe/api-key", "new")).rejects.toMatchObject({
        code: "GIT_FAILED",
      })
      expect(world.git("rev-parse", "HEAD")).toBe(head)
      expect(world.git("fsck", "--strict")).toBe("")
      expect(await world.read("ci", "stripe/api-key")).toBe("old")
      await world.set("stripe/api-key", "new")
      expect(await world.read("ci", "stripe/api-key")).toBe("new")
    },
  )

  test("a commit that changes something else is not made", async () => {
    world = template.copy()
    const add = `sed 's#^M 100644 inline .*api-key.age"#M 100644 inline "other.txt"#'`
    const path = gitThat(
      world,
      `case "$*" in *fast-import*) LC_ALL=C ${add} | ${realGit()} "$@"; exit 0;; esac`,
    )
    const head = world.git("rev-parse", "HEAD")
    expect(await outcome(world.with({ PATH: path }).set("stripe/api-key", "new"))).toBe(
      "GIT_FAILED",
    )
    expect(world.git("rev-parse", "HEAD")).toBe(head)
  })
})

describe("what Git has lost", () => {
  test.each([
    ["missing", (file: string) => rmSync(file)],
    [
      "damaged",
      (file: string) => {
        rmSync(file)
        writeFileSync(file, "not an object")
      },
    ],
  ])("a blob that is %s: check says so, and repair brings it back", async (_state, harm) => {
    world = loosened()
    harm(objectFile(world.git("rev-parse", `HEAD:${SECRET}`)))
    expect(await found()).toContain(`OBJECT_MISSING ${SECRET}`)
    const repaired = await repair(world.top, world.env)
    expect(repaired).toEqual({ change: "nothing", restored: [SECRET], lost: [] })
    expect(await found()).not.toContain(`OBJECT_MISSING ${SECRET}`)
    expect(world.git("fsck", "--strict")).toBe("")
  })

  test("a folder: repair makes it anew from the index", async () => {
    world = loosened()
    rmSync(objectFile(world.git("rev-parse", "HEAD:.agent-vault/secrets/stripe")))
    expect((await found()).filter((each) => each.startsWith("GIT_FAILED"))).toHaveLength(1)
    const repaired = await repair(world.top, world.env)
    expect(repaired).toEqual({ change: "nothing", restored: [".agent-vault"], lost: [] })
    expect(world.git("fsck", "--strict")).toBe("")
  })

  test("what nobody has any more is told after what was done", async () => {
    world = loosened()
    rmSync(objectFile(world.git("rev-parse", "HEAD^{tree}")))
    rmSync(join(world.top, ".git/index"))
    world.git("read-tree", "--empty")
    const repaired = await repair(world.top, world.env)
    expect(repaired).toMatchObject({ change: "nothing", unfinished: [{ code: "GIT_FAILED" }] })
  })

  test("what the work tree has not either is named", async () => {
    world = loosened()
    rmSync(objectFile(world.git("rev-parse", `HEAD:${SECRET}`)))
    rmSync(join(world.top, SECRET))
    const repaired = await repair(world.top, world.env)
    expect(repaired).toEqual({ change: "nothing", restored: [], lost: [SECRET] })
  })
})

describe("after the commit point", () => {
  test("a lock that cannot be removed", async () => {
    await expectDone("rm .git/agent-vault/lock; mkdir .git/agent-vault/lock", "FILE_UNSAFE")
    expect(await world.read("ci", "stripe/api-key")).toBe("new")
  })

  test("an index that cannot be written: the next command completes it", async () => {
    await expectDone("mv .git/index .git/kept; mkdir .git/index", "BUSY")
    rmSync(join(world.top, ".git/index"), { recursive: true })
    renameSync(join(world.top, ".git/kept"), join(world.top, ".git/index"))
    await world.set("stripe/webhook", "hook 2")
    expect(world.git("status", "--porcelain")).toBe("")
    expect(await world.read("ci", "stripe/api-key")).toBe("new")
  })

  test("a state folder in which nothing can be remembered", async () => {
    const spoil = 'for marks in ../agent-vault/*/marks; do rm -r "$marks"; touch "$marks"; done'
    await expectDone(spoil, "NO_ACCESS")
  })

  test("init: the vault is made, and its key is there", async () => {
    world = emptyWorld()
    const busy = `if mkdir "$0.done" 2>/dev/null; then rm '${world.top}/.git/agent-vault/lock'; mkdir '${world.top}/.git/agent-vault/lock'; fi`
    const path = gitThat(world, `case "$*" in *update-index*) ${busy};; esac`)
    const { keyFile, unfinished } = await world.with({ PATH: path }).init()
    expect(unfinished?.map((error) => error.code)).toEqual(["FILE_UNSAFE"])
    expect(existsSync(keyFile)).toBe(true)
    rmSync(join(world.top, ".git/agent-vault/lock"), { recursive: true })
    await world.addAgent("ci")
  })

  test("init: where nobody can tell whether the branch moved, the key stays", async () => {
    world = emptyWorld()
    // A branch that is packed is not told by a file of its own: Git is asked, and is gone.
    const packed = `${realGit()} pack-refs --all`
    const gone = `${realGit()} "$@"; ${packed}; touch "$0.gone"; exit 1`
    const path = gitThat(
      world,
      `if [ -e "$0.gone" ]; then exit 1; fi; case "$*" in *update-ref*) ${gone};; esac`,
    )
    expect(await outcome(world.with({ PATH: path }).init())).toBe("BUSY")
    expect(ownerKeys()).toHaveLength(1)
    expect(await world.repair()).toBe("completed")
    await world.addAgent("ci")
  })

  test("init: a branch that did not move takes the key with it", async () => {
    world = emptyWorld()
    const path = gitThat(world, 'case "$*" in *update-ref*) exit 1;; esac')
    expect(await outcome(world.with({ PATH: path }).init())).toBe("GIT_FAILED")
    expect(ownerKeys()).toEqual([])
    await world.init()
  })
})

describe("what a process that is gone left behind", () => {
  test("goes with the next command; what a living one has stays", async () => {
    world = template.copy()
    const left = places().map(([folder, prefix]) => join(folder, nameOfTheGone(prefix)))
    const used = places().map(([folder, prefix]) => join(folder, nameByMaker(prefix)))
    for (const file of [...left, ...used]) {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, "")
    }
    const index = join(world.top, ".git/agent-vault/index-0123456789abcdef")
    mkdirSync(index)
    // Of another host nobody here can ask: a day is enough.
    const elsewhere = join(
      world.top,
      ".git/agent-vault/waiting-00000001-1-1-00000000-0123456789abcdef",
    )
    writeFileSync(elsewhere, "")
    utimesSync(elsewhere, Date.now() / 1000 - 2 * 86_400, Date.now() / 1000 - 2 * 86_400)
    await world.set("stripe/api-key", "new")
    expect(left.filter((file) => existsSync(file))).toEqual([])
    const inVault = used.filter((file) => file.includes(".agent-vault/"))
    expect(used.filter((file) => !existsSync(file))).toEqual(inVault)
    expect(existsSync(index)).toBe(false)
    expect(existsSync(elsewhere)).toBe(false)
  })

  test("a lock of git's index that is ours goes with repair; another's stays", async () => {
    world = template.copy()
    const lock = join(world.top, ".git/index.lock")
    const copy = join(world.top, ".git/agent-vault/index-0123456789abcdef")
    mkdirSync(copy, { recursive: true })
    writeFileSync(join(copy, "index"), readFileSync(join(world.top, ".git/index")))
    spawnSync("ln", [join(copy, "index"), lock])
    await world.repair()
    expect(existsSync(lock)).toBe(false)
    expect(existsSync(copy)).toBe(false)
    writeFileSync(lock, "")
    await world.repair()
    expect(existsSync(lock)).toBe(true)
    rmSync(lock)
  })
})

/** A world whose git loses an object of some type after it wrote it, and says nothing. */
function forgetful(type: "blob" | "tree" | "commit"): World {
  world = template.copy()
  const lose = `for file in "$GIT_OBJECT_DIRECTORY"/??/*; do
    id=$(basename "$(dirname "$file")")$(basename "$file")
    if [ "$(${realGit()} cat-file -t "$id")" = ${type} ]; then rm -f "$file"; break; fi
  done`
  const path = gitThat(
    world,
    `case "$*" in *fast-import*) ${realGit()} "$@"; ${lose}; exit 0;; esac`,
  )
  return world.with({ PATH: path })
}

/** A world whose Git keeps each object in a file of its own. */
function loosened(): World {
  const copy = template.copy()
  const packs = join(copy.top, ".git/objects/pack")
  for (const name of readdirSync(packs).filter((each) => each.endsWith(".pack"))) {
    const pack = readFileSync(join(packs, name))
    rmSync(packs, { recursive: true })
    execFileSync("git", ["unpack-objects", "-q"], { cwd: copy.top, input: pack })
  }
  return copy
}

function objectFile(id: string): string {
  return join(world.top, ".git/objects", id.slice(0, 2), id.slice(2))
}

async function found(): Promise<string[]> {
  const place = findVault(world.top)
  const { findings } = await inspect({ place, env: world.env, now: new Date() })
  return findings.map(({ code, subject }) => `${code} ${subject}`)
}

/** A world in which a shell runs at the top, once, just before git updates the index. */
function meanwhile(shell: string): World {
  world = template.copy()
  const once = `if mkdir "$0.done" 2>/dev/null; then (cd '${world.top}' && ${shell}); fi`
  return world.with({ PATH: gitThat(world, `case "$*" in *update-index*) ${once};; esac`) })
}

async function expectDone(shell: string, code: string): Promise<void> {
  const made = await meanwhile(shell).set("stripe/api-key", "new")
  expect(made.commit).toBe(world.git("rev-parse", "HEAD"))
  expect(made.unfinished?.map((error) => error.code)).toEqual([code])
}

function ownerKeys(): string[] {
  const home = join(world.folder, "agent-vault")
  const vaults = existsSync(home) ? readdirSync(home) : []
  return vaults.filter((vault) => existsSync(join(home, vault, "owner.key")))
}

/** A name of a temporary file, as a process makes it that has ended since. */
function nameOfTheGone(prefix: string): string {
  const { pid } = spawnSync("true")
  return nameByMaker(prefix).replace(`${prefix}${process.pid}-`, `${prefix}${pid}-`)
}

function places(): [folder: string, prefix: string][] {
  const home = join(world.folder, "agent-vault")
  const vault = readdirSync(home).find((name) => existsSync(join(home, name, "owner.key"))) ?? ""
  return [
    [join(world.top, ".git/agent-vault"), ".tmp-"],
    [join(world.top, ".git/agent-vault"), "waiting-00000001-"],
    [join(world.top, ".agent-vault/secrets/stripe"), ".tmp-"],
    [join(world.top, ".git/objects"), "tmp_agent-vault-"],
    [home, ".tmp-"],
    [join(home, vault), ".tmp-"],
    [join(home, vault, "agents"), ".tmp-"],
    [join(home, vault, "made/clone/stood"), ".tmp-"],
    [join(home, vault, "marks/clone/branch/vault.json"), ".tmp-"],
    [join(home, "sites/clone"), ".tmp-"],
  ]
}
