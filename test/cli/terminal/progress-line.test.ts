import { PassThrough } from "node:stream"
import { expect, test, vi } from "vitest"
import type { VaultError } from "../../../src/core/index.js"
import { interruption } from "../../../src/cli/terminal/line.js"
import { progress } from "../../../src/cli/terminal/progress-line.js"
import type { Terminal } from "../../../src/cli/terminal/terminal.js"

/** How many listen for Ctrl-C, once a line is shown to a person; and what is. */
function shown(interrupted?: () => VaultError): {
  readonly listeners: number
  readonly line: string
} {
  const stderr = Object.assign(new PassThrough(), { isTTY: true })
  const terminal = { stderr } as unknown as Terminal
  const before = process.listeners("SIGINT")
  let now = Date.now()
  const clock = vi.spyOn(Date, "now").mockImplementation(() => (now += 1001))
  try {
    progress(terminal, interrupted)(1, 3, "counting")
    const added = process.listeners("SIGINT").filter((each) => !before.includes(each))
    for (const each of added) {
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeListener(signal, each)
    }
    return { listeners: added.length, line: String(stderr.read()) }
  } finally {
    clock.mockRestore()
  }
}

const LINE = /counting: 1 of 3/

test("what only looks leaves signals to the system, which ends it at once", () => {
  expect(shown()).toEqual({ listeners: 0, line: expect.stringMatching(LINE) as string })
})

test("what has something to say when it is ended hears of it", () => {
  expect(shown(interruption)).toEqual({ listeners: 1, line: expect.stringMatching(LINE) as string })
})

test("how long it takes is told from the second step on, and by the steps alone", () => {
  const stderr = Object.assign(new PassThrough(), { isTTY: true })
  let now = 0
  const clock = vi.spyOn(Date, "now").mockImplementation(() => now)
  try {
    const line = progress({ stderr } as unknown as Terminal)
    const told = [
      [60_000, 1, "counting"],
      [61_000, 2, "counting"],
      [90_000, 1, "weighing"],
      [93_000, 2, "weighing"],
    ] as const
    const lines = told.map(([at, done, what]) => {
      now = at
      line(done, 5, what)
      return String(stderr.read()).split("\u001B[K").at(-1)
    })
    expect(lines).toEqual([
      "counting: 1 of 5",
      "counting: 2 of 5, 3 s left",
      "weighing: 1 of 5",
      "weighing: 2 of 5, 9 s left",
    ])
  } finally {
    clock.mockRestore()
  }
})
