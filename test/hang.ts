import { runInThisContext } from "node:vm"

/**
 * Milliseconds after which something hangs: no machine is so busy that a command takes this long.
 * Nothing is measured by it; what must be timed is in bench/.
 */
export const HANG = 300_000

/**
 * Does something, and throws if that hangs, be it in the middle of one regular expression, which
 * no timer could end. Give it so much to do that what takes time in squares never gets to its end.
 */
export function withoutHang<Result>(act: () => Result, limit = HANG): Result {
  // The limit is for a script, not for a function: the script finds its function here.
  Object.assign(globalThis, { testAct: act })
  return runInThisContext("testAct()", { timeout: limit }) as Result
}
