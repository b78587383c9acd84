import * as fc from "fast-check"
import { existsSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { identityBytes } from "../../../src/core/age/age.js"
import { type Key, claimedId, findVault, ownerKeyFile, withVault } from "../../../src/core/index.js"
import {
  type Share,
  bringBack,
  claimedOwners,
  combineShares,
  formatShare,
  keyFileBytes,
  keyIn,
  parseShare,
  readShares,
  splitKey,
  trustOf,
  writeShares,
} from "../../../src/core/owner.js"
import { readPin } from "../../../src/core/memory/trust.js"
import { VaultError } from "../../../src/core/words/errors.js"
import { World, outcome, vaultWorld } from "../world.js"

const NOW = new Date("2026-05-01T00:00:00Z")
const HOLDERS = ["bob", "carol", "dave", "erin"]

let template: World
let world: World
let id: string
let key: Key
let shares: Share[]

const nobody = (): Promise<string> => Promise.reject(new Error("no key has a passphrase"))
const place = () => findVault(world.top)

async function split(threshold: number, holders: readonly string[]): Promise<Share[]> {
  return withVault(place(), key.trust, world.env, (vault) =>
    splitKey(vault, key, { threshold, holders }),
  )
}

beforeAll(async () => {
  template = await vaultWorld()
  world = template
  id = claimedId(place())
  key = await keyIn(keyFileBytes(ownerKeyFile(id, world.env)), "k", nobody)
  shares = await split(3, HOLDERS)
})
beforeEach(() => {
  world = template.copy()
})
afterEach(() => world.remove())
afterAll(() => template.remove())

const combine = (some: readonly Share[]): Promise<Key> =>
  combineShares(some, claimedOwners(place()))

/** Code and message of the error that some work ends with. */
async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return VaultError.is(error) ? `${error.code}: ${error.message}` : String(error)
}

/** Brings the key back on a machine. */
const back = (on: World, passphrase?: string) =>
  combine(shares).then((found) =>
    withVault(place(), trustOf(found, id, on.env), on.env, (vault) =>
      bringBack(vault, { key: found, shown: "these shares", passphrase, env: on.env, now: NOW }),
    ),
  )

/** Every choice of so many of a list. */
function choices<T>(list: readonly T[], size: number): T[][] {
  if (size === 0) return [[]]
  return list.flatMap((first, at) =>
    choices(list.slice(at + 1), size - 1).map((rest) => [first, ...rest]),
  )
}

describe("a share as a line", () => {
  test("names vault, owner, holder, threshold and set, and comes back", () => {
    for (const share of shares) {
      const line = formatShare(share)
      expect(line).toContain(`:${id}:alice:${share.holder}:3of4:${share.set}:`)
      expect(parseShare(line, "it")).toEqual(share)
      const broken = line.replace(/(.{40})/g, "$1 \n ").toUpperCase()
      expect(parseShare(broken, "it").part).toEqual(share.part)
    }
  })

  test("one letter that is another is found, wherever it is, and nothing of it repeated", async () => {
    const line = formatShare(shares[0] as Share)
    for (let at = 0; at < line.length; at++) {
      const other = line[at] === "q" ? "p" : "q"
      const wrong = line.slice(0, at) + other + line.slice(at + 1)
      const said = await refusal(Promise.resolve().then(() => parseShare(wrong, "it")))
      expect(said).toMatch(/^SHARES_INVALID: it is (?:mistyped or cut|not a share)/)
      expect(said).not.toContain(line.slice(-20, -1))
    }
  })

  test("any bytes and names come back", () => {
    const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
    fc.assert(
      fc.property(
        name,
        name,
        fc.uint8Array({ minLength: 33, maxLength: 33 }),
        (owner, holder, part) => {
          const share = { vault: id, owner, holder, threshold: 2, count: 9, set: "0123abcd", part }
          expect(parseShare(formatShare(share), "it")).toEqual(share)
        },
      ),
      { numRuns: 50 },
    )
    expect(shares).toHaveLength(4)
  })
})

describe("shares of one set", () => {
  test("any three of four give the key, in any order, and all four", async () => {
    const all = [...choices(shares, 3), shares]
    expect(all).toHaveLength(5)
    for (const some of all) {
      expect((await combine(some)).identity).toBe(key.identity)
      expect((await combine(some.toReversed())).identity).toBe(key.identity)
    }
  })

  test("none holds a piece of the key as it is", () => {
    const secret = Buffer.from(identityBytes(key.identity))
    for (const { part } of shares) {
      expect(Buffer.from(part).includes(secret.subarray(0, 8))).toBe(false)
    }
  })

  test("too few are told, with who is here", async () => {
    for (const some of choices(shares, 2)) {
      expect(await refusal(combine(some))).toBe(
        `SHARES_INVALID: 2 of the 3 shares that are needed are here: ${some.map(({ holder }) => holder).join(", ")}`,
      )
    }
    expect(await refusal(combine([]))).toContain("there are no shares")
  })

  test("one that is given twice, also under another name", async () => {
    const [bob, carol] = shares as [Share, Share]
    expect(await refusal(combine([bob, carol, bob]))).toContain("the share of bob is given twice")
    const again = { ...bob, holder: "mallory" }
    expect(await refusal(combine([bob, carol, again]))).toContain("bob and mallory are one share")
  })

  test("two sets do not mix, and both are named", async () => {
    const others = await split(3, HOLDERS)
    const [bob, carol] = shares as [Share, Share]
    const [, , dave] = others as [Share, Share, Share]
    const said = await refusal(combine([bob, carol, dave]))
    expect(said).toContain(`bob's of the set ${bob.set} of alice's key`)
    expect(said).toContain(`dave's of the set ${dave.set} of alice's key`)
    expect((await combine(others)).identity).toBe(key.identity)
  })

  test("one that its holder altered, with a good checksum, brings no key", async () => {
    for (const at of [0, 17, 31, 32]) {
      const part = Uint8Array.from(shares[0]?.part ?? [])
      part[at] = (part[at] ?? 0) ^ 0x80
      const altered = parseShare(formatShare({ ...(shares[0] as Share), part }), "it")
      const rest = shares.slice(1)
      expect(await outcome(combine([altered, ...rest.slice(0, 2)]))).toBe("SHARES_INVALID")
      expect(await outcome(combine([altered, ...rest]))).toBe("SHARES_INVALID")
      expect(await outcome(combine([...rest, altered]))).toBe("SHARES_INVALID")
    }
  })

  test("one that alters bits which no recipient shows brings no key that could not sign", async () => {
    const [first, ...rest] = shares as [Share, Share, Share]
    for (let change = 1; change < 256; change += 1) {
      const part = Uint8Array.from(first.part)
      part[31] = (part[31] ?? 0) ^ change
      const some = [{ ...first, part }, ...rest.slice(0, 2)]
      expect(await outcome(combine(some))).toBe("SHARES_INVALID")
    }
  })

  test("those of another vault", async () => {
    const strange = shares.map((share) => ({ ...share, vault: "0".repeat(32) }))
    expect(await outcome(combine(strange))).toBe("KEY_WRONG_VAULT")
    expect(await outcome(combine([...shares.slice(0, 2), ...strange]))).toBe("KEY_WRONG_VAULT")
  })
})

describe("a split is refused", () => {
  test.each([
    ["one share is enough", 1, ["bob", "carol"], "USAGE"],
    ["more shares are needed than there are", 3, ["bob", "carol"], "USAGE"],
    ["a number that is none", Number.NaN, ["bob", "carol"], "USAGE"],
    ["one holder twice", 2, ["bob", "bob"], "USAGE"],
    ["one holder in two spellings", 2, ["bob", "Bob"], "USAGE"],
    ["a name that is none", 2, ["bob", "../carol"], "NAME_INVALID"],
  ])("%s", async (_what, threshold, holders, code) => {
    expect(await outcome(split(threshold, holders))).toBe(code)
  })

  test("with an agent's key, and where a harness runs", async () => {
    const under = { ...key, under: { harness: "Claude Code" } }
    const asked = { threshold: 2, holders: HOLDERS }
    const work = withVault(place(), key.trust, world.env, (vault) => splitKey(vault, under, asked))
    expect(await outcome(work)).toBe("UNCONFIRMED")
  })
})

describe("files of shares", () => {
  test("one for each holder, for its user alone, and read back", () => {
    const folder = join(world.folder, "the shares")
    const files = writeShares(folder, shares)
    expect(files).toHaveLength(4)
    for (const [at, file] of files.entries()) {
      expect(statSync(file).mode & 0o777).toBe(0o600)
      expect(readShares(file)).toEqual([shares[at]])
    }
    expect(statSync(folder).mode & 0o777).toBe(0o700)
  })

  test("not in a work tree, and all of them or none", async () => {
    const write = (folder: string) =>
      outcome(Promise.resolve().then(() => writeShares(folder, shares)))
    expect(await write(join(world.top, "shares"))).toBe("KEY_UNSAFE")
    expect(existsSync(join(world.top, "shares"))).toBe(false)
    const folder = join(world.folder, "shares")
    const [, , third = ""] = writeShares(folder, shares)
    for (const name of readdirSync(folder)) if (!third.endsWith(name)) rmSync(join(folder, name))
    expect(await write(folder)).toBe("EXISTS")
    expect(readdirSync(folder)).toHaveLength(1)
  })
})

describe("on a new machine", () => {
  test("the key file is where it belongs, opens the vault, and its owner is trusted", async () => {
    const fresh = new World(join(world.folder, "new"), world.env, world.top)
    const added = await back(fresh)
    expect(added).toMatchObject({ role: "owner", name: "alice", wasHere: false })
    expect(added.file).toBe(ownerKeyFile(id, fresh.env))
    expect(statSync(added.file).mode & 0o777).toBe(0o600)
    expect(readPin(id, fresh.env)).toBe(key.trust)
    await fresh.set("stripe/api-key", "set from the new machine")
    expect(await template.tryRead("ci", "stripe/api-key")).toBe("old")
    expect(await world.read("ci", "stripe/api-key")).toBe("set from the new machine")
    expect(await outcome(back(fresh))).toBe("EXISTS")
  })

  test("under a passphrase it is in the clear nowhere", async () => {
    const fresh = new World(join(world.folder, "new"), world.env, world.top)
    const { file } = await back(fresh, "not a real passphrase")
    expect(readFileSync(file, "latin1")).not.toContain("AGE-SECRET-KEY")
    const again = await keyIn(keyFileBytes(file), "k", () =>
      Promise.resolve("not a real passphrase"),
    )
    expect(again).toMatchObject({ identity: key.identity, vault: id, owner: "alice" })
  })

  test("where a harness runs, a person has to confirm it", async () => {
    const fresh = new World(join(world.folder, "new"), world.env, world.top)
    const file = ownerKeyFile(id, world.env)
    rmSync(file)
    // Also where nobody has to be trusted anew.
    for (const each of [fresh, world]) {
      expect(await outcome(back(each.with({ CLAUDECODE: "1" })))).toBe("UNCONFIRMED")
      expect(existsSync(ownerKeyFile(id, each.env))).toBe(false)
    }
  })
})
