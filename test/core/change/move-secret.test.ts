import { readFileSync } from "node:fs"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { describeSecrets, exposedName, findVault, withVault } from "../../../src/core/index.js"
import {
  changeUse,
  inspect,
  moveSecret,
  removeSecrets,
  setSecret,
} from "../../../src/core/owner.js"
import { outcome, type World, vaultWorld } from "../world.js"

let world: World

beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

async function move(from: string, to: string, under?: { readonly harness: string }) {
  const request = await world.request()
  const identity = under === undefined ? request.identity : { ...request.identity, under }
  return moveSecret({ ...request, identity, from, to })
}

async function exposedOf(name: string): Promise<readonly string[] | undefined> {
  const secrets = await withVault(findVault(world.top), undefined, world.env, describeSecrets)
  return secrets.find((secret) => secret.name === name)?.exposed?.map(exposedName)
}

async function findings() {
  const { identity: key } = await world.request()
  const place = findVault(world.top)
  return (await inspect({ place, key, env: world.env, now: new Date(), history: true })).findings
}

function fileOf(path: string): Buffer {
  return readFileSync(`${world.top}/.agent-vault/secrets/${path}`)
}

function recordOf(name: string): Record<string, unknown> {
  return JSON.parse(fileOf(`${name}.json`).toString("utf8")) as Record<string, unknown>
}

describe("within a group", () => {
  test("the ciphertext stays byte for byte, and the same agents read it", async () => {
    const sealed = fileOf("stripe/api-key.age")
    const { result, files } = await move("stripe/api-key", "stripe/live/key")
    expect(files).toEqual([
      "secrets/stripe/api-key.age",
      "secrets/stripe/api-key.json",
      "secrets/stripe/live/key.age",
      "secrets/stripe/live/key.json",
    ])
    expect(result).toMatchObject({ gains: [], losses: [], exposed: [], readers: [{ agent: "ci" }] })
    expect(fileOf("stripe/live/key.age").equals(sealed)).toBe(true)
    expect(await world.tryRead("ci", "stripe/live/key")).toBe("old")
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("SECRET_NOT_FOUND")
    expect(await findings()).toEqual([])
  })
})

describe("to another group", () => {
  beforeEach(async () => {
    await world.set("db/url", "url")
    await world.grant("deploy", "db")
  })

  test("it is sealed to that group, and who loses it is told, and exposed", async () => {
    const { result } = await move("stripe/api-key", "db/stripe")
    expect(result).toMatchObject({
      from: "stripe/api-key",
      to: "db/stripe",
      newGroup: false,
      gains: [{ agent: "deploy" }],
      losses: [{ agent: "ci" }],
      exposed: [{ secret: "db/stripe", to: [{ agent: "ci", why: "revoked" }] }],
    })
    expect(await world.tryRead("deploy", "db/stripe")).toBe("old")
    expect(await world.tryRead("ci", "db/stripe")).toBe("NOT_GRANTED")
    expect(await world.tryRead("ci", "stripe/webhook")).toBe("hook")
    expect(await exposedOf("db/stripe")).toEqual(["ci"])
    expect((await findings()).map(({ code }) => code)).toEqual(["EXPOSED"])
  })

  test("what is known of it goes with it, and its record goes on counting", async () => {
    const metadata = { description: "the live one", env: "STRIPE", reveal: "never" } as const
    const value = Buffer.from("old")
    await setSecret({ ...(await world.request()), name: "stripe/api-key", value, metadata })
    const rule = {
      hosts: ["api.stripe.com"],
      methods: ["GET"],
      paths: ["/v1/**"],
      at: ["header:authorization"],
      scheme: "bearer",
    }
    const edit = { do: "add", rules: [rule] } as const
    await changeUse({ ...(await world.request()), name: "stripe/api-key", edit })
    const before = recordOf("stripe/api-key")
    await move("stripe/api-key", "db/stripe")
    const after = recordOf("db/stripe")
    for (const kept of ["description", "env", "reveal", "use", "version", "created", "changed"]) {
      expect([kept, after[kept]]).toEqual([kept, before[kept]])
    }
    expect(after["serial"]).toBe((before["serial"] as number) + 1)
  })

  test("an agent that opens both groups loses nothing, and nothing is exposed", async () => {
    await world.grant("ci", "db")
    const { result } = await move("stripe/api-key", "db/stripe")
    expect(result).toMatchObject({ losses: [], exposed: [], gains: [{ agent: "deploy" }] })
    expect(await exposedOf("db/stripe")).toBeUndefined()
  })

  test("under an agent's harness, nobody gains it without a person's word", async () => {
    const under = { harness: "a harness" }
    expect(await outcome(move("stripe/api-key", "db/stripe", under))).toBe("UNCONFIRMED")
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("old")
    // Where nobody gains it, nobody is asked.
    expect(await outcome(move("stripe/api-key", "fresh/stripe", under))).toMatchObject({
      result: { newGroup: true, gains: [], losses: [{ agent: "ci" }] },
    })
  })

  test("a secret that is there is not overwritten, and near names do not collide", async () => {
    expect(await outcome(move("stripe/api-key", "db/url"))).toBe("EXISTS")
    expect(await outcome(move("stripe/api-key", "stripe/api-key"))).toBe("USAGE")
    expect(await outcome(move("stripe/api-key", "db/URL"))).toBe("NAME_INVALID")
    expect(await outcome(move("stripe/api-key", "DB/stripe"))).toBe("NAME_INVALID")
    expect(await outcome(move("stripe/nothing", "db/stripe"))).toBe("SECRET_NOT_FOUND")
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("old")
  })

  test("there and back: the record is never one that was there before", async () => {
    await move("stripe/api-key", "db/stripe")
    await move("db/stripe", "stripe/api-key")
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("old")
    expect((await findings()).filter(({ code }) => code !== "EXPOSED")).toEqual([])
    // ci opens the group that it came back to, with the key that it had.
    expect(await exposedOf("stripe/api-key")).toEqual(["deploy"])
  })

  test("where a secret was removed, it goes on from there", async () => {
    await world.set("db/url", "another")
    await world.set("db/url", "a third")
    const before = recordOf("db/url")
    await removeSecrets({ ...(await world.request()), names: ["db/url"] })
    await move("stripe/api-key", "db/url")
    expect(recordOf("db/url")["serial"]).toBe((before["serial"] as number) + 1)
    expect(await world.tryRead("deploy", "db/url")).toBe("old")
  })

  test("whoever the manifest takes out of the other group does not get it", async () => {
    const manifest = readFileSync(`${world.top}/.agent-vault/manifest.yaml`, "utf8")
    world.write(
      ".agent-vault/manifest.yaml",
      manifest.replace(/^.*agent: deploy, group: db.*\n/m, ""),
    )
    world.git("commit", "-qam", "deploy leaves db")
    expect(await outcome(move("stripe/api-key", "db/stripe"))).toBe("PENDING")
    expect(await world.tryRead("ci", "stripe/api-key")).toBe("old")
  })
})

test("sealed to a key that its group had before, it is exposed to who lost the group since", async () => {
  world.git("checkout", "-q", "-b", "feature")
  await world.set("stripe/new", "set-meanwhile")
  world.git("checkout", "-q", "main")
  await world.revoke("ci", "stripe")
  world.git("merge", "-q", "--message", "merge", "feature")
  await move("stripe/new", "fresh/new")
  expect(await exposedOf("fresh/new")).toEqual(["ci"])
})
