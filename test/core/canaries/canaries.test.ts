import { spawnSync } from "node:child_process"
import { appendFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { inspect as shown } from "node:util"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import {
  agentKeyFile,
  claimedId,
  findVault,
  identityAt,
  noAudit,
  ownerKeyFile,
  withVault,
} from "../../../src/core/index.js"
import {
  Canaries,
  type CanarySighting,
  addCanaries,
  inspect,
  removeAgent,
  removeCanaries,
  removeGroup,
  moveSecret,
  removeSecrets,
  setSecret,
  setSecrets,
} from "../../../src/core/owner.js"
import { testWithStockAge } from "../../stock-age.js"
import { outcome, type World, vaultWorld } from "../world.js"

const unasked = (): Promise<string> => Promise.reject(new Error("no key has a passphrase"))
let world: World

beforeEach(async () => {
  world = await vaultWorld()
  await world.grant("deploy", "stripe")
})
afterEach(() => world.remove())

const OF_CI = "stripe-ci/stripe-api-key"
const OF_DEPLOY = "stripe-deploy/stripe-api-key"
const UNNOTED = { outlet: { surface: "cli", isShown: true }, audit: noAudit() } as const

async function addToStripe() {
  return addCanaries({ ...(await world.request()), whose: { group: "stripe" } })
}

async function addFor(agent: string, service?: string) {
  return addCanaries({ ...(await world.request()), whose: { agent }, service })
}

async function move(from: string, to: string) {
  return moveSecret({ ...(await world.request()), from, to })
}

function noteOf(files: readonly string[]): string {
  const path = files.find((file) => file.startsWith("secrets/owner-notes/")) ?? ""
  return path.slice("secrets/".length).replace(/\.(age|json)$/, "")
}

async function remove(...names: string[]) {
  return removeCanaries({ ...(await world.request()), names })
}

/** The canaries as the owner knows them, or whoever else asks. */
async function canaries(agent?: string): Promise<Canaries> {
  const place = findVault(world.top)
  const choice = agent === undefined ? { owner: true } : { agent }
  const key = await identityAt(place, choice, "never", world.env, unasked)
  return withVault(place, key.trust, world.env, (vault) =>
    Canaries.read(vault, key, UNNOTED, new Date()),
  )
}

function found(all: Canaries, ...chunks: readonly (Uint8Array | string)[]): string[] {
  const search = all.search()
  const seen: CanarySighting[] = []
  for (const chunk of chunks) seen.push(...search.next(Buffer.from(chunk)))
  seen.push(...search.next())
  return seen.map(({ canary, line }) => `${canary.agent}:${line}`)
}

async function states(): Promise<string[]> {
  const { all } = await canaries()
  return all.map(({ secret, is, openedBy }) => [secret, is, ...openedBy].join(" "))
}

describe("a canary for each agent of a group", () => {
  test("opens to its agent and to no other, and looks like a key of the service", async () => {
    const { result } = await addToStripe()
    expect(result.canaries).toMatchObject([
      { secret: OF_CI, agent: "ci", service: "stripe", version: 1 },
      { secret: OF_DEPLOY, agent: "deploy", service: "stripe", version: 1 },
    ])
    expect(await world.tryRead("ci", OF_DEPLOY)).toBe("NOT_GRANTED")
    expect(await world.tryRead("deploy", OF_CI)).toBe("NOT_GRANTED")
    const values = [await world.read("ci", OF_CI), await world.read("deploy", OF_DEPLOY)]
    expect(new Set(values).size).toBe(2)
    for (const value of values) expect(value).toMatch(/^sk_test_51[0-9A-Za-z]{97}$/)
    expect(await states()).toEqual([`${OF_CI} placed ci`, `${OF_DEPLOY} placed deploy`])
    const place = findVault(world.top)
    const { identity: key } = await world.request()
    const report = await inspect({ place, key, env: world.env, now: new Date(), history: true })
    expect(report.findings).toEqual([])
  })

  test("is one commit, which does not say what they are, and no value is in the clear", async () => {
    const before = world.git("rev-list", "--count", "HEAD")
    const { result } = await addToStripe()
    expect(Number(world.git("rev-list", "--count", "HEAD"))).toBe(Number(before) + 1)
    expect(world.git("log", "-1", "--format=%B")).not.toMatch(/canar/i)
    expect(filesWith("canar", world.top)).toBe("")
    for (const { secret, agent } of result.canaries) {
      const value = await world.read(agent, secret)
      expect(filesWith(value, world.folder)).toBe("")
    }
  })

  testWithStockAge("which another agent's key does not open", "classic", async ({ age }) => {
    await addToStripe()
    const id = claimedId(findVault(world.top))
    const at = (path: string): string => join(world.top, ".agent-vault", path)
    const keyOf = (group: string, file: string): Uint8Array =>
      age(["-d", "-i", file, at(`groups/${group}.age`)])
    const [ci, deploy] = ["ci", "deploy"].map((agent) => agentKeyFile(id, agent, world.env))
    const own = join(world.folder, "own.key")
    writeFileSync(own, keyOf("stripe-ci", ci ?? ""), { mode: 0o600 })
    const value = age(["-d", "-i", own, at(`secrets/${OF_CI}.age`)])
    expect(Buffer.from(value).toString()).toBe(await world.read("ci", OF_CI))
    // With its own group's key, with its own key, and the notes of the owners.
    expect(() => age(["-d", "-i", own, at(`secrets/${OF_DEPLOY}.age`)])).toThrow(/no identity/)
    expect(() => keyOf("stripe-ci", deploy ?? "")).toThrow(/no identity/)
    for (const key of [ci, deploy]) {
      expect(() => keyOf("owner-notes", key ?? "")).toThrow(/no identity/)
    }
    expect(keyOf("owner-notes", ownerKeyFile(id, world.env)).length).toBeGreaterThan(0)
  })
})

describe("a text", () => {
  test("gives its canary away in every form, with its line, however it is cut", async () => {
    await addToStripe()
    const all = await canaries()
    const value = await world.read("ci", OF_CI)
    const forms = [
      value,
      Buffer.from(value).toString("base64"),
      Buffer.from(`x${value}`).toString("base64"),
      Buffer.from(value).toString("hex"),
      encodeURIComponent(value),
      JSON.stringify({ key: value }),
      (
        Buffer.from(value)
          .toString("base64")
          .match(/.{1,40}/g) ?? []
      ).join("\n"),
    ]
    for (const form of forms) {
      const text = Buffer.from(`one\ntwo ${form}\nthree\n`)
      expect(found(all, text)).toEqual(["ci:2"])
      expect(found(all, ...[...text].map((byte) => Buffer.of(byte)))).toEqual(["ci:2"])
    }
    const deploys = await world.read("deploy", OF_DEPLOY)
    expect(found(all, `${value}\n\n${deploys}`)).toEqual(["ci:1", "deploy:3"])
    expect(found(all, value.slice(0, -30), "\n".repeat(70_000))).toEqual([])
    expect(found(all, "\n".repeat(70_000), value)).toEqual(["ci:70001"])
  })

  test("gives one away that was removed since", async () => {
    await addToStripe()
    const value = await world.read("ci", OF_CI)
    const { result } = await remove(OF_CI)
    expect(result.removed).toMatchObject([{ secret: OF_CI, agent: "ci" }])
    expect(await world.tryRead("ci", OF_CI)).toBe("SECRET_NOT_FOUND")
    expect(world.git("ls-files", ".agent-vault/groups/stripe-ci.json")).toBe("")
    expect(await states()).toEqual([`${OF_DEPLOY} placed deploy`, `${OF_CI} removed`])
    expect(found(await canaries(), value)).toEqual(["ci:1"])
    expect(await outcome(remove(OF_CI))).toBe("SECRET_NOT_FOUND")
    expect(await outcome(addToStripe())).toBe("EXISTS")
    // Removed by another way, and made again: two notes of one name.
    await removeGroup({ ...(await world.request()), group: "stripe-deploy", withSecrets: true })
    await addToStripe()
    await remove(OF_DEPLOY)
    expect(await world.tryRead("deploy", OF_DEPLOY)).toBe("SECRET_NOT_FOUND")
    expect((await states()).sort()).toEqual([
      `${OF_CI} placed ci`,
      `${OF_CI} removed`,
      `${OF_DEPLOY} removed`,
      `${OF_DEPLOY} removed`,
    ])
    const again = await world.read("ci", OF_CI)
    expect(found(await canaries(), `${value} ${again}`)).toEqual(["ci:1", "ci:1"])
  })
})

describe("owners are told of a canary", () => {
  test("that another agent opens, or none, and what became of its secret", async () => {
    await addToStripe()
    await addFor("ci", "github")
    await world.grant("deploy", "stripe-ci")
    await removeAgent({ ...(await world.request()), agent: "deploy" })
    await world.grant("ci", "stripe-deploy")
    await removeSecrets({ ...(await world.request()), names: ["github-ci/github-token"] })
    expect(await states()).toEqual([
      "github-ci/github-token gone",
      `${OF_CI} placed ci`,
      `${OF_DEPLOY} placed ci`,
    ])
    // Another secret of that name is the owner's, also where it counts from 1 again.
    await removeSecrets({ ...(await world.request()), names: [OF_CI] })
    const later = new Date(Date.now() + 5000)
    const value = Buffer.from("a value of the owner's")
    await setSecret({ ...(await world.request()), now: later, name: OF_CI, value, metadata: {} })
    expect((await states())[1]).toBe(`${OF_CI} replaced`)
    expect(await outcome(remove(OF_CI))).toBe("USAGE")
    expect(await world.read("ci", OF_CI)).toBe("a value of the owner's")
  })

  test("and an agent is not; one that opens the notes is told, and stops new ones", async () => {
    await addFor("ci")
    expect(await outcome(canaries("ci"))).toBe("NOT_OWNER")
    expect((await canaries()).knownTo).toEqual([])
    expect(await outcome(world.grant("ci", "owner-notes"))).toBe("USAGE")
    const manifest = join(world.top, ".agent-vault/manifest.yaml")
    appendFileSync(manifest, "  - agent: ci\n    group: owner-notes\n")
    await world.apply()
    expect(await outcome(canaries("ci"))).toBe("NOT_OWNER")
    expect((await canaries()).knownTo).toEqual(["ci"])
    const head = world.git("rev-parse", "HEAD")
    expect(await outcome(addFor("deploy"))).toBe("USAGE")
    expect(world.git("rev-parse", "HEAD")).toBe(head)
    await world.revoke("ci", "owner-notes")
    await addFor("deploy")
    expect((await canaries()).all.map(({ agent }) => agent)).toEqual(["ci", "deploy"])
  })

  test("whose note says something else, without what it says", async () => {
    const { files } = await addFor("ci")
    const note = noteOf(files)
    await removeSecrets({ ...(await world.request()), names: [note] })
    const secret = JSON.stringify({ secret: "not a name: hunter-two" })
    for (const text of ["no json, hunter-two", secret, "null", '{"secret":"a/b"}']) {
      await world.set("owner-notes/wifi", text)
      await move("owner-notes/wifi", note)
      const error = await canaries().catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: "RECORD_INVALID" })
      expect(shown(error)).not.toContain("hunter")
      await move(note, "owner-notes/wifi")
    }
    // What else owners keep in that group is theirs.
    expect((await canaries()).all).toEqual([])
  })

  test("whose note takes no other value, alone or among others", async () => {
    const name = noteOf((await addFor("ci")).files)
    const value = Buffer.from("another value")
    expect(await outcome(world.set(name, "another value"))).toBe("USAGE")
    const secrets = [
      { name: "owner-notes/wifi", value },
      { name, value },
    ]
    expect(await outcome(setSecrets({ ...(await world.request()), secrets }))).toBe("USAGE")
    expect(await states()).toEqual(["openai-ci/openai-api-key placed ci"])
  })

  test("whose note moves into no group that an agent opens", async () => {
    const name = noteOf((await addFor("ci")).files)
    expect(await outcome(move(name, "stripe/note"))).toBe("USAGE")
    expect(await states()).toEqual(["openai-ci/openai-api-key placed ci"])
  })
})

test("a canary is refused for nobody, for who is not there, and where its group is taken", async () => {
  const head = world.git("rev-parse", "HEAD")
  expect(await outcome(addFor("nobody"))).toBe("AGENT_NOT_FOUND")
  expect(await outcome(addFor("ci", "opnai"))).toBe("SERVICE_NOT_FOUND")
  const add = async (group: string) =>
    outcome(addCanaries({ ...(await world.request()), whose: { group } }))
  expect(await add("nothing")).toBe("GROUP_NOT_FOUND")
  expect(world.git("rev-parse", "HEAD")).toBe(head)
  expect(world.git("status", "--porcelain")).toBe("")
  await world.set("openai-ci/key", "a value of the owner's")
  expect(await outcome(addFor("ci"))).toBe("EXISTS")
  await world.set("Openai-deploy/key", "a value of the owner's")
  expect(await outcome(addFor("deploy"))).toBe("NAME_INVALID")
  await world.set("unread/key", "a value of the owner's")
  expect(await add("unread")).toBe("AGENT_NOT_FOUND")
})

function filesWith(text: string, folder: string): string {
  return spawnSync("grep", ["-rliF", "--", text, "."], { cwd: folder, encoding: "utf8" }).stdout
}
