import { execFileSync } from "node:child_process"
import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { setUpDriver } from "../../../src/core/merge/driver-setup.js"
import { inspect } from "../../../src/core/check/inspect.js"
import { rekeyAgent, removeAgent } from "../../../src/core/change/agents.js"
import { moveSecret } from "../../../src/core/change/move-secret.js"
import { removeSecrets } from "../../../src/core/change/remove-secrets.js"
import { setSecret } from "../../../src/core/change/set.js"
import { findVault } from "../../../src/core/disk/place.js"
import {
  agentKeyFile,
  identityAt,
  noAudit,
  parseSecretName,
  readSecret,
  withVault,
} from "../../../src/core/index.js"
import { formatKeyFile } from "../../../src/core/keys/key-files.js"
import { outcome, vaultWorld, type World } from "../world.js"
import { resolveAt, syncAt } from "./clones.js"

/**
 * What one clone does while another one does the same or something else: each pair is merged by each
 * way there is. `SYNC_PAIRS=all` takes every pair in both orders by every way; otherwise each pair of
 * the hard ones, and some of the others, goes one way, and all ways occur.
 */
const OPERATIONS: Readonly<Record<string, (world: World, which: string) => Promise<unknown>>> = {
  set: (world, which) => world.set("stripe/api-key", `set ${which}`),
  "set other": (world, which) => world.set("stripe/webhook", `set other ${which}`),
  "set new": (world, which) => world.set("stripe/new", `set new ${which}`),
  "new group": (world, which) => world.set("fresh/one", `new group ${which}`),
  describe: async (world, which) =>
    setSecret({
      ...(await world.request()),
      name: "stripe/api-key",
      value: Buffer.from("old"),
      metadata: { description: which },
    }),
  grant: (world) => world.grant("deploy", "stripe"),
  "add and grant": async (world, which) => {
    await world.addAgent("other")
    await world.grant("other", "stripe")
    keepKey(world, "other", `other, ${which}`)
  },
  revoke: (world) => world.revoke("ci", "stripe"),
  "revoke and set": async (world, which) => {
    await world.revoke("ci", "stripe")
    await world.set("stripe/api-key", `revoke and set ${which}`)
  },
  "rekey agent": async (world, which) => {
    const { result } = await rekeyAgent({ ...(await world.request()), agent: "ci" })
    const { identity = "", recipient, vault, signer: trust } = result
    const key = { identity, recipient, vault, agent: "ci", trust }
    keys.set(`ci, ${which}`, formatKeyFile(key, MADE))
  },
  remove: async (world) => removeSecrets({ ...(await world.request()), names: ["stripe/api-key"] }),
  move: async (world) =>
    moveSecret({ ...(await world.request()), from: "stripe/api-key", to: "moved/key" }),
  "remove agent": async (world) => removeAgent({ ...(await world.request()), agent: "ci" }),
}

/** What changes keys, or both sides of a record. */
const HARD = new Set([
  "set",
  "remove",
  "add and grant",
  "revoke",
  "revoke and set",
  "rekey agent",
  "remove agent",
])

const MADE = "2026-01-01T00:00:00Z"
const SECRETS = ["stripe/api-key", "stripe/webhook", "stripe/new", "fresh/one", "moved/key"]

/** Key files by who they are of. */
const keys = new Map<string, string>()
let world: World
const worlds: World[] = []

beforeAll(async () => {
  world = await vaultWorld()
  worlds.push(world)
  for (const agent of ["ci", "deploy"]) keepKey(world, agent, agent)
  // One after the other: a machine with few cores does not get faster by more at once.
  for (const [name, operate] of Object.entries(OPERATIONS)) {
    for (const which of ["here", "there"]) {
      const other = world.copy()
      worlds.push(other)
      await operate(other, which)
      world.git("fetch", "-q", other.top, `HEAD:refs/heads/${branchOf(name, which)}`)
    }
  }
  world.git("init", "-q", "--bare", join(world.folder, "origin.git"))
  world.git("remote", "add", "origin", join(world.folder, "origin.git"))
})
afterAll(() => worlds.forEach((each) => each.remove()))

function keepKey(from: World, agent: string, as: string): void {
  keys.set(as, readFileSync(agentKeyFile(vaultId(), agent, from.env), "utf8"))
}

function vaultId(): string {
  return (JSON.parse(world.git("show", "main:.agent-vault/vault.json")) as { vault: string }).vault
}

function branchOf(operation: string, which: string): string {
  return `${which}-${operation.replaceAll(" ", "-")}`
}

/** The ways in which the branch that is checked out takes in another one; resolves to theirs. */
const WAYS: Readonly<Record<string, (other: string) => Promise<void>>> = {
  sync: async (other) => {
    world.git("push", "-qf", "origin", `${other}:refs/heads/pair`)
    world.git("update-ref", "-d", "refs/remotes/origin/pair")
    const synced = await outcome(syncAt(world, { remote: "origin" }))
    if (synced !== "CONFLICT") return expect(synced).toMatchObject({ pushed: true })
    await byHand("merge", "-q", "origin/pair")
    world.git("commit", "-q", "--no-edit")
  },
  merge: async (other) => {
    await byHand("merge", "-q", "--no-edit", other)
    if (isMerging()) world.git("commit", "-q", "--no-edit")
  },
  "merge with the driver": async (other) => {
    await setUpDriver(world.top, world.env, DRIVER)
    await byHand("merge", "-q", "--no-edit", other)
    if (isMerging()) world.git("commit", "-q", "--no-edit")
    world.git("config", "--remove-section", "merge.agent-vault")
  },
  squash: async (other) => {
    await byHand("merge", "-q", "--squash", other)
    world.git("commit", "-q", "--allow-empty", "-m", "squashed")
  },
  "cherry-pick": async (other) => {
    for (const commit of world.git("rev-list", "--reverse", `main..${other}`).split("\n")) {
      await byHand("cherry-pick", "--keep-redundant-commits", commit)
      if (isMerging("CHERRY_PICK_HEAD")) world.git("commit", "-q", "--allow-empty", "--no-edit")
    }
  },
  // What git calls ours in a rebase is the branch that is rebased onto.
  rebase: async (other) => {
    await byHand("rebase", "-q", other)
    while (isMerging("rebase-merge")) await byHand("-c", "core.editor=true", "rebase", "--continue")
  },
  // As of who commits with the command, takes that back to change it, and puts it aside.
  stash: async (other) => {
    const mine = world.git("rev-parse", "--abbrev-ref", "HEAD")
    world.git("switch", "-q", "--detach", other)
    world.git("reset", "-q", "--soft", "main")
    world.git("stash", "push", "-q")
    world.git("switch", "-q", mine)
    await byHand("stash", "pop", "-q")
    if (world.git("stash", "list") !== "") world.git("stash", "drop", "-q")
    world.git("commit", "-q", "--allow-empty", "-a", "-m", "popped")
  },
}

const DRIVER = "agent-vault-is-not-here git merge-file --"

/** Runs git, and settles what it leaves in conflict, for theirs. */
async function byHand(...args: readonly string[]): Promise<void> {
  try {
    world.git(...args)
  } catch {
    const all = args.includes("rebase") ? "ours" : "theirs"
    const { conflicts, others } = await resolveAt(world, { named: new Map(), all })
    expect([...conflicts, ...others]).toEqual([])
  }
}

function isMerging(sign = "MERGE_HEAD"): boolean {
  try {
    execFileSync("test", ["-e", join(world.top, ".git", sign)])
    return true
  } catch {
    return false
  }
}

/** What each key reads of each secret: the value and its description, or the code of the error. */
async function readAll(): Promise<ReadonlyMap<string, string>> {
  const place = findVault(world.top)
  const read1 = async (env: typeof world.env, owner: boolean, name: string): Promise<string> => {
    const key = await identityAt(place, { owner }, "never", env, () => Promise.reject(new Error()))
    const { value, record } = await withVault(place, key.trust, env, (vault) =>
      readSecret(vault, key, parseSecretName(name), UNNOTED, new Date()),
    )
    return `${Buffer.from(value).toString("utf8")}|${record.description ?? ""}`
  }
  // Together: a read that fails waits until what it saw cannot be half of a change, so all wait once.
  const readers = SECRETS.flatMap((name) => [
    { as: `owner ${name}`, env: world.env, owner: true, name },
    ...[...keys].map(([who, text]) => {
      const env = { ...world.env, AGENT_VAULT_IDENTITY: text }
      return { as: `${who} ${name}`, env, owner: false, name }
    }),
  ])
  const outcomes = readers.map(({ env, owner, name }) => outcome(read1(env, owner, name)))
  const read = await Promise.all(outcomes)
  return new Map(readers.map(({ as }, at) => [as, read[at] ?? ""]))
}

const UNNOTED = { outlet: { surface: "sdk" }, audit: noAudit() } as const

/** Of a secret, value and description, each from the side that changed it; theirs, where both did. */
function merged(was: string, here = "", there = ""): string {
  const sides = [was, here, there].map((read) => read.split("|"))
  // One that is not there has no parts.
  if (sides.some((parts) => parts.length === 1)) return there === was ? here : there
  return was
    .split("|")
    .map((old, part) => (sides[2]?.[part] === old ? sides[1]?.[part] : sides[2]?.[part]))
    .join("|")
}

/** Each clone has a memory of its own. */
function forget(): void {
  rmSync(join(world.folder, "agent-vault", vaultId(), "marks"), { recursive: true, force: true })
}

function opens(read: ReadonlyMap<string, string>, who: string): boolean {
  return !/^[A-Z_]{6,}$/.test(read.get(`${who} stripe/webhook`) ?? "")
}

/** Whoever one side took out is out, by key and by agent; of two new keys of one agent theirs counts. */
function shouldOpen(
  who: string,
  ...[before, ours, theirs]: readonly ReadonlyMap<string, string>[]
): boolean {
  if (before === undefined || ours === undefined || theirs === undefined) return false
  const [agent = ""] = who.split(",")
  const own = [...keys.keys()].filter((key) => key.split(",")[0] === agent)
  const hasAny = (read: ReadonlyMap<string, string>): boolean => own.some((key) => opens(read, key))
  if (hasAny(before) && !(hasAny(ours) && hasAny(theirs))) return false
  if (opens(before, who)) return opens(ours, who) && opens(theirs, who)
  if (own.some((key) => opens(theirs, key) && !opens(before, key))) return opens(theirs, who)
  return opens(ours, who)
}

const names = Object.keys(OPERATIONS)
const ways = Object.keys(WAYS)
const isAll = process.env["SYNC_PAIRS"] === "all"
const pairs = names.flatMap((one, at) =>
  names.slice(isAll ? 0 : at).map((two, next) => ({ one, two, turn: at + next })),
)
const taken = pairs.filter(
  ({ one, two }, index) => isAll || (HARD.has(one) && HARD.has(two)) || index % 4 === 0,
)
const table = taken.flatMap(({ one, two, turn }) =>
  (isAll ? ways : [ways[turn % ways.length] ?? "sync"]).map((way) => ({ one, two, way })),
)

describe("two clones", () => {
  let before: ReadonlyMap<string, string>
  const alone = new Map<string, ReadonlyMap<string, string>>()

  beforeAll(async () => {
    before = await readAll()
    for (const branch of names.flatMap((name) => [
      branchOf(name, "here"),
      branchOf(name, "there"),
    ])) {
      forget()
      world.git("switch", "-q", "-C", "alone", branch)
      alone.set(branch, await readAll())
    }
  })

  // What a pair that failed left does not fail the ones after it.
  afterEach(() => {
    for (const at of ["rebase-merge", "CHERRY_PICK_HEAD"].filter((sign) => isMerging(sign))) {
      world.git(at === "rebase-merge" ? "rebase" : "cherry-pick", "--abort")
    }
    world.git("reset", "-q", "--hard")
  })

  test.each(table)("$one, and $two elsewhere, by $way", async ({ one, two, way }) => {
    forget()
    const [mine, other] = [branchOf(one, "here"), branchOf(two, "there")]
    const [ours, theirs] = [alone.get(mine) ?? before, alone.get(other) ?? before]
    world.git("switch", "-q", "-C", "other", other)
    await readAll()
    world.git("switch", "-q", "-C", "pair", mine)
    await readAll()
    await WAYS[way]?.(other)

    // Git merged by itself what is sealed to a key that lost: readers say so, and an owner mends it.
    if ([...(await readAll()).values()].includes("SEALED_TO_OLD_KEY")) await world.apply()
    const after = await readAll()
    for (const name of SECRETS) {
      const [was = "", ...sides] = [before, ours, theirs].map(
        (read) => read.get(`owner ${name}`) ?? "",
      )
      expect([name, after.get(`owner ${name}`)]).toEqual([name, merged(was, ...sides)])
    }
    for (const who of keys.keys()) {
      expect([who, opens(after, who)]).toEqual([who, shouldOpen(who, before, ours, theirs)])
    }
    await expectSound()
    // The other clone, which has seen what was theirs, goes on with what came of it.
    world.git("switch", "-q", "other")
    world.git("reset", "-q", "--hard", "pair")
    expect(await readAll()).toEqual(after)
  })
})

async function expectSound(): Promise<void> {
  const place = findVault(world.top)
  const key = await identityAt(place, { owner: true }, "never", world.env, () =>
    Promise.reject(new Error()),
  )
  const report = await inspect({ place, key, env: world.env, now: new Date(), history: true })
  expect(report.findings.filter(({ code }) => code !== "EXPOSED")).toEqual([])
  expect(report.pending?.groups).toEqual([])
  expect(world.git("status", "--porcelain")).toBe("")
}
