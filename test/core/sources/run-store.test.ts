import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { kill } from "node:process"
import { setTimeout as delay } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { findVault } from "../../../src/core/disk/place.js"
import { type Patience, runStore } from "../../../src/core/sources/run-store.js"
import { gone } from "../../gone.js"
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

const run = (path: string, patience?: Patience, top = world.top): Promise<Buffer> =>
  runStore(findVault(top), { ...world.env, PATH: `${path}:/bin:/usr/bin` }, "op", [], patience)

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

  test("from another work tree of the repository", async () => {
    const other = join(world.folder, "other-tree")
    world.git("worktree", "add", "-q", other)
    const inMain = program(join(world.top, "bin/op"), "echo value")
    await expect(run(dirname(inMain), {}, other)).rejects.toThrow("no program op on PATH")
    const inOther = program(join(other, "bin/op"), "echo value")
    await expect(run(dirname(inOther))).rejects.toThrow("no program op on PATH")
    expect([inMain, inOther].some((file) => existsSync(`${file}.ran`))).toBe(false)
  })

  test("from beside a vault that lies in no repository", async () => {
    const image = join(world.folder, "image")
    cpSync(join(world.top, ".agent-vault"), join(image, ".agent-vault"), { recursive: true })
    const file = program(join(image, "bin/op"), "echo value")
    await expect(run(dirname(file), {}, image)).rejects.toThrow("no program op on PATH")
    expect(existsSync(`${file}.ran`)).toBe(false)
  })
})

/** A program that starts another one, and tells its id; both hold the pipe. */
const starter = (then: string): string =>
  program(
    join(world.folder, "bin/op"),
    `sleep 600 &\necho $! > ${join(world.folder, "started")}\n${then}`,
  )
const started = (): number => Number(readFileSync(join(world.folder, "started"), "utf8"))

describe("a store's program", () => {
  test("has so long, and is ended with what it started", async () => {
    const file = starter("wait")
    await expect(run(dirname(file), { timeLimit: 2000 })).rejects.toThrow("op took longer than 2 s")
    await gone(started())
  })

  test("is ended when nobody waits any more", async () => {
    const file = starter("wait")
    const ending = new AbortController()
    const printed = run(dirname(file), { ended: ending.signal })
    while (!existsSync(join(world.folder, "started"))) await delay(5)
    ending.abort()
    await expect(printed).rejects.toThrow("op is not waited for any more")
    await gone(Number(readFileSync(`${file}.ran`, "utf8")))
    await expect(run(dirname(file), { ended: ending.signal })).rejects.toThrow("not waited for")
  })

  test.each([
    ["has said all of it", "head -c 3000000 /dev/zero", 3_000_000],
    ["has failed", "printf value; exit 3", "op ended with 3"],
  ])("%s when it ends, whatever still holds its output", async (_how, then, result) => {
    const file = starter(then)
    const printed = run(dirname(file), { timeLimit: 20_000 })
    await expect(
      printed.then(
        ({ length }) => length,
        (error: Error) => error.message,
      ),
    ).resolves.toBe(result)
    kill(started(), "SIGKILL")
  })

  test("of Google is told to write no log of what it prints", async () => {
    const file = program(
      join(world.folder, "bin/op"),
      "printf %s $CLOUDSDK_CORE_DISABLE_FILE_LOGGING",
    )
    expect((await run(dirname(file))).toString()).toBe("1")
  })
})
