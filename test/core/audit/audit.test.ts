import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { chdir, cwd, pid } from "node:process"
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest"
import {
  type AuditLine,
  type OpenOptions,
  auditFolder,
  auditTo,
  openVault,
} from "../../../src/core/index.js"
import { openOwnerVault } from "../../../src/core/owner.js"
import { testWithStrace, trace } from "../../attack/tracing.js"
import { noProc, testUnless } from "../../needs.js"
import { type World, vaultWorld } from "../world.js"

let world: World

beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

const linesOf = (file: string): AuditLine[] =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as AuditLine)

const openNoting = (audit?: OpenOptions["audit"]) =>
  openVault({ dir: world.top, agent: "ci", env: world.env, audit })

const ofState = (who: string): string =>
  join(world.folder, "agent-vault", vaultId(), "audit", `${who}.jsonl`)

const vaultId = (): string =>
  (
    JSON.parse(readFileSync(join(world.top, ".agent-vault/vault.json"), "utf8")) as {
      vault: string
    }
  ).vault

const DESCRIPTORS = "/proc/self/fd"

/** How many descriptors of this process lead to a file. */
const descriptorsOf = (file: string): number =>
  readdirSync(DESCRIPTORS).filter((each) => {
    try {
      return readlinkSync(join(DESCRIPTORS, each)) === file
    } catch {
      return false
    }
  }).length

describe("an audit", () => {
  test("has a line for each read, and no value", async () => {
    const file = join(world.folder, "new/folder/audit.jsonl")
    await using vault = await openNoting(file)
    await vault.getMany(["stripe/api-key", "stripe/webhook"])
    await vault.get("stripe/api-key").then((value) => value.reveal())
    await expect(vault.get("stripe/none")).rejects.toMatchObject({ code: "SECRET_NOT_FOUND" })
    await vault.list()
    const line = { v: 1, agent: "ci", door: "sdk", event: "read", decision: "allowed", pid }
    expect(linesOf(file)).toEqual(
      [["stripe/api-key", "stripe/webhook"], ["stripe/api-key"]].map((names, index) => ({
        ...line,
        vault: vault.id,
        at: expect.stringMatching(/Z$/) as string,
        session: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
        seq: index + 1,
        secrets: names.map((name) => ({ name, version: 1 })),
        ...(index === 0 ? {} : { prev: expect.stringMatching(/^sha256:/) as string }),
      })),
    )
    expect(readFileSync(file, "utf8")).not.toMatch(/\bold\b|\bhook\b/)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(join(world.folder, "new")).mode & 0o777).toBe(0o700)
  })

  test("is appended to, also by several at once", async () => {
    const file = join(world.folder, "audit.jsonl")
    writeFileSync(file, '{"at":"earlier"}\n')
    await using one = await openNoting(file)
    await using two = await openNoting(file)
    await Promise.all(
      Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? one : two).get("stripe/api-key")),
    )
    expect(linesOf(file)).toHaveLength(41)
    expect(linesOf(file)[0]).toEqual({ at: "earlier" })
  })

  test("that cannot be written holds back the value, from memory too", async () => {
    const folder = join(world.folder, "is a folder")
    mkdirSync(folder)
    await using vault = await openNoting(folder)
    for (let count = 0; count < 2; count++) {
      await expect(vault.get("stripe/api-key")).rejects.toMatchObject({ code: "AUDIT_UNWRITABLE" })
    }
    await using into = await openNoting(join(world.top, "README.md/audit.jsonl"))
    await expect(into.get("stripe/api-key")).rejects.toMatchObject({ code: "AUDIT_UNWRITABLE" })
  })

  test("does not change who may read a file that is there", async () => {
    const file = join(world.folder, "audit.jsonl")
    writeFileSync(file, "")
    chmodSync(file, 0o640)
    symlinkSync(file, join(world.folder, "link"))
    await using vault = await openNoting(join(world.folder, "link"))
    await vault.get("stripe/api-key")
    expect(linesOf(file)).toHaveLength(1)
    expect(statSync(file).mode & 0o777).toBe(0o640)
  })

  test("lies in the state folder, by vault and by who reads, if nobody says where", async () => {
    expect(auditFolder("0".repeat(32), world.env)).toBe(
      join(world.folder, "agent-vault", "0".repeat(32), "audit"),
    )
    await using agents = await openNoting()
    await agents.get("stripe/api-key")
    await using owners = await openOwnerVault({ dir: world.top, env: world.env })
    await owners.get("stripe/api-key")
    expect(linesOf(ofState("agents/ci"))).toMatchObject([{ agent: "ci", seq: 1 }])
    expect(linesOf(ofState("owners/alice"))).toMatchObject([{ owner: "alice", seq: 1 }])
  })

  test("is left out only where somebody says so", async () => {
    await using vault = await openNoting(false)
    await vault.get("stripe/api-key")
    expect(existsSync(ofState("agents/ci"))).toBe(false)
  })

  test("names the program that the values are for", () => {
    const file = join(world.folder, "audit.jsonl")
    const audit = auditTo({ file }, { session: "s", program: "node" })
    audit.note([
      {
        at: "2026-11-28T00:00:00Z",
        actor: { role: "agent", name: "ci" },
        door: "run",
        event: "read",
        vault: "0".repeat(32),
        secrets: [{ name: "stripe/api-key", version: 1 }],
      },
    ])
    audit.close()
    expect(linesOf(file)).toMatchObject([{ program: "node", agent: "ci" }])
  })

  test("goes on in a new file where the old one was moved away, as by a rotation of logs", async () => {
    const file = join(world.folder, "audit.jsonl")
    await using vault = await openNoting(file)
    await vault.get("stripe/api-key")
    renameSync(file, `${file}.1`)
    await vault.get("stripe/api-key")
    expect(linesOf(`${file}.1`)).toHaveLength(1)
    expect(linesOf(file)).toHaveLength(1)
    await vault.close()
  })

  test("stays where it was named, wherever the program goes", async () => {
    const before = cwd()
    onTestFinished(() => {
      chdir(before)
    })
    chdir(world.folder)
    await using vault = await openNoting("audit.jsonl")
    await vault.get("stripe/api-key")
    chdir(world.top)
    await vault.get("stripe/api-key")
    expect(linesOf(join(world.folder, "audit.jsonl"))).toHaveLength(2)
    await using nowhere = await openNoting("")
    await expect(nowhere.get("stripe/api-key")).rejects.toMatchObject({ code: "AUDIT_UNWRITABLE" })
  })

  testWithStrace("tells, once, that a line could not be synced to the disk", () => {
    const program = `
      const { openVault } = require(process.argv[1])
      const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
      const attempt = (work) => work.then(() => "done", ({ code }) => code)
      void (async () => {
        const vault = await openVault({ agent: "ci" })
        const read = () => attempt(vault.get("stripe/api-key"))
        const told = [await read()]
        // The sync that fails is on its way; the read after it tells.
        for (let count = 0; count < 1000 && told.at(-1) === "done"; count++) {
          await sleep(300)
          told.push(await read())
        }
        told.push(await read())
        console.log(told.slice(-2).join(" "))
      })()`
    const library = join(import.meta.dirname, "../../../dist/lib/npm.cjs")
    const { stdout, stderr } = trace(world, [process.execPath, "-e", program, library], {
      inject: "fdatasync:error=EIO:when=1",
    })
    expect([stdout, stderr]).toEqual(["AUDIT_UNWRITABLE done\n", ""])
  })

  test("stays lines of JSON where a write ended within a line, by whomever", async () => {
    const file = join(world.folder, "audit.jsonl")
    writeFileSync(file, '{"at":"a full disk, before')
    await using vault = await openNoting(file)
    await vault.get("stripe/api-key")
    await vault.get("stripe/api-key")
    appendFileSync(file, '{"at":"another process')
    await vault.get("stripe/api-key")
    appendFileSync(file, '{"at":"another process, which ended its line"}\n')
    await vault.get("stripe/api-key")
    const lines = readFileSync(file, "utf8").trimEnd().split("\n")
    const read = lines.filter((line) => /"name":"stripe\/api-key".*\}$/.test(line))
    expect([lines.length, read.length]).toEqual([7, 4])
    for (const line of read) expect(JSON.parse(line)).toMatchObject({ agent: "ci" })
  })

  testUnless(noProc, "keeps no descriptor of a vault that nobody closes", async () => {
    const file = join(world.folder, "audit.jsonl")
    for (let count = 0; count < 5; count++) await (await openNoting(file)).get("stripe/api-key")
    await expect.poll(() => descriptorsOf(file)).toBe(0)
    expect(linesOf(file)).toHaveLength(5)
  })

  testUnless(noProc, "is let go by close, also while a read is under way", async () => {
    const file = join(world.folder, "audit.jsonl")
    const vault = await openNoting(file)
    const read = vault.get("stripe/api-key")
    await vault.close()
    await expect(read).rejects.toMatchObject({ code: "CLOSED" })
    expect(descriptorsOf(file)).toBe(0)
  })

  test("has a line before the value is there, and one for all or none", async () => {
    const file = join(world.folder, "audit.jsonl")
    let lines = 0
    await using vault = await openVault({
      dir: world.top,
      agent: "ci",
      env: world.env,
      audit: file,
      onRead: () => {
        lines = linesOf(file).length
        throw new RangeError("not today")
      },
    })
    await expect(vault.getMany(["stripe/api-key", "stripe/webhook"])).rejects.toThrow("not today")
    expect(lines).toBe(1)
    await expect(vault.getMany(["stripe/api-key", "db/url"])).rejects.toMatchObject({
      code: expect.any(String) as string,
    })
    expect(linesOf(file)).toHaveLength(1)
  })
})
