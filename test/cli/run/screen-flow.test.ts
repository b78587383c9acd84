import { once } from "node:events"
import { closeSync, writeSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { Writable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import { ReadStream } from "node:tty"
import { expect } from "vitest"
import { ScreenFlow } from "../../../src/cli/run/screen-flow.js"
import { ScreenRedactor, compilePatterns, screenPatterns } from "../../../src/core/index.js"
import { noPseudoTerminal, pseudoTerminals, testUnless } from "../../needs.js"

const VALUE = ["not", "a", "real", "value", "Zk41vQ8m"].join("-")
const NAME = "stripe/api-key"
/** Longer than what may begin a value waits for the rest of it. */
const LONG_MS = 200

/** The native part of a pseudo-terminal, which vitest does not import. */
interface Native {
  open(columns: number, rows: number): { master: number; slave: number; pty: string }
}

/** A screen, and what writes to its terminal. */
function newScreen(to: Writable) {
  const load = createRequire(import.meta.url)
  const native = load(join(pseudoTerminals ?? "", "pty.node")) as Native
  const { master, slave, pty: path } = native.open(80, 24)
  const ours = new ReadStream(master)
  const secrets = [{ name: NAME, value: Buffer.from(VALUE) }]
  const patterns = screenPatterns(compilePatterns(secrets), secrets)
  const terminal = { ours, descriptor: master, path, resize: () => {}, close: () => {} }
  const flow = new ScreenFlow(terminal, to, new ScreenRedactor(patterns), () => {})
  const close = async (): Promise<void> => {
    flow.drain()
    await flow.ended
    closeSync(slave)
  }
  return { ours, write: (text: string) => writeSync(slave, text), close }
}

/** The whole process stands still, as it does on a busy machine. */
function standStill(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LONG_MS)
}

testUnless(
  noPseudoTerminal,
  "what was written in time is read before what waits is shown, however late that is",
  async () => {
    let shown = ""
    const to = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        shown += chunk.toString()
        done()
      },
    })
    const screen = newScreen(to)
    screen.write(`<${VALUE.slice(0, 9)}`)
    await once(screen.ours, "data")
    screen.write(`${VALUE.slice(9)}>`)
    standStill()
    await expect.poll(() => shown).toContain(">")
    expect(shown).toBe(`<[REDACTED ${NAME}]>`)
    // What is a beginning only is there all the same.
    screen.write(VALUE.slice(0, 9))
    await expect.poll(() => shown).toContain(`>${VALUE.slice(0, 9)}`)
    await screen.close()
  },
)

testUnless(noPseudoTerminal, "what waits is not shown while the screen takes nothing", async () => {
  let shown = ""
  let isTaking = false
  const waiting: (() => void)[] = []
  const to = new Writable({
    highWaterMark: 1,
    write: (chunk: Buffer, _encoding, done) => {
      shown += chunk.toString()
      if (isTaking) done()
      else waiting.push(done)
    },
  })
  const screen = newScreen(to)
  screen.write(`<${VALUE.slice(0, 9)}`)
  await once(screen.ours, "data")
  screen.write(`${VALUE.slice(9)}>`)
  await sleep(LONG_MS)
  isTaking = true
  for (const done of waiting) done()
  await expect.poll(() => shown).toContain(">")
  expect(shown).toBe(`<[REDACTED ${NAME}]>`)
  await screen.close()
})
