import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname } from "node:path"
import { arch, getuid, platform } from "node:process"
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

/** The folder of the optional package with which `run` makes a terminal; undefined without it. */
export const pseudoTerminals = ((): string | undefined => {
  try {
    const { resolve } = createRequire(import.meta.url)
    return dirname(resolve(`@lydell/node-pty-${platform}-${arch}/package.json`))
  } catch {
    return undefined
  }
})()

/** Why `run` gives no program a terminal here. */
export const noPseudoTerminal =
  pseudoTerminals === undefined
    ? `needs @lydell/node-pty-${platform}-${arch}: npm ci, without --omit=optional`
    : undefined

/** Why a program cannot be tried here. */
export function withoutProgram(name: string, where = name): string | undefined {
  const { error } = spawnSync(name, ["--version"], { stdio: "ignore" })
  return error === undefined ? noPseudoTerminal : `needs ${where}`
}
