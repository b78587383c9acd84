import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { hrtime } from "node:process"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { BlindWorld } from "../attack/broker/blind.js"

// What requests cost the built command in calls to the file system, as Node traces them: these are
// the same on each machine, which milliseconds are not. docs/performance.md says what they come to.

const REQUESTS = 16
const OK = Array.from({ length: REQUESTS }, () => "200").join(" ")
/** Files are trusted not to change without a trace when they are so old, in ms. */
const SETTLED_MS = 2_500
/** A preload: on a disk that is faster than this machine, a sync is over before the next is wanted. */
const SLOW_DISK = `
  const fs = require("node:fs")
  const { fdatasync } = fs
  fs.fdatasync = (file, done) => fdatasync(file, (error) => setTimeout(done, 1000, error))`

let blind: BlindWorld
/** The calls by name, while many requests came at once, whose connections were there already. */
let calls: ReadonlyMap<string, number>

beforeAll(async () => {
  blind = await BlindWorld.start()
  const traces = join(blind.world.folder, "traces")
  mkdirSync(traces)
  const pattern = `--trace-event-file-pattern=${traces}/\${pid}.json`
  const traced = `--trace-event-categories=node.fs.sync,node.fs.async ${pattern}`
  const slowDisk = join(blind.world.folder, "slow-disk.cjs")
  writeFileSync(slowDisk, SLOW_DISK)
  const env = { NODE_OPTIONS: `--require ${slowDisk} ${traced}` }
  const program = blind.run({ isolate: "none", env })
  const begun = Date.now()
  do await program.burst(blind.url(), REQUESTS)
  while (Date.now() < begun + SETTLED_MS)
  const from = microseconds()
  expect(await program.burst(blind.url(), REQUESTS)).toBe(OK)
  const to = microseconds()
  expect(await program.end()).toBe(0)
  calls = callsIn(join(traces, `${program.command.pid}.json`), from, to)
})
afterAll(() => blind.close())

/** Of the clock that traces have. */
function microseconds(): number {
  return Number(hrtime.bigint() / 1000n)
}

function callsIn(trace: string, from: number, to: number): Map<string, number> {
  const { traceEvents } = JSON.parse(readFileSync(trace, "utf8")) as {
    traceEvents: { name: string; ph: string; ts: number }[]
  }
  const counts = new Map<string, number>()
  for (const { name, ph, ts } of traceEvents) {
    const begins = ph === "B" || ph === "b"
    if (begins && from <= ts && ts <= to) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

describe(`${REQUESTS} requests at once, while nothing changes,`, () => {
  test("look once each at the files that decide, for all that is decided at one moment", () => {
    // Some twenty files and folders decide about a secret. A request that had to wait, for a connection
    // that the service had closed on a busy machine, say, decides at two moments; if each decision
    // looked for itself, it would be 65.
    const looks = calls.get("fs.sync.lstat") ?? 0
    expect(looks).toBeGreaterThan(15 * REQUESTS)
    expect(looks).toBeLessThan(50 * REQUESTS)
  })

  test("open no file but that of the audit", () => {
    expect(calls.get("fs.sync.open") ?? 0).toBeLessThan(REQUESTS / 2)
  })

  test("share the syncs of the audit", () => {
    const syncs = calls.get("fdatasync") ?? 0
    expect(syncs).toBeGreaterThan(0)
    expect(syncs).toBeLessThan(REQUESTS / 2)
  })
})
