import {
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { unsealWithPassphrase } from "../../../src/core/age/age.js"
import { claimedId, findVault, ownerKeyFile } from "../../../src/core/index.js"
import { openKeyFile, writeUnderPassphrase } from "../../../src/core/owner.js"
import { sealedQuickly } from "../age/sealed-quickly.js"
import { Processes } from "../processes.js"
import { type World, outcome, vaultWorld } from "../world.js"

const PASSPHRASE = "not a real passphrase"
const OTHER = "not a real one either"
const IDENTITY = "AGE-SECRET-KEY-1"

const processes = new Processes()
let world: World
let file: string
let plain: Buffer

beforeAll(async () => {
  await processes.prepare()
})
beforeEach(async () => {
  world = await vaultWorld()
  file = ownerKeyFile(claimedId(findVault(world.top)), world.env)
  plain = readFileSync(file)
})
afterEach(() => world.remove())

const saying = (passphrase: string) => (): Promise<string> => Promise.resolve(passphrase)

async function change(from: string, to: string | undefined): Promise<void> {
  await writeUnderPassphrase(await openKeyFile(file, saying(from)), to)
}

/** The owner's key file, and what lies beside it under a name that is to go, as text. */
const around = (): string[] =>
  readdirSync(dirname(file))
    .filter((name) => /^(?:owner\.key|\.tmp-)/.test(name))
    .map((name) => readFileSync(join(dirname(file), name), "latin1"))

describe("a passphrase", () => {
  test("is set, changed and taken off, and the text stays byte for byte", async () => {
    await change("", PASSPHRASE)
    expect(Buffer.from(await unsealWithPassphrase(readFileSync(file), PASSPHRASE))).toEqual(plain)
    expect(around().join("\n")).not.toContain(IDENTITY)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    await change(PASSPHRASE, OTHER)
    expect(await outcome(openKeyFile(file, saying(PASSPHRASE)))).toBe("PASSPHRASE_WRONG")
    expect(around()).toHaveLength(1)
    await change(OTHER, undefined)
    expect(readFileSync(file)).toEqual(plain)
    expect(around()).toHaveLength(1)
  })

  test("a link to the key stays one: what it leads to is replaced", async () => {
    const elsewhere = join(world.folder, "on-a-stick.key")
    renameSync(file, elsewhere)
    symlinkSync(elsewhere, file)
    await change("", PASSPHRASE)
    expect(readFileSync(elsewhere, "latin1")).toContain("BEGIN AGE ENCRYPTED FILE")
    expect(readFileSync(file)).toEqual(readFileSync(elsewhere))
  })

  test("is of no use without a key", async () => {
    rmSync(file)
    expect(await outcome(openKeyFile(file, saying("")))).toBe("KEY_NOT_FOUND")
  })
})

describe("killed at any moment", () => {
  test.each([
    ["set", "", PASSPHRASE],
    ["taken off", PASSPHRASE, ""],
  ])("while it is %s, the old file is there until the new one is", async (_what, from, to) => {
    if (from !== "") writeFileSync(file, await sealedQuickly(plain, from))
    const before = readFileSync(file)
    const log = join(world.folder, "calls")
    const trial = world.copy()
    const env = { KILL_LOG: log }
    expect(await processes.run(trial, ["passphrase", from, to], env)).toMatchObject({ code: 0 })
    trial.remove()
    const calls = JSON.parse(readFileSync(log, "utf8")) as string[]
    // The rename is the one that counts: until then the old file is there, after it the new one.
    const renamed = calls.findIndex((call) => call.startsWith("renameSync "))
    expect(calls.slice(renamed + 1)).toEqual(["fsyncSync of a folder"])
    for (let at = 1; at <= renamed + 1; at++) {
      const ended = await processes.run(world, ["passphrase", from, to], { KILL_AT: String(at) })
      expect(ended.signal).toBe("SIGKILL")
      expect(readFileSync(file)).toEqual(before)
      // The old file may be in the clear; nothing beside it is, unless that was asked for.
      const inTheClear = around().filter((text) => text.includes(IDENTITY)).length
      if (to !== "") expect(inTheClear).toBe(from === "" ? 1 : 0)
    }
    await change(from, to === "" ? undefined : to)
    expect(around()).toHaveLength(1)
    expect(Buffer.from((await openKeyFile(file, saying(to))).text)).toEqual(plain)
  })
})
