import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { findVault } from "../../../src/core/disk/place.js"
import { runStore } from "../../../src/core/sources/run-store.js"
import { type World, vaultWorld } from "../world.js"

let world: World
beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.remove())

/** A program; it leaves a file beside it when it runs. */
function program(file: string, script: string): string {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `#!/bin/sh\necho $$ > ${file}.ran\n${script}\n`)
  chmodSync(file, 0o755)
  return file
}

const run = (path: string, timeLimit?: number): Promise<Buffer> =>
  runStore(
    findVault(world.top),
    { ...world.env, PATH: `${path}:/bin:/usr/bin` },
    "op",
    [],
    timeLimit,
  )

describe("a store's program does not run", () => {
  test("from a folder of the repository, however that is named", async () => {
    const file = program(join(world.top, "bin/op"), "echo value")
    const link = join(world.folder, "linked")
    symlinkSync(join(world.top, "bin"), link)
    for (const path of [dirname(file), "bin", link]) {
      await expect(run(path)).rejects.toThrow("there is no program op on PATH")
    }
    expect(existsSync(`${file}.ran`)).toBe(false)
  })

  test("from the repository by a link outside of it", async () => {
    const file = program(join(world.top, "op"), "echo value")
    const bin = join(world.folder, "bin")
    mkdirSync(bin)
    symlinkSync(file, join(bin, "op"))
    await expect(run(bin)).rejects.toThrow("there is no program op on PATH")
    expect(existsSync(`${file}.ran`)).toBe(false)
  })
})

test("a store's program has so long, and is ended", async () => {
  const file = program(join(world.folder, "bin/op"), "exec sleep 600")
  await expect(run(dirname(file), 100)).rejects.toThrow("op took longer than 0.1 s")
})
