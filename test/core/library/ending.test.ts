import { expect, test } from "vitest"
import { Ending } from "../../../src/core/library/ending.js"

test("an end is told to who listens", () => {
  const ending = new Ending()
  const { signal } = ending
  expect([ending.hasCome, signal.aborted]).toEqual([false, false])
  ending.come()
  expect([ending.hasCome, signal.aborted]).toEqual([true, true])
})

test("who asks for the signal after the end is told at once", () => {
  const ending = new Ending()
  ending.come()
  expect(ending.signal.aborted).toBe(true)
})
