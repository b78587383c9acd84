import { spawnSync } from "node:child_process"
import { platform } from "node:process"
import { expect } from "vitest"
import { refuseUnstartable } from "../../../src/cli/run/not-started.js"
import { testUnless } from "../../needs.js"

/** The variables have so many bytes in all, with their names. */
function variables(bytes: number): Record<string, string> {
  const each = 100_000
  const env: Record<string, string> = {}
  for (let left = bytes; left > 0; left -= each) {
    const name = `V${String(left).padStart(10, "0")}`
    env[name] = "x".repeat(Math.max(0, Math.min(left, each) - name.length - 1))
  }
  return env
}

function isRefused(env: Record<string, string>): boolean {
  try {
    refuseUnstartable(["/bin/true"], env)
    return false
  } catch (error) {
    expect(error).toMatchObject({ code: "COMMAND_NOT_STARTED" })
    return true
  }
}

const isStarted = (env: Record<string, string>): boolean =>
  spawnSync("/bin/true", { env }).error === undefined

const notLinux = platform === "linux" ? undefined : "this is no Linux"

testUnless(notLinux, "what the system does not take is refused, and what it takes is not", () => {
  let [taken, refused] = [100_000, 8_000_000]
  while (refused - taken > 1) {
    const middle = Math.floor((taken + refused) / 2)
    if (isStarted(variables(middle))) taken = middle
    else refused = middle
  }
  // The system counts the program's path, and rounds.
  expect(isRefused(variables(taken - 64))).toBe(false)
  expect(isRefused(variables(refused + 64))).toBe(true)
})

testUnless(notLinux, "so it is with a single variable", () => {
  for (const size of [128 * 1024 - 2, 128 * 1024 - 1, 128 * 1024]) {
    const env = { V: "x".repeat(size - 2) }
    expect(isRefused(env), String(size)).toBe(!isStarted(env))
  }
})
