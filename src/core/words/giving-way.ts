import { setImmediate } from "node:timers/promises"

const MOST_MS = 50

/**
 * For a long loop that waits for nothing: awaited after each step, it lets signals, timers and
 * whatever else the process has to do have their turn, some twenty times a second.
 */
export function givingWay(): () => Promise<void> {
  let last = Date.now()
  return async () => {
    if (Date.now() < last + MOST_MS) return
    await setImmediate()
    last = Date.now()
  }
}
