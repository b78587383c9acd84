import { execFileSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setImmediate } from "node:timers/promises"
import { afterAll, beforeAll, expect, test } from "vitest"
import { change } from "../../../src/core/change/change.js"
import { VaultError } from "../../../src/core/words/errors.js"
import { type World, vaultWorld } from "../world.js"

let world: World
beforeAll(async () => {
  world = await vaultWorld()
})
afterAll(() => world.remove())

test("work that throws at once leaves no failure of git behind that nobody hears of", async () => {
  const [bin, done] = [join(world.folder, "bin"), join(world.folder, "asked")]
  const git = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim()
  mkdirSync(bin)
  // It fails where a change looks at the remote-tracking branches, as where the clone is gone.
  const script = `case "$*" in *for-each-ref*) touch "${done}"; exit 1;; esac\nexec "${git}" "$@"`
  writeFileSync(join(bin, "git"), `#!/bin/sh\n${script}\n`)
  chmodSync(join(bin, "git"), 0o755)
  const before = children()
  const unheard: unknown[] = []
  const hear = (reason: unknown): void => void unheard.push(reason)
  process.on("unhandledRejection", hear)
  const request = await world.with({ PATH: `${bin}:${process.env["PATH"] ?? ""}` }).request()
  try {
    const refused = change(request, () => {
      throw new VaultError("USAGE", "not so")
    })
    await expect(refused).rejects.toBeInstanceOf(VaultError)
    await expect.poll(() => existsSync(done)).toBe(true)
    await expect.poll(() => children()).toBeLessThanOrEqual(before)
    // What is to come of its end comes before.
    await setImmediate()
  } finally {
    process.off("unhandledRejection", hear)
  }
  expect(unheard).toEqual([])
})

/** How many children this process has. */
function children(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "ProcessWrap").length
}
