import { mkdirSync, renameSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { claimedId, findVault, ownerKeyFile } from "../../../src/core/index.js"
import { keyFileBytes, openKeyFile } from "../../../src/core/owner.js"
import { type Steps, atTerminal, plain } from "../at-terminal.js"
import { type Machine, vaultMachine } from "../machine.js"

const [CTRL_C, ENTER] = ["\u0003", "\r"]
const SPLIT = ["owner", "recovery", "split", "--threshold", "2"]
const HOLDERS = ["--holder", "bob", "--holder", "carol", "--holder", "dave"]
const SHARE = /agent-vault-share-1:\S+/g

let machine: Machine
let file: string

beforeEach(async () => {
  machine = await vaultMachine()
  file = ownerKeyFile(claimedId(findVault(machine.repo)), machine.env)
})
afterEach(() => machine.remove())

/** Splits the key at a terminal; the shares, as they were shown. */
async function split(): Promise<string[]> {
  const steps: Steps = ["1 of 3, for bob", "2 of 3, for carol", "3 of 3, for dave"].map(
    (title) => [title, ENTER] as const,
  )
  const seen = await atTerminal(machine, [...SPLIT, ...HOLDERS], steps)
  expect(seen.code, seen.shown).toBe(0)
  // Each is taken off the screen, the last one too.
  const cleared = seen.shown.split("\u001b[2J\u001b[3J\u001b[H")
  expect(cleared.map((screen) => (screen.match(SHARE) ?? []).length)).toEqual([0, 1, 1, 1, 0])
  return seen.shown.match(SHARE) ?? []
}

describe("shares", () => {
  test("are shown one after the other, and typed unseen, with a slip told and asked again", async () => {
    const [bob = "", , dave = ""] = await split()
    mkdirSync(join(machine.home, "away"))
    renameSync(file, join(machine.home, "away", "owner.key"))
    const slip = `${bob.slice(0, -1)}${bob.endsWith("q") ? "p" : "q"}`
    const seen = await atTerminal(
      machine,
      ["owner", "recovery", "combine"],
      [
        ["Share 1:", slip + ENTER],
        ["Share 1, again:", bob + ENTER],
        ["Share 2 of 2:", bob + ENTER],
        ["Share 2 of 2, again:", dave + ENTER],
        ["empty for none", ENTER],
      ],
    )
    expect(seen.code, seen.shown).toBe(0)
    expect(seen.shown).not.toContain(bob.slice(-40))
    expect(seen.shown).not.toContain(dave.slice(-40))
    const said = ["its checksum is wrong", "given twice", "The key of owner alice is back"]
    for (const text of said) expect(plain(seen)).toContain(text)
    expect(keyFileBytes(file).length).toBeGreaterThan(0)
  })

  test("Ctrl-C takes a share off the screen, and ends it", async () => {
    const seen = await atTerminal(machine, [...SPLIT, ...HOLDERS], [["1 of 3", CTRL_C]])
    expect(seen.code).toBe(130)
    const behind = seen.shown.split("\u001b[2J\u001b[3J\u001b[H").at(-1)
    expect(behind).not.toMatch(SHARE)
    expect(behind).not.toContain("for carol")
  })

  test("where a harness runs, a person types letters first", async () => {
    const env = { CLAUDECODE: "1" }
    const seen = await atTerminal(machine, [...SPLIT, ...HOLDERS], [["type ", ENTER]], { env })
    expect(seen.code).toBe(4)
    expect(seen.shown).toContain("to split the owner's key")
    expect(seen.shown).not.toMatch(SHARE)
  })
})

/** The last line of a key file. */
function identityIn(bytes: Uint8Array): string | undefined {
  return Buffer.from(bytes).toString("utf8").split("\n").at(-2)
}

describe("paper", () => {
  test("shows a code and words, takes them off the screen, and brings the key back", async () => {
    const original = keyFileBytes(file)
    const shown = await atTerminal(
      machine,
      ["owner", "key", "--print"],
      [["press the Return", ENTER]],
    )
    expect(shown.code, shown.shown).toBe(0)
    const [, screen = "", after = ""] = shown.shown.split("\u001b[2J\u001b[3J\u001b[H")
    const words = [...screen.matchAll(/(?:^|\s)\d{1,2} ([a-z]{3,8})(?=\s)/g)].map(
      ([, word]) => word,
    )
    expect(words).toHaveLength(24)
    expect(screen).toContain("\u2588")
    expect(after).not.toMatch(/[a-z]{3}/)
    mkdirSync(join(machine.home, "away"))
    renameSync(file, join(machine.home, "away", "owner.key"))
    const seen = await atTerminal(
      machine,
      ["owner", "key", "--from-paper"],
      [
        ["The 24 words", words.join(" ") + ENTER],
        ["empty for none", ENTER],
      ],
    )
    expect(seen.code, seen.shown).toBe(0)
    expect(seen.shown).not.toContain(words.slice(0, 3).join(" "))
    expect(identityIn(keyFileBytes(file))).toBe(identityIn(original))
  })

  test("where a harness runs, a person types letters first", async () => {
    const env = { CLAUDECODE: "1" }
    const seen = await atTerminal(machine, ["owner", "key", "--print"], [["type ", ENTER]], { env })
    expect(seen.code).toBe(4)
    expect(seen.shown).toContain("to show the owner's key")
    expect(seen.shown).not.toContain("\u2588")
  })
})

describe("the passphrase of the owner's key", () => {
  const set = ["owner", "key", "--passphrase", "set"]

  test("is asked for twice, and is not shown", async () => {
    const seen = await atTerminal(machine, set, [
      ["New passphrase", `not a real one${ENTER}`],
      ["The same again", `not a real one${ENTER}`],
    ])
    expect(seen.code, seen.shown).toBe(0)
    expect(seen.shown).not.toContain("not a real one")
    const opened = await openKeyFile(file, () => Promise.resolve("not a real one"))
    expect(opened.hasPassphrase).toBe(true)
  })

  test("what is typed between the questions is not shown, and answers the next one", async () => {
    await machine.shell("agent-vault owner key --passphrase set --new-passphrase-fd 3 3<<< horse")
    const change = ["owner", "key", "--passphrase", "change"]
    const seen = await atTerminal(machine, change, [
      ["Passphrase of", `horse${ENTER}`],
      // The first question is answered, and the key file is being opened.
      ["\u001b[?2004l", `early bird${ENTER}`],
      ["The same again", `early bird${ENTER}`],
    ])
    expect(seen.code, seen.shown).toBe(0)
    expect(seen.shown).not.toContain("early bird")
    const early: Steps = [
      ["Passphrase of", `early bird${ENTER}`],
      ["\u001b[?2004l", CTRL_C],
    ]
    const before = machine.fingerprint()
    expect((await atTerminal(machine, change, early)).code).toBe(130)
    expect(machine.fingerprint()).toEqual(before)
  })

  test("two that differ, and Ctrl-C, change nothing", async () => {
    const before = machine.fingerprint()
    const differ: Steps = [
      ["New passphrase", `a${ENTER}`],
      ["The same again", `b${ENTER}`],
    ]
    expect((await atTerminal(machine, set, differ)).code).toBe(2)
    expect((await atTerminal(machine, set, [["New passphrase", CTRL_C]])).code).toBe(130)
    expect(machine.fingerprint()).toEqual(before)
  })
})
