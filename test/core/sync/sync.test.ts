import { execFileSync, spawnSync } from "node:child_process"
import {
  appendFileSync,
  existsSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { removeAgent } from "../../../src/core/change/agents.js"
import { findVault } from "../../../src/core/disk/place.js"
import { inspect } from "../../../src/core/owner.js"
import { nameByMaker } from "../../../src/core/disk/maker.js"
import { VaultError } from "../../../src/core/words/errors.js"
import { gitThat, realGit } from "../processes.js"
import { outcome, type World, vaultWorld } from "../world.js"
import { NO_CHOICES } from "../../../src/core/merge/merge-vault.js"
import { type Clones, clonesOf, resolveAt, syncAt } from "./clones.js"

let clones: Clones

beforeEach(async () => {
  clones = clonesOf(await vaultWorld())
})
afterEach(() => clones.one.remove())

test("goes forward, pushes, and then has nothing to do", async () => {
  const { one, two } = clones
  await two.set("stripe/api-key", "new")
  expect(await syncAt(two)).toMatchObject({ brought: "nothing", pushed: true, isAhead: false })
  expect(await syncAt(one)).toMatchObject({ brought: "forward", pushed: false })
  expect(await one.read("ci", "stripe/api-key")).toBe("new")
  expect(await syncAt(one)).toMatchObject({ brought: "nothing", pushed: false, isAhead: false })
  expect(one.git("status", "--porcelain", "-b")).toBe("## main...origin/main")
})

test("merges what two clones did at once", async () => {
  const { one, two } = clones
  await one.set("stripe/api-key", "one")
  await one.addAgent("first")
  await one.grant("first", "stripe")
  await two.addAgent("second")
  await two.revoke("ci", "stripe")
  await two.grant("second", "stripe")
  await syncAt(one)
  expect(await syncAt(two)).toMatchObject({ brought: "merge", pushed: true })
  await syncAt(one)
  for (const world of [one, two]) {
    expect(await world.read("first", "stripe/api-key")).toBe("one")
    expect(await world.read("second", "stripe/api-key")).toBe("one")
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
    expect(world.git("status", "--porcelain", "-b")).toBe("## main...origin/main")
  }
})

test("two values for one secret are for a person to choose; nothing moves", async () => {
  const { one, two } = clones
  await one.set("stripe/api-key", "one")
  await two.set("stripe/api-key", "two")
  await syncAt(one)
  const head = two.git("rev-parse", "HEAD")
  expect(await outcome(syncAt(two))).toBe("CONFLICT")
  expect(two.git("rev-parse", "HEAD")).toBe(head)
  expect(two.git("status", "--porcelain")).toBe("")
  expect(await two.read("ci", "stripe/api-key")).toBe("two")
})

test("what came is no FETCH_HEAD before it is verified, and the one of the user's stays", async () => {
  const { one, two } = clones
  await one.set("stripe/api-key", "newer")
  await syncAt(one)
  const file = join(two.top, ".git/FETCH_HEAD")
  await syncAt(two)
  expect(existsSync(file)).toBe(false)
  two.git("fetch", "-q")
  const fetched = readFileSync(file)
  await one.set("stripe/api-key", "newest")
  await syncAt(one)
  await syncAt(two)
  expect(await two.read("ci", "stripe/api-key")).toBe("newest")
  expect(readFileSync(file)).toEqual(fetched)
})

test("markers that somebody committed are not pushed, and the hint leads out", async () => {
  const { one, two, origin } = clones
  await one.set("stripe/api-key", "one")
  await syncAt(one)
  await two.set("stripe/api-key", "two")
  expect(() => two.git("pull", "-q", "--no-rebase", "--no-edit")).toThrow()
  two.git("add", "-A")
  two.git("commit", "-qm", "settled, or so it seems")
  const before = two.git("ls-remote", origin, "main")
  const refused = await syncAt(two).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: "RECORD_INVALID" })
  expect(await resolveAt(two, NO_CHOICES).catch((error: unknown) => error)).toMatchObject({
    message: (refused as Error).message,
  })
  expect(two.git("ls-remote", origin, "main")).toBe(before)
  two.git("reset", "-q", "--hard", "HEAD~1")
  expect(() => two.git("merge", "-q", "origin/main")).toThrow()
  await resolveAt(two, { ...NO_CHOICES, all: "ours" })
  two.git("commit", "-q", "--no-edit")
  await syncAt(two)
  await syncAt(one)
  expect(await one.read("ci", "stripe/api-key")).toBe("two")
})

test("pushes again when another push came first", async () => {
  const { one, two, origin } = clones
  await one.set("stripe/webhook", "one")
  await two.set("stripe/api-key", "two")
  // Whenever git pushes for the first time, another clone has just pushed.
  const raced = join(one.folder, "raced")
  const race = `[ -e '${raced}' ] || { touch '${raced}'; ${realGit()} -C '${one.top}' push -q; }`
  const path = gitThat(two, `case "$*" in *"push --quiet"*) ${race};; esac`)
  const synced = await syncAt(two.with({ PATH: path }, two.top))
  expect(synced).toMatchObject({ brought: "merge", pushed: true, isAhead: false })
  expect(two.git("ls-remote", origin, "main")).toContain(two.git("rev-parse", "HEAD"))
  await syncAt(one)
  expect(await one.read("ci", "stripe/api-key")).toBe("two")
  expect(await one.read("ci", "stripe/webhook")).toBe("one")
})

test("merges without a key what independent changes brought", async () => {
  const { one, two } = clones
  await one.set("stripe/webhook", "one")
  await two.set("db/password", "two")
  await syncAt(one)
  expect(await syncAt(two, { owner: noKey })).toMatchObject({ brought: "merge", isForOwners: true })
  expect(await two.read("ci", "stripe/webhook")).toBe("one")
  expect(await outcome(two.apply().then(({ files }) => files))).toEqual([])
})

test("what only an owner can sign waits for one", async () => {
  const { one, two } = clones
  await one.grant("deploy", "stripe")
  await two.revoke("ci", "stripe")
  await syncAt(one)
  const head = two.git("rev-parse", "HEAD")
  expect(await outcome(syncAt(two, { owner: noKey }))).toBe("CONFLICT")
  expect(two.git("rev-parse", "HEAD")).toBe(head)
})

test("what nobody has signed is pending after a merge, and opens nothing", async () => {
  const { one, two } = clones
  const manifest = ".agent-vault/manifest.yaml"
  // Whoever can push writes a wish: deploy gets the group, and a grant gets no end.
  one.write(
    manifest,
    `${one.git("show", `HEAD:${manifest}`)}\n  - { agent: deploy, group: stripe }\n`,
  )
  one.git("commit", "-qam", "a wish")
  one.git("push", "-q")
  await two.revoke("ci", "stripe")
  await syncAt(two)
  expect(await two.tryRead("deploy", "stripe/api-key")).toBe("NOT_GRANTED")
  expect(await two.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
  expect(two.git("show", `HEAD:${manifest}`)).toContain("deploy")
})

test.each(["the merge button of a host, and apply", "sync"])(
  "an agent that one side removed and the other granted more is out everywhere, by %s",
  async (way) => {
    const { one, two } = clones
    await one.set("db/password", "secret")
    // Lines between those that the two change: git merges the manifest by itself.
    await one.grant("deploy", "stripe", "db")
    await syncAt(one)
    await syncAt(two)
    await two.grant("ci", "db")
    await removeAgent({ ...(await one.request()), agent: "ci" })
    await syncAt(one)
    if (way === "sync") await syncAt(two)
    else {
      two.git("fetch", "-q")
      two.git("merge", "-q", "--no-edit", "origin/main")
      expect(await two.read("deploy", "db/password")).toBe("secret")
      await two.apply()
    }
    expect(await two.tryRead("ci", "db/password")).toBe("NOT_GRANTED")
    expect(await two.read("deploy", "db/password")).toBe("secret")
    expect(two.git("show", "HEAD:.agent-vault/manifest.yaml")).not.toContain("agent: ci")
  },
)

test("a group that one side removed stays while the other side's secrets are in it", async () => {
  const { one, two } = clones
  await one.set("db/password", "old")
  await syncAt(one)
  await syncAt(two)
  one.git("rm", "-qr", ".agent-vault/secrets/db")
  one.git("commit", "-qm", "no more")
  put(one, "  db: {}\n", "")
  await one.apply()
  await two.set("db/other", "kept")
  await syncAt(one)
  await syncAt(two)
  await two.grant("ci", "db")
  expect(await two.read("ci", "db/other")).toBe("kept")
  expect(await two.tryRead("ci", "db/password")).toBe("SECRET_NOT_FOUND")
})

test("a group that was rekeyed twice here, and granted there, is settled out of the index", async () => {
  const { one, two } = clones
  await one.grant("deploy", "stripe")
  await one.revoke("deploy", "stripe")
  await syncAt(one)
  await syncAt(two)
  await two.addAgent("other")
  await two.grant("other", "stripe")
  await one.revoke("ci", "stripe")
  await syncAt(two)
  one.git("fetch", "-q")
  expect(() => one.git("merge", "-q", "origin/main")).toThrow()
  expect(await resolveAt(one, { named: new Map() })).toMatchObject({ conflicts: [], others: [] })
  one.git("commit", "-q", "--no-edit")
  expect(await one.read("other", "stripe/api-key")).toBe("old")
  expect(await one.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
})

test("what git merged by itself and does not fit together is mended, before and after the commit", async () => {
  const { one, two } = clones
  // Two groups of one name, at two places of the manifest, and a group that is gone on one side.
  await one.set("db/password", "old")
  await one.set("mail/one", "mail")
  await one.grant("deploy", "mail", "stripe")
  await syncAt(one)
  await syncAt(two)
  put(one, "groups:\n", "groups:\n  fresh: {}\n")
  await one.apply()
  one.git("rm", "-qr", ".agent-vault/secrets/db")
  one.git("commit", "-qm", "no more")
  put(one, "  db: {}\n", "")
  await one.apply()
  put(two, "grants:\n", "  fresh: {}\ngrants:\n")
  two.git("commit", "-qam", "a wish")
  await two.set("db/other", "kept")
  await syncAt(one)
  two.git("fetch", "-q")
  for (const way of ["--no-commit", "--commit"]) {
    two.git("switch", "-q", "-c", `button${way}`, "main")
    two.git("merge", "-q", "--no-edit", way, "origin/main")
    expect(await two.read("deploy", "mail/one")).toBe("mail")
    const { settled } = await resolveAt(two, { named: new Map() })
    expect([...settled].sort()).toEqual(["db", "manifest.yaml"])
    if (way === "--no-commit") two.git("commit", "-q", "--no-edit")
    else two.git("commit", "-q", "-m", "mended")
    await two.apply()
    await two.grant("ci", "db")
    expect(await two.read("ci", "db/other")).toBe("kept")
    two.git("switch", "-q", "main")
  }
})

function put(world: World, at: string, line: string): void {
  world.write(MANIFEST, `${world.git("show", `HEAD:${MANIFEST}`).replace(at, line)}\n`)
}

const MANIFEST = ".agent-vault/manifest.yaml"

describe("what comes is verified before it is used", () => {
  const record = ".agent-vault/groups/stripe.json"
  const attacks: readonly [string, (one: World) => void, string][] = [
    [
      "a record set back",
      (one) => one.git("checkout", "-q", "HEAD~1", "--", record),
      "ROLLED_BACK",
    ],
    ["a record that nobody signed", (one) => edit(one, record, "epoch", 7), "SIGNATURE_INVALID"],
    [
      "other owners",
      (one) => edit(one, ".agent-vault/vault.json", "serial", 7),
      "SIGNATURE_INVALID",
    ],
    [
      "another key file",
      (one) => one.write(".agent-vault/groups/stripe.age", "x"),
      "DIGEST_MISMATCH",
    ],
    [
      "another value",
      (one) => one.write(".agent-vault/secrets/stripe/api-key.age", "x"),
      "DIGEST_MISMATCH",
    ],
    ["no vault", (one) => one.git("rm", "-qr", ".agent-vault"), "NO_VAULT"],
    [
      "a record that Git takes for a link",
      (one) => {
        const blob = one.git("rev-parse", `HEAD:${record}`)
        one.git("update-index", "--cacheinfo", `120000,${blob},${record}`)
        one.git("commit", "-qm", "a link")
      },
      "FILE_UNSAFE",
    ],
    [
      "a submodule in the vault",
      (one) => {
        const commit = one.git("rev-parse", "HEAD")
        one.git("update-index", "--add", "--cacheinfo", `160000,${commit},.agent-vault/more`)
        one.git("commit", "-qm", "a submodule")
      },
      "FILE_UNSAFE",
    ],
    [
      "a file that is small only in Git",
      (one) => {
        one.write(".agent-vault/secrets/stripe/large.json", "0".repeat(2 * 1024 * 1024))
        one.git("add", "-A")
      },
      "FILE_UNSAFE",
    ],
  ]

  test.each(attacks)("%s", async (_what, attack, code) => {
    const { one, two } = clones
    attack(one)
    if (one.git("rev-parse", "HEAD") === one.git("rev-parse", "origin/main")) {
      one.git("commit", "-qam", "attack")
    }
    one.git("push", "-q")
    const tracked = two.git("rev-parse", "origin/main")
    const forward = two.git("rev-parse", "HEAD")
    expect(await outcome(syncAt(two))).toBe(code)
    expect(two.git("rev-parse", "HEAD")).toBe(forward)
    await two.set("stripe/webhook", "two")
    const head = two.git("rev-parse", "HEAD")
    expect(await outcome(syncAt(two))).toBe(code)
    expect(two.git("rev-parse", "HEAD", "origin/main").split("\n")).toEqual([head, tracked])
    expect(two.git("for-each-ref", "refs/agent-vault")).toBe("")
    expect(await two.read("ci", "stripe/webhook")).toBe("two")
  })
})

test("what comes does not take the place of a file that Git ignores", async () => {
  const { one, two } = clones
  one.commit(".env", "THEIRS=1\n")
  await syncAt(one)
  two.write(".git/info/exclude", ".env\n")
  two.write(".env", "MINE=1\n")
  two.git("config", "branch.main.mergeOptions", "--squash")
  expect(await outcome(syncAt(two))).toBe("REPOSITORY_STATE")
  expect(readFileSync(join(two.top, ".env"), "utf8")).toBe("MINE=1\n")
  rmSync(join(two.top, ".env"))
  await syncAt(two)
  expect(two.git("rev-parse", "HEAD")).toBe(one.git("rev-parse", "HEAD"))
})

test("a journal that cannot be removed is told after the outcome, and the next sync completes it", async () => {
  const { one, two } = clones
  await two.set("stripe/api-key", "new")
  await syncAt(two)
  const journal = ".git/agent-vault/journal.json"
  const spoil = `${realGit()} "$@"; rm ${journal}; mkdir ${journal}; exit 0`
  const path = gitThat(one, `case "$*" in *--ff-only*) ${spoil};; esac`)
  const synced = await syncAt(one.with({ PATH: path }))
  expect(synced).toMatchObject({ brought: "forward", unfinished: [{ code: "BUSY" }] })
  expect(synced.commit).toBe(one.git("rev-parse", "HEAD"))
  rmSync(join(one.top, journal), { recursive: true })
  expect(await syncAt(one)).toMatchObject({ brought: "nothing" })
  expect(await one.read("ci", "stripe/api-key")).toBe("new")
})

test("a git that fails after it moved the branch has moved it", async () => {
  const { one, two } = clones
  await two.set("stripe/api-key", "new")
  await syncAt(two)
  const path = gitThat(one, `case "$*" in *--ff-only*) ${realGit()} "$@"; exit 1;; esac`)
  expect(await syncAt(one.with({ PATH: path }))).toMatchObject({ brought: "forward" })
  expect(await one.read("ci", "stripe/api-key")).toBe("new")
})

test("a dry run of a merge leaves nothing behind", async () => {
  const { one, two } = clones
  await one.set("stripe/one", "1")
  await two.set("stripe/two", "2")
  await syncAt(two)
  const state = (): string[] => readdirSync(one.folder, { recursive: true }).map(String).sort()
  const remembered = (): string[] => state().filter((path) => path.includes("/made/"))
  const before = remembered()
  expect(await syncAt(one, { dryRun: true })).toMatchObject({ brought: "merge" })
  expect(remembered()).toEqual(before)
  expect(one.git("for-each-ref", "refs/agent-vault")).toBe("")
})

test("what a killed sync fetched goes with the next one, and what another is at stays", async () => {
  const { one } = clones
  const { pid } = spawnSync("true")
  const living = nameByMaker("refs/agent-vault/incoming-")
  const gone = nameByMaker("refs/agent-vault/incoming-").replace(`-${process.pid}-`, `-${pid}-`)
  for (const ref of [living, gone]) {
    one.git("update-ref", ref, "HEAD")
    writeFileSync(join(one.top, ".git", `${ref}.lock`), "")
  }
  // Its git was killed, too, and left its lock: no git can remove the ref.
  await syncAt(one)
  expect(one.git("for-each-ref", "--format=%(refname)", "refs/agent-vault")).toBe(living)
  expect(readdirSync(join(one.top, ".git/refs/agent-vault"))).toHaveLength(2)
})

test("the note of where the branch was, half made by a git that was killed, is in nobody's way", async () => {
  const { one, two } = clones
  await two.set("stripe/api-key", "new")
  await syncAt(two)
  const lock = join(one.top, ".git/ORIG_HEAD.lock")
  const path = gitThat(one, `case "$*" in *--ff-only*) git rev-parse HEAD >${lock}; exit 1;; esac`)
  expect(await outcome(syncAt(one.with({ PATH: path })))).toBe("GIT_FAILED")
  await syncAt(one)
  expect(existsSync(lock)).toBe(false)
})

/** How a sync fails whose git ends so with what it is told to do. */
async function failure(world: World, what: string, said: string): Promise<VaultError> {
  const path = gitThat(world, `case " $* " in *" ${what} "*) echo "${said}" >&2; exit 128;; esac`)
  return syncAt(world.with({ PATH: path })).then(
    () => expect.unreachable("it was to fail"),
    (error: unknown) => error as VaultError,
  )
}

test("a full disk is no fault of the network", async () => {
  const said = "fatal: write error: No space left on device"
  const error = await failure(clones.one, "fetch", said)
  expect(error.hint).toMatch(/^make room/)
})

test("a push that fails after a merge does not hide the merge", async () => {
  const { one, two } = clones
  await two.set("stripe/webhook", "two")
  await syncAt(two)
  await one.set("stripe/api-key", "one")
  const error = await failure(one, "push", "fatal: gone")
  expect(error.hint).toContain("merged and committed here")
  expect(one.git("rev-list", "--count", "--merges", "HEAD")).toBe("1")
})

test("a link in conflict is taken for no record", async () => {
  const { one } = clones
  const record = ".agent-vault/secrets/stripe/api-key.json"
  const blob = one.git("rev-parse", `HEAD:${record}`)
  const stages = [1, 2, 3].map((stage) => `120000 ${blob} ${stage}\t${record}\n`).join("")
  one.git("rm", "-q", "--cached", record)
  execFileSync("git", ["update-index", "--index-info"], { cwd: one.top, input: stages })
  expect(await outcome(resolveAt(one, NO_CHOICES))).toBe("FILE_UNSAFE")
})

test("a record that this clone has seen further is not set back by a merge", async () => {
  const { one, two } = clones
  const before = one.git("rev-parse", "HEAD")
  await one.revoke("ci", "stripe")
  await syncAt(one)
  await syncAt(two)
  expect(await two.tryRead("ci", "stripe/api-key")).toBe("NOT_GRANTED")
  // The revoke is gone from the remote, and something else is there.
  one.git("reset", "-q", "--hard", before)
  one.commit("file.txt")
  one.git("push", "-qf")
  expect(await outcome(syncAt(two))).toBe("ROLLED_BACK")
  two.git("fetch", "-q")
  two.git("reset", "-q", "--hard", before)
  expect(await outcome(syncAt(two))).toBe("ROLLED_BACK")
})

test("runs nothing that the repository's configuration names, and takes no other merge for done", async () => {
  const { one, two } = clones
  const ran = join(one.folder, "ran")
  one.commit("file.txt", "base\n")
  one.write(".gitattributes", "file.txt merge=evil\n")
  one.git("add", ".gitattributes")
  one.git("commit", "-qm", "attributes")
  await syncAt(one)
  await syncAt(two)
  two.git("config", "merge.evil.driver", `touch '${ran}'`)
  one.commit("file.txt", "one\n")
  two.commit("file.txt", "two\n")
  await syncAt(one)
  expect(await outcome(syncAt(two))).toBe("CONFLICT")
  expect(existsSync(ran)).toBe(false)
})

test.each([
  ["filter.x.b=c.smudge", "* filter=x.b=c"],
  ["filter.x.b=c.process", "* filter=x.b=c"],
  ["merge.x.b=c.driver", "* merge=x.b=c"],
])("runs no program of the repository's that nobody can switch off: %s", async (key, attribute) => {
  const { one, two } = clones
  const ran = join(two.folder, "ran")
  one.write(".gitattributes", `${attribute}\n`)
  one.commit("file.txt", "base\n")
  one.git("add", ".gitattributes")
  one.git("commit", "-qm", "attributes")
  await syncAt(one)
  await syncAt(two)
  one.commit("file.txt", "one\n")
  two.commit(key.startsWith("merge.") ? "file.txt" : "other.txt", "two\n")
  // `git -c` takes what follows the first "=" for the value.
  two.git("config", key, `touch '${ran}'`)
  await syncAt(one)
  expect(await outcome(syncAt(two))).toBe("REPOSITORY_STATE")
  expect(existsSync(ran)).toBe(false)
})

test.each([
  ["a line separator", "x\u2028y"],
  ["bytes that are no UTF-8", Buffer.from([0x78, 0xff, 0x79])],
])("runs no program of the repository's whose name holds %s", async (_what, name) => {
  const { one, two } = clones
  const ran = join(two.folder, "ran")
  const named = (before: string, after: string): Buffer =>
    Buffer.concat([Buffer.from(before), Buffer.from(name), Buffer.from(after)])
  writeFileSync(join(one.top, ".gitattributes"), named("other.txt filter=", "\n"))
  one.git("add", ".gitattributes")
  one.commit("other.txt", "one\n")
  one.git("push", "-q")
  const setting = named('[filter "', `"]\n\tsmudge = "touch '${ran}'; cat"\n`)
  appendFileSync(join(two.top, ".git/config"), setting)
  await outcome(syncAt(two))
  expect(existsSync(ran)).toBe(false)
})

test("what somebody else named is one word of the lines that are to be typed", async () => {
  const { one } = clones
  const named = "x;touch${IFS}x"
  one.git("checkout", "-q", "-b", named)
  one.git("config", "--rename-section", "remote.origin", `remote.${named}`)
  await expect(syncAt(one)).rejects.toMatchObject({
    hint: `agent-vault sync --remote '${named}'; or for good: git push --set-upstream '${named}' '${named}'`,
  })
  one.commit(`.agent-vault/secrets/${named}`, "plaintext")
  const { findings } = await inspect({
    place: findVault(one.top),
    env: one.env,
    now: new Date(),
  })
  expect(findings).toContainEqual(
    expect.objectContaining({
      code: "STRAY_FILE",
      hint: `move it out: git rm --cached -- '.agent-vault/secrets/${named}'`,
    }),
  )
})

test("runs no program of a configuration in the work tree that only just came", async () => {
  const { one, two } = clones
  const ran = join(two.folder, "ran")
  two.git("config", "include.path", "../gitconfig")
  one.commit("gitconfig", `[filter "evil"]\n\tsmudge = "touch '${ran}'; cat"\n`)
  one.git("push", "-q")
  one.write(".gitattributes", "late.txt filter=evil\n")
  one.git("add", ".gitattributes")
  one.commit("late.txt", "late\n")
  two.commit("other.txt", "two\n")
  // What it names comes in a second round, since another push came first.
  const raced = join(one.folder, "raced")
  const race = `[ -e '${raced}' ] || { touch '${raced}'; ${realGit()} -C '${one.top}' push -q; }`
  const path = gitThat(two, `case "$*" in *"push --quiet"*) ${race};; esac`)
  expect(await syncAt(two.with({ PATH: path }, two.top))).toMatchObject({ pushed: true })
  expect(readFileSync(join(two.top, "late.txt"), "utf8")).toBe("late\n")
  expect(existsSync(ran)).toBe(false)
})

test("works in another work tree, and with Git's conversion of line ends", async () => {
  const { one, two } = clones
  two.git("config", "core.autocrlf", "true")
  two.git("worktree", "add", "-q", "-b", "tree", join(two.folder, "tree"), "--track", "origin/main")
  const tree = two.with({}, join(two.folder, "tree"))
  await tree.grant("deploy", "stripe")
  await one.set("stripe/api-key", "one")
  await one.revoke("ci", "stripe")
  await syncAt(one)
  expect(await syncAt(tree)).toMatchObject({ with: "origin/main", brought: "merge", pushed: true })
  expect(await tree.read("deploy", "stripe/api-key")).toBe("one")
  expect(await syncAt(two)).toMatchObject({ brought: "forward" })
  expect(await two.read("deploy", "stripe/api-key")).toBe("one")
  expect(two.git("status", "--porcelain")).toBe("")
})

function edit(one: World, path: string, field: string, value: unknown): void {
  const before = JSON.parse(one.git("show", `HEAD:${path}`)) as object
  one.write(path, `${JSON.stringify({ ...before, [field]: value }, null, 2)}\n`)
}

function noKey(): Promise<never> {
  return Promise.reject(new VaultError("KEY_NOT_FOUND", "no key here"))
}

test("what stays in conflict is not written through a link", async () => {
  const { one, two } = clones
  await one.set("stripe/api-key", "one")
  await two.set("stripe/api-key", "two")
  await syncAt(one)
  two.git("fetch", "-q")
  expect(() => two.git("merge", "-q", "origin/main")).toThrow("merge")
  const folder = join(two.top, ".agent-vault/secrets/stripe")
  const elsewhere = join(two.folder, "elsewhere")
  renameSync(folder, elsewhere)
  symlinkSync(elsewhere, folder)
  writeFileSync(join(elsewhere, "api-key.json"), "mine")
  expect(await outcome(resolveAt(two, { named: new Map() }))).toBe("FILE_UNSAFE")
  expect(readFileSync(join(elsewhere, "api-key.json"), "utf8")).toBe("mine")
})
