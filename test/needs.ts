import { existsSync } from "node:fs"
import { getuid } from "node:process"
import { test } from "vitest"

/**
 * A test that needs more than Node, Git and Python 3. `lack` says what is missing here, and how to
 * get it: then the test is skipped, with that in its title; in CI, or under
 * AGENT_VAULT_TESTS_STRICT, it fails.
 */
export function testUnless(
  lack: string | undefined,
  name: string,
  body: () => void | Promise<void>,
): void {
  test(lack === undefined ? name : `${name} (${lack})`, async ({ skip }) => {
    const isStrict = Boolean(process.env["CI"] ?? process.env["AGENT_VAULT_TESTS_STRICT"])
    if (lack !== undefined && isStrict) throw new Error(lack)
    skip(lack !== undefined, lack)
    await body()
  })
}

/** Why no other user can be acted as here, nor a disk mounted. */
export const noRoot = getuid?.() === 0 ? undefined : "needs root: run the tests as root"

/** Why nothing tells what a process holds and does. */
export const noProc = existsSync("/proc/self/io") ? undefined : "needs /proc, as Linux has"
