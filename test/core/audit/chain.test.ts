import { spawn } from "node:child_process"
import { once } from "node:events"
import {
  appendFileSync,
  type fdatasyncSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { execPath } from "node:process"
import { build } from "esbuild"
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest"
import { type AuditEvent, auditTo } from "../../../src/core/audit/audit.js"
import { type AuditChain, readChain } from "../../../src/core/audit/audit-chain.js"
import { decodeHead, signHead } from "../../../src/core/audit/audit-head.js"
import { compareHeads } from "../../../src/core/audit/verify-audit.js"
import { generateIdentity } from "../../../src/core/age/age.js"
import { nameByMaker } from "../../../src/core/disk/maker.js"
import { encodeRecord } from "../../../src/core/records/record.js"
import { noProc, testUnless } from "../../needs.js"

let folder: string
let bundle: string
let file: string
const VAULT = "0".repeat(32)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "agent-vault-chain-"))
  bundle = join(folder, "audit.cjs")
  const entry = join(import.meta.dirname, "../../../src/core/audit/audit.ts")
  const [platform, format] = ["node", "cjs"] as const
  await build({ entryPoints: [entry], bundle: true, platform, format, outfile: bundle })
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})
let count = 0
beforeEach(() => {
  count += 1
  file = join(folder, `${count}`, "ci.jsonl")
})

const event = (request: number, more: Partial<AuditEvent> = {}): AuditEvent => ({
  at: "2026-11-28T00:00:00Z",
  actor: { role: "agent", name: "ci" },
  door: "broker",
  event: "request",
  vault: VAULT,
  request,
  ...more,
})

function noted(lines: number): string[] {
  const audit = auditTo({ file }, { session: "s" })
  for (let at = 0; at < lines; at++) audit.note([event(at)])
  audit.close()
  return readFileSync(file, "utf8").trimEnd().split("\n")
}

const write = (lines: readonly string[]): void => {
  writeFileSync(file, lines.map((line) => `${line}\n`).join(""))
}

/** Starts an appender, and waits until it is about to begin. */
async function appender(lines: number, how = "at-once") {
  const argv = [join(import.meta.dirname, "appender.mjs"), bundle, file, String(lines), how]
  const child = spawn(execPath, argv, { stdio: ["ignore", "pipe", "inherit"] })
  const ended = once(child, "exit")
  await once(child.stdout, "data")
  return { child, ended }
}

/** How many turns of its loop this process stays for. */
function turns(): number {
  return process.getActiveResourcesInfo().filter((each) => each === "Immediate").length
}

describe("a chain", () => {
  test("is whole as it was written", () => {
    noted(5)
    expect(readChain(file)).toMatchObject({ pieces: 0, faults: [] })
    expect(readChain(file).lines.map(({ line }) => line.seq)).toEqual([1, 2, 3, 4, 5])
  })

  test.each<[string, (lines: string[]) => string[]]>([
    ["changed", (lines) => lines.with(2, (lines[2] ?? "").replace('"request":2', '"request":9'))],
    ["changed in a bit of its end", (lines) => lines.with(2, `${lines[2] ?? ""} `)],
    ["moved", (lines) => [0, 2, 1, 3, 4].map((at) => lines[at] ?? "")],
    ["taken out", (lines) => lines.toSpliced(2, 1)],
    ["taken out at the start", (lines) => lines.slice(1)],
    ["put in", (lines) => lines.toSpliced(2, 0, lines[2] ?? "")],
    ["put in as a piece", (lines) => lines.toSpliced(2, 0, "a piece")],
    ["replaced by pieces", (lines) => lines.toSpliced(1, 3, "a piece", "another")],
    ["emptied", (lines) => lines.with(2, "")],
    ["put in by another file's chain", (lines) => [...lines, lines[0] ?? ""]],
  ])("a line that was %s is seen", (_what, edit) => {
    write(edit(noted(5)))
    expect(readChain(file).faults).not.toEqual([])
  })

  test("an end that was cut off, or written anew, is seen by a published head only", async () => {
    const lines = noted(5)
    const chain = readChain(file)
    const identity = await generateIdentity("x25519")
    const facts = { vault: VAULT, agent: "ci", at: "2026-11-28T00:00:00Z" }
    const head = signHead(
      { ...facts, chain: chain.id ?? "", seq: 3, head: chain.lines[2]?.digest ?? "" },
      identity,
    )
    const found = (): unknown => {
      const now = readChain(file)
      return [now.faults.length, ...compareHeads([now], [head]).map(({ is }) => is)]
    }
    expect(found()).toEqual([0, "held"])
    // What follows the head: nobody can tell, and we say so.
    write(lines.slice(0, 4))
    expect(found()).toEqual([0, "held"])
    write(lines.slice(0, 2))
    expect(found()).toEqual([0, "cut-off"])
    write(lines.slice(0, 2))
    const audit = auditTo({ file }, { session: "forged" })
    audit.note([event(2)])
    audit.close()
    expect(found()).toEqual([0, "changed"])
    rmSync(file)
    noted(5)
    write(readFileSync(file, "utf8").trimEnd().split("\n").slice(0, 1))
    writeFileSync(file, "")
    expect(found()).toEqual([0, "not-here"])
    const { path } = head
    const bytes = Buffer.from(encodeRecord(head))
    expect(decodeHead(path, bytes, VAULT)).toEqual(head)
    for (const edited of [
      bytes.toString().replace('"seq": 3', '"seq": 2'),
      bytes.toString().replace("2026-11-28", "2026-11-29"),
      bytes.toString().replace(head.head, head.chain),
      `${bytes.toString()}\n`,
    ]) {
      expect(() => decodeHead(path, Buffer.from(edited), VAULT)).toThrow(/audit/)
    }
    expect(() => decodeHead(path, bytes, "1".repeat(32))).toThrow("another place")
  })

  test("an earlier copy of it is no end that was cut off; one that goes on otherwise contradicts it", async () => {
    const lines = noted(5)
    const chain = readChain(file)
    const facts = { vault: VAULT, agent: "ci", at: "2026-11-28T00:00:00Z", chain: chain.id ?? "" }
    const head = signHead(
      { ...facts, seq: 3, head: chain.lines[2]?.digest ?? "" },
      await generateIdentity("x25519"),
    )
    write(lines.slice(0, 2))
    const copy = readChain(file)
    const audit = auditTo({ file }, { session: "another machine" })
    audit.note([event(2), event(3)])
    audit.close()
    const fork = readChain(file)
    const found = (...chains: AuditChain[]): string[] =>
      compareHeads(chains, [head]).map(({ is }) => is)
    expect([found(chain, copy), found(copy, chain)]).toEqual([["held"], ["held"]])
    expect([found(chain, fork), found(fork, chain)]).toEqual([["changed"], ["changed"]])
    expect(found(copy)).toEqual(["cut-off"])
  })

  test.each([
    "",
    '{"v":1',
    '{"at":"earlier"}',
    '{"at":"earlier"}\n',
    '{"at":"earlier"}\n\n{"seq":',
  ])("goes on behind what was left there: %j, and covers it", (left) => {
    noted(2)
    appendFileSync(file, left)
    noted(2)
    const whole = readFileSync(file, "utf8")
    expect(readChain(file)).toMatchObject({ faults: [] })
    expect(readChain(file).lines).toHaveLength(4)
    if (left === "") return
    writeFileSync(file, whole.replace(left.slice(0, 4), "{   "))
    writeFileSync(file, whole.replace("earlier", "later!!").replace('{"v":1\n', '{"v":2\n'))
    expect(readChain(file).faults).not.toEqual([])
  })

  test("begins behind what was in a file before, however long", () => {
    mkdirSync(join(file, ".."))
    writeFileSync(file, '{"at":"earlier"}\n'.repeat(20_000))
    noted(2)
    expect(readChain(file)).toMatchObject({ faults: [], pieces: 20_000 })
    const bytes = readFileSync(file)
    bytes[7] = 0x45
    writeFileSync(file, bytes)
    expect(readChain(file).faults).toHaveLength(1)
  })

  test("goes on in a line of its own where another file of the same length was put in its place", () => {
    const audit = auditTo({ file }, { session: "s" })
    audit.note([event(1)])
    const { length } = readFileSync(file)
    rmSync(file)
    writeFileSync(file, '{"at":"a write that broke off'.padEnd(length))
    audit.note([event(2)])
    audit.close()
    expect(readChain(file)).toMatchObject({ lines: [{ line: { request: 2 } }], pieces: 1 })
  })

  test("tells whoever waits for the disk of a sync that failed, though another one was told", async () => {
    const load = createRequire(import.meta.url)
    const { auditTo: audited } = load(bundle) as { auditTo: typeof auditTo }
    const fs = load("node:fs") as { fdatasyncSync: typeof fdatasyncSync }
    const { fdatasyncSync: before } = fs
    onTestFinished(() => {
      fs.fdatasyncSync = before
    })
    // The system says it to one of them, and the next sync succeeds.
    fs.fdatasyncSync = () => {
      throw Object.assign(new Error("i/o error"), { code: "EIO" })
    }
    const audit = audited({ file }, { session: "s" })
    const waiting = audit.noteDurably([event(1)])
    await Promise.resolve()
    expect(readFileSync(file, "utf8")).toContain('"request":1')
    expect(() => {
      audit.close()
    }).toThrow(expect.objectContaining({ code: "AUDIT_UNWRITABLE" }))
    await expect(waiting).rejects.toMatchObject({ code: "AUDIT_UNWRITABLE" })
    fs.fdatasyncSync = before
    await audit.noteDurably([event(2)])
    audit.close()
    expect(readChain(file)).toMatchObject({ lines: [{}, {}], faults: [] })
  })

  test("is synced soon also by a process in which nothing else happens", () => {
    const before = turns()
    const audit = auditTo({ file }, { session: "s" })
    audit.note([event(1)])
    // One that keeps no process alive would wait until something wakes it.
    expect(turns()).toBe(before + 1)
    audit.close()
  })

  testUnless(noProc, "keeps no descriptor of a file that it cannot take its turn at", () => {
    noted(1)
    const audit = auditTo({ file }, { session: "s" })
    rmSync(`${file}.turn`, { recursive: true })
    writeFileSync(`${file}.turn`, "somebody's")
    const before = readdirSync("/proc/self/fd").length
    for (let tries = 0; tries < 10; tries++) {
      expect(() => {
        audit.note([event(1)])
      }).toThrow(expect.objectContaining({ code: "AUDIT_UNWRITABLE" }))
    }
    expect(readdirSync("/proc/self/fd").length).toBeLessThan(before + 5)
  })

  test("holds no value's text, and no text that does more than be read", () => {
    const audit = auditTo({ file }, { session: "a\u{202e}b", program: "p\n\u{1b}[2J" })
    audit.note([event(1, { reason: "\ud800 r".repeat(400), path: "/v1/**" })])
    audit.close()
    const [chained] = readChain(file).lines
    expect(chained?.line.program).toBe("p\\u{a}\\u{1b}[2J")
    expect(chained?.line.reason).toHaveLength(256)
    const text = readFileSync(file, "utf8")
    expect(["\u{1b}", "\u{202e}"].filter((harmful) => text.includes(harmful))).toEqual([])
  })
})

describe("many processes at once", () => {
  test("append to one chain, without a fork and without a loss", async () => {
    const many = await Promise.all(
      Array.from({ length: 8 }, (_, at) => appender(200, at % 2 === 0 ? "durably" : "at-once")),
    )
    const codes = await Promise.all(many.map(async ({ ended }) => ((await ended) as [number])[0]))
    expect(codes).toEqual(Array.from({ length: 8 }, () => 0))
    const { lines, faults, pieces } = readChain(file)
    expect([lines.length, faults, pieces]).toEqual([1600, [], 0])
    // Nothing is left of their turns.
    expect(readdirSync(`${file}.turn`)).toEqual([])
  })

  test("also by another name of the file", async () => {
    noted(1)
    const real = file
    symlinkSync(real, `${real}.link`)
    const one = await appender(300)
    file = `${real}.link`
    const two = await appender(300)
    await Promise.all([one.ended, two.ended])
    expect(readChain(real)).toMatchObject({ faults: [], pieces: 0 })
    expect(readChain(real).lines).toHaveLength(601)
  })

  test("kill -9 in the middle, again and again: the chain goes on", async () => {
    for (let round = 0; round < 4; round++) {
      const many = await Promise.all([appender(1_000_000), appender(1_000_000)])
      const before = readChain(file).lines.length
      // Not before they have appended something.
      await expect.poll(() => readChain(file).lines.length).toBeGreaterThan(before)
      for (const { child } of many) child.kill("SIGKILL")
      await Promise.all(many.map(({ ended }) => ended))
      noted(1)
      expect(readChain(file).faults).toEqual([])
    }
  })

  test("the lock of a process that is gone is taken away, and the claims of many that were killed at that", async () => {
    noted(1)
    const gone = spawn(execPath, ["-e", ""])
    await once(gone, "exit")
    const [dead = "", ...claimants] = Array.from({ length: 12 }, () =>
      nameByMaker("by-").replace(/^by-\d+-/, `by-${gone.pid ?? 0}-`),
    )
    const turn = `${file}.turn`
    writeFileSync(join(turn, dead), dead)
    linkSync(join(turn, dead), join(turn, "lock"))
    for (const [at, claimant] of claimants.entries()) {
      writeFileSync(join(turn, `lock.${[dead, ...claimants][at] ?? ""}`), claimant)
    }
    const many = await Promise.all([appender(50), appender(50), appender(50)])
    await Promise.all(many.map(({ ended }) => ended))
    expect(readChain(file)).toMatchObject({ faults: [], pieces: 0 })
    expect(readChain(file).lines).toHaveLength(151)
    expect(readdirSync(turn)).toEqual([])
  })

  test("a lock that says nothing is one that a power cut left, and is taken away", () => {
    noted(1)
    writeFileSync(join(`${file}.turn`, "lock"), "")
    noted(1)
    expect(readChain(file)).toMatchObject({ lines: [{}, {}], faults: [] })
    expect(readdirSync(`${file}.turn`)).toEqual([])
  })

  test("the lock of a process that runs is not: nothing is noted, and it is said who keeps it", () => {
    noted(1)
    const turn = `${file}.turn`
    writeFileSync(join(turn, "lock"), nameByMaker("by-"))
    const audit = auditTo({ file }, { session: "s" })
    expect(() => {
      audit.note([event(1)])
    }).toThrow(/process \d+ keeps .*lock/)
    rmSync(join(turn, "lock"))
    audit.note([event(1)])
    audit.close()
    expect(readChain(file).lines).toHaveLength(2)
  })
})
