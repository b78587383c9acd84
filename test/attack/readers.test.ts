import { cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { agentKeyFile } from "../../src/core/keys/key-files.js"
import type { AgentRecord } from "../../src/core/records/record.js"
import { addOwner, grant, rekeyAgent } from "../../src/core/owner.js"
import { signingKey } from "../../src/core/records/signature.js"
import { type StockAge, testWithStockAge } from "../stock-age.js"
import {
  type Arena,
  type Machine,
  VALUES,
  copyMachine,
  loot,
  makeArena,
  newMachine,
  said,
  vaultIdOf,
} from "./arena.js"

// What an agent can open, with this program or without it: its own groups, and after a revoke, a
// removal, a rekey or the end of its grant nothing that was written since.

const STRIPE = [VALUES["stripe/api-key"], VALUES["stripe/webhook"]].sort()
const DAY = 86_400_000

let stage: Arena
let alice: Machine

beforeAll(async () => {
  stage = await makeArena()
})
afterAll(() => stage.remove())
beforeEach(() => {
  alice = copyMachine(stage.alice)
})
afterEach(() => alice.remove())

/** Whether stock age opens a file of a vault with an identity. */
function opens({ age }: StockAge, file: string, identity: string): string | undefined {
  const key = join(alice.folder, "stock.key")
  writeFileSync(key, `${identity}\n`, { mode: 0o600 })
  try {
    return Buffer.from(age(["-d", "-i", key, file]))
      .toString("utf8")
      .trim()
  } catch {
    return undefined
  }
}

test("an agent opens its own group and no other", async () => {
  expect(await loot(alice.vault, [await alice.identityOf("ci")])).toEqual(STRIPE)
  expect(await loot(alice.vault, [await alice.identityOf("temp")])).toEqual([])
  expect(await alice.tryRead("ci", "db/password")).toBe("NOT_GRANTED")
  expect(await alice.tryRead("temp", "stripe/api-key")).toBe("NOT_GRANTED")
  const { code, stdout } = alice.run(["get", "db/password", "--agent", "ci"])
  expect([code, stdout]).toEqual([4, ""])
})

testWithStockAge("stock age opens no other group either", "classic", async (tools) => {
  const ci = await alice.identityOf("ci")
  const group = opens(tools, alice.path("groups/stripe.age"), ci) ?? ""
  expect(opens(tools, alice.path("secrets/stripe/api-key.age"), group)).toBe(
    VALUES["stripe/api-key"],
  )
  for (const file of ["groups/db.age", "secrets/db/password.age", "agents/ci.age"]) {
    expect(opens(tools, alice.path(file), ci)).toBeUndefined()
    expect(opens(tools, alice.path(file), group)).toBeUndefined()
  }
})

testWithStockAge(
  "a revoked agent with its old clone and its old group key opens nothing written since",
  "classic",
  async (tools) => {
    const ci = await alice.identityOf("ci")
    const clone = join(alice.folder, "old-clone")
    cpSync(alice.vault, clone, { recursive: true })
    const oldGroupKey = opens(tools, join(clone, "groups/stripe.age"), ci) ?? ""
    expect(oldGroupKey).toMatch(/^AGE-SECRET-KEY-1/)

    await alice.revoke("ci", "stripe")
    await alice.set("stripe/api-key", "rotated")
    await alice.set("stripe/new", "newer")
    for (const file of ["api-key", "webhook", "new"]) {
      for (const identity of [ci, oldGroupKey]) {
        expect(opens(tools, alice.path(`secrets/stripe/${file}.age`), identity)).toBeUndefined()
      }
    }
    for (const file of ["stripe.age", "stripe.past.age"]) {
      for (const identity of [ci, oldGroupKey]) {
        expect(opens(tools, alice.path(`groups/${file}`), identity)).toBeUndefined()
      }
    }
    // What was read cannot be unread: the old clone opens as ever, and that is said.
    expect(opens(tools, join(clone, "secrets/stripe/api-key.age"), oldGroupKey)).toBe(STRIPE[0])
    // The owner opens all of it, with stock age.
    const owner = await alice.ownerIdentity()
    const groupKey = opens(tools, alice.path("groups/stripe.age"), owner) ?? ""
    expect(opens(tools, alice.path("secrets/stripe/new.age"), groupKey)).toBe("newer")
  },
)

/** Every way to lose access, and what `check` calls it. */
const LOSSES: readonly (readonly [name: string, lose: () => unknown])[] = [
  ["a revoke", () => alice.revoke("ci", "stripe")],
  ["a revoke of all", () => expect(alice.code(["revoke", "ci", "--all"])).toBe("0 ok")],
  ["a removal", () => expect(alice.code(["agent", "remove", "ci"])).toBe("0 ok")],
  ["a new key", async () => rekeyAgent({ ...(await alice.request()), agent: "ci" })],
]

test.each(LOSSES)("%s: exposed until rotated, and nothing new is opened", async (_, lose) => {
  const old = await alice.identityOf("ci")
  await lose()
  expect(await loot(alice.vault, [old])).toEqual([])
  const exposed = (): string[] => alice.run(["list", "--exposed"]).stdout.match(/^\w+\/\S+/gm) ?? []
  expect(exposed()).toEqual(["stripe/api-key", "stripe/webhook"])
  await alice.set("stripe/api-key", VALUES["stripe/api-key"])
  expect(exposed()).toEqual(["stripe/api-key", "stripe/webhook"])
  await alice.set("stripe/api-key", "rotated")
  expect(exposed()).toEqual(["stripe/webhook"])
  expect(await loot(alice.vault, [old])).toEqual([])
})

test("the escrow of a removed agent is gone, and its key is no agent's", async () => {
  const old = await alice.identityOf("ci")
  expect(alice.code(["agent", "remove", "ci"])).toBe("0 ok")
  expect(alice.code(["agent", "recover", "ci", "--out", join(alice.folder, "k")])).toBe(
    "3 AGENT_NOT_FOUND",
  )
  expect(alice.code(["get", "stripe/api-key", "--agent", "ci"])).toBe("3 KEY_NOT_FOUND")
  const home = dirname(agentKeyFile(vaultIdOf(alice), "ci", alice.env))
  const aside = readdirSync(home).filter((name) => name.startsWith("ci.key.until-"))
  expect(aside).toHaveLength(1)
  const identity = join(home, aside[0] ?? "")
  expect(alice.code(["get", "stripe/api-key", "--identity", identity])).toBe("4 NOT_GRANTED")
  expect(await loot(alice.vault, [old])).toEqual([])
})

test("a removed agent's name, given again, opens nothing of before", () => {
  expect(alice.code(["agent", "remove", "ci"])).toBe("0 ok")
  const out = join(alice.folder, "second.key")
  expect(alice.code(["agent", "add", "ci", "--out", out])).toBe("0 ok")
  expect(alice.code(["get", "stripe/api-key", "--identity", out])).toBe("4 NOT_GRANTED")
})

test.each(["ci", "somebody-new"])("a removed agent's key does not come back as %s", (name) => {
  const { recipient } = alice.record("agents/ci.json") as AgentRecord
  expect(alice.code(["agent", "remove", "ci"])).toBe("0 ok")
  const refused = alice.run(["agent", "add", name, "--recipient", recipient])
  expect(refused.stderr).toContain("EXISTS: that is the key of ci, who was removed")
  expect(alice.code(["grant", name, "stripe"])).toBe("3 AGENT_NOT_FOUND")
})

test("nor does a key that an agent had before, under any name, or as an owner's", async () => {
  const earlier = await alice.identityOf("ci")
  const { recipient } = alice.record("agents/ci.json") as AgentRecord
  expect(alice.code(["agent", "rekey", "ci"])).toBe("0 ok")
  for (const words of ["add somebody-new", "rekey ci", "rekey temp"]) {
    const refused = alice.run(["agent", ...words.split(" "), "--recipient", recipient])
    expect(refused.stderr).toContain("EXISTS: that is an earlier key of ci")
  }
  const joining = {
    owner: "bob",
    recipient,
    signer: signingKey(earlier).signer,
    vault: vaultIdOf(alice),
  }
  const refused = addOwner({ ...(await alice.request()), joining })
  await expect(refused).rejects.toThrow("that is an earlier key of the agent ci")
})

test("a grant past its end is refused by the clock, and rekeyed away by the next change", async () => {
  const now = new Date(Date.now() - 3 * DAY)
  const until = `${new Date(Date.now() - 2 * DAY).toISOString().slice(0, 19)}Z`
  await grant({ ...(await alice.request()), now, agent: "temp", groups: ["stripe"], until })
  const temp = await alice.identityOf("temp")
  expect(alice.code(["get", "stripe/api-key", "--agent", "temp"])).toBe("4 GRANT_ENDED")
  expect(alice.run(["check"]).stdout).toContain("GRANT_ENDED")
  // Without the program it still opens what was sealed before: the clock binds only readers.
  expect(await loot(alice.vault, [temp])).toEqual(STRIPE)

  const other = copyMachine(alice)
  await alice.set("stripe/new", "after-the-end")
  await other.grant("deploy", "stripe")
  for (const machine of [alice, other]) {
    expect(await loot(machine.vault, [temp])).toEqual([])
    expect(machine.run(["list", "--exposed"]).stdout).toContain("temp")
  }
  other.remove()
})

test("a grant that was not applied anywhere opens nothing: cloned, copied or in an image", async () => {
  const image = newMachine(stage, "image", undefined)
  const { vault } = image
  expect(await loot(vault, [await stage.alice.identityOf("temp")])).toEqual([])
})

test("an owner's key is no agent's, and an agent's no owner's", async () => {
  const file = join(alice.folder, "ci-only.key")
  writeFileSync(file, await alice.identityOf("ci"), { mode: 0o600 })
  const before = alice.snapshot()
  for (const command of ["set stripe/x", "grant temp stripe", "revoke ci stripe", "apply"]) {
    const args = [...command.split(" "), "--identity", file]
    expect(alice.code(args, { stdin: "x" })).toBe("4 NOT_OWNER")
  }
  const out = join(alice.folder, "stolen.key")
  const recover = ["agent", "recover", "deploy", "--identity", file, "--out", out]
  expect(alice.code(recover)).toBe("4 NOT_OWNER")
  expect(alice.snapshot()).toEqual(before)
})

test("someone who can only read learns names, dates and sizes, and no value", async () => {
  await alice.set("stripe/api-key", "the same value")
  const first = readFileSync(alice.path("secrets/stripe/api-key.age"))
  const text = JSON.stringify(alice.snapshot())
  for (const value of [...Object.values(VALUES), "the same value"]) {
    for (const form of ["utf8", "base64", "hex"] as const) {
      expect(text).not.toContain(Buffer.from(value).toString(form).replace(/=+$/, ""))
    }
  }
  // Equal values do not look equal, and no digest tells a guess from the truth.
  await alice.set("stripe/webhook", "the same value")
  const second = readFileSync(alice.path("secrets/stripe/webhook.age"))
  expect(first.equals(second)).toBe(false)
  expect(await said(alice.read("ci", "stripe/webhook"))).toBe("ok")
})
