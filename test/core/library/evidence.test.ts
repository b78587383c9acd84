import { once } from "node:events"
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { build } from "esbuild"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { Evidence, gather, gatherAll, witness } from "../../../src/core/disk/evidence.js"
import { openVault } from "../../../src/core/index.js"
import { Moment } from "../../../src/core/disk/moment.js"
import { isSettled, stampOf } from "../../../src/core/disk/stamp.js"
import { readRegularFile } from "../../../src/core/disk/files.js"
import { listFolder, lookAt } from "../../../src/core/disk/at-path.js"
import { testWithStrace, trace, unescaped } from "../../attack/tracing.js"
import { type World, vaultWorld } from "../world.js"

let world: World

beforeAll(async () => {
  world = await vaultWorld()
})
afterAll(() => world.remove())

describe("what a read is decided upon", () => {
  /** Reads from files, with its evidence; and then from memory. `say` shows where it is. */
  const PROGRAM = `
    import { readFileSync } from "node:fs"
    import { setTimeout as sleep } from "node:timers/promises"
    import { Evidence, gather } from "./src/core/disk/evidence.ts"
    import { findVault, identityAt, openVault, parseSecretName, withVault } from "./src/core/index.ts"
    import { openSecret } from "./src/core/vault/read.ts"

    const env = process.env
    const dir = process.argv[2]
    const name = "stripe/api-key"
    const say = (where) => { try { readFileSync("/says/" + where) } catch {} }
    const vault = await openVault({ dir, agent: "ci" })
    const key = await identityAt(findVault(dir), { agent: "ci" }, "never", env, () => {})
    const fromFiles = () =>
      withVault(findVault(dir), key.trust, env, (open) =>
        openSecret(open, { key, name: parseSecretName(name), now: new Date() }))
    // The first read leaves marks, which the second finds.
    await vault.get(name)
    await sleep(200)
    await vault.get(name)
    const evidence = new Evidence()
    say("files")
    await gather(evidence, fromFiles)
    say("memory")
    await vault.get(name)
    say("end")
    console.log(JSON.stringify({ paths: evidence.paths, holds: evidence.holds() }))`

  interface Opened {
    readonly fromFiles: readonly string[]
    readonly fromMemory: readonly string[]
    readonly evidence: { readonly paths: readonly string[]; readonly holds: boolean }
  }

  /** The files that a program opened to read from files, and from memory. */
  async function opened(): Promise<Opened> {
    const program = join(world.folder, "reader.mjs")
    await build({
      stdin: { contents: PROGRAM, resolveDir: join(import.meta.dirname, "../../..") },
      bundle: true,
      platform: "node",
      format: "esm",
      outfile: program,
      banner: {
        js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url)',
      },
      logLevel: "error",
    })
    const { calls, stdout, stderr } = trace(world, [process.execPath, program, world.top])
    expect(stderr).toBe("")
    const paths = calls.flatMap((call) => {
      const [, path] = /openat\(AT_FDCWD, "([^"]*)"/.exec(unescaped(call)) ?? []
      return path === undefined ? [] : [path]
    })
    const between = (start: string, end: string): string[] =>
      paths.slice(paths.indexOf(`/says/${start}`) + 1, paths.indexOf(`/says/${end}`))
    return {
      fromFiles: between("files", "memory"),
      fromMemory: between("memory", "end"),
      evidence: JSON.parse(stdout) as Opened["evidence"],
    }
  }

  testWithStrace("is every file that it opens, and nothing is opened for memory", async () => {
    const { fromFiles, fromMemory, evidence } = await opened()
    for (const file of ["vault.json", "groups/stripe.json", "groups/stripe.age", "HEAD", "pin"]) {
      expect(fromFiles).toContainEqual(expect.stringContaining(file))
    }
    expect(fromFiles.filter((path) => !evidence.paths.includes(path))).toEqual([])
    expect(evidence.holds).toBe(true)
    expect(fromMemory).toEqual([])
  })
})

const path = (name: string): string => join(world.folder, name)

/** Looks at some paths, does something to one, and tells whether the evidence holds. */
async function holdsAfter(look: () => unknown, change: () => void): Promise<boolean> {
  const evidence = new Evidence()
  await gather(evidence, look)
  expect(evidence.holds()).toBe(true)
  change()
  return evidence.holds()
}

/** Whether a file that was changed at a time is settled so many milliseconds later. */
function settledAfter(changed: number, ms: number): boolean {
  return isSettled({ ...stampOf(world.folder), changed }, changed + ms)
}

/** Looks at two folders, and a file in them. */
const lookInside = (): unknown => {
  lookAt(path("room"))
  lookAt(path("room/inner"))
  return readRegularFile(path("room/inner/a"), 100)
}

const makeRoom = (): void => {
  rmSync(path("room"), { recursive: true, force: true })
  mkdirSync(path("room/inner"), { recursive: true })
  writeFileSync(path("room/inner/a"), "one")
}

/** Looks at a path in the next breath. */
async function lookLater(name: string): Promise<void> {
  await Promise.resolve()
  witness(path(name))
}

describe("evidence", () => {
  test("holds no more once a file is other, gone, or there", async () => {
    writeFileSync(path("a"), "one")
    const look = (): unknown => readRegularFile(path("a"), 100)
    expect(await holdsAfter(look, () => appendFileSync(path("a"), "!"))).toBe(false)
    expect(await holdsAfter(look, () => rmSync(path("a")))).toBe(false)
    expect(await holdsAfter(look, () => writeFileSync(path("a"), "two"))).toBe(false)
    expect(await holdsAfter(look, () => writeFileSync(path("beside"), ""))).toBe(true)
  })

  test("of a folder's entries: also once one came, went or was renamed", async () => {
    mkdirSync(path("folder"))
    const look = (): unknown => listFolder(path("folder"))
    expect(await holdsAfter(look, () => writeFileSync(path("folder/a"), ""))).toBe(false)
    expect(await holdsAfter(look, () => renameSync(path("folder/a"), path("folder/b")))).toBe(false)
    expect(await holdsAfter(look, () => rmSync(path("folder/b")))).toBe(false)
  })

  test("of a link that is followed: once its target is other", async () => {
    writeFileSync(path("target"), "one")
    symlinkSync(path("target"), path("link"))
    const look = (): unknown => readRegularFile(path("link"), 100, "link", "follow")
    expect(await holdsAfter(look, () => appendFileSync(path("target"), "!"))).toBe(false)
  })

  test("of a folder and what is in it: once another folder lies there", async () => {
    const changes: (() => void)[] = [
      () => renameSync(path("room"), path("moved")),
      () => renameSync(path("room/inner"), path("room/moved")),
      () => rmSync(path("room/inner/a")),
      () => {
        cpSync(path("room"), path("copy"), { recursive: true, preserveTimestamps: true })
        rmSync(path("room"), { recursive: true })
        symlinkSync(path("copy"), path("room"))
      },
    ]
    for (const change of changes) {
      makeRoom()
      expect(await holdsAfter(lookInside, change)).toBe(false)
    }
  })

  test("of a folder that is another one by the time that the file in it is looked at", async () => {
    for (const folder of ["swapped", "instead"]) {
      mkdirSync(path(folder))
      writeFileSync(path(`${folder}/a`), folder)
    }
    const evidence = new Evidence()
    await gather(evidence, () => {
      lookAt(path("swapped"))
      renameSync(path("swapped"), path("away"))
      symlinkSync(path("instead"), path("swapped"))
      readRegularFile(path("swapped/a"), 100)
    })
    expect(evidence.holds()).toBe(false)
  })

  test("of an empty folder: once it is gone, or another one", async () => {
    const look = (): unknown => [lookAt(path("alone")), readRegularFile(path("alone/none"), 100)]
    mkdirSync(path("alone"))
    expect(await holdsAfter(look, () => writeFileSync(path("alone/none"), ""))).toBe(false)
    rmSync(path("alone/none"))
    expect(await holdsAfter(look, () => renameSync(path("alone"), path("gone")))).toBe(false)
    mkdirSync(path("alone"))
    const another = (): void => {
      mkdirSync(path("other"))
      rmSync(path("alone"), { recursive: true })
      renameSync(path("other"), path("alone"))
    }
    expect(await holdsAfter(look, another)).toBe(false)
  })

  test("of a file that is looked at as itself and followed: once a link lies there", async () => {
    writeFileSync(path("head"), "one")
    const look = (): unknown => [lookAt(path("head")), lookAt(path("head"), "follow")]
    const linked = (): void => {
      renameSync(path("head"), path("head of old"))
      symlinkSync(path("head of old"), path("head"))
    }
    expect(await holdsAfter(look, linked)).toBe(false)
    const target = (): void => appendFileSync(path("head of old"), "!")
    expect(await holdsAfter(look, target)).toBe(false)
  })

  test("is of the first look: what changed between two looks is noticed", async () => {
    writeFileSync(path("twice"), "one")
    const evidence = new Evidence()
    await gather(evidence, () => {
      readRegularFile(path("twice"), 100)
      appendFileSync(path("twice"), "!")
      readRegularFile(path("twice"), 100)
    })
    expect(evidence.holds()).toBe(false)
  })

  test("of young files is not settled: their times may not tell", async () => {
    writeFileSync(path("young"), "")
    const evidence = new Evidence()
    await gather(evidence, () => readRegularFile(path("young"), 100))
    expect(evidence.isSettled()).toBe(false)
  })

  test("is young for longer on a disk that knows whole seconds only", () => {
    const written = Date.UTC(2026, 0, 1)
    expect([1_000, 2_000, 2_100].map((ms) => settledAfter(written, ms))).toEqual([
      false,
      false,
      true,
    ])
    expect([50, 100].map((ms) => settledAfter(written + 0.25, ms))).toEqual([false, true])
  })

  test("of one moment is looked at once, whatever it is of, until the moment ends", async () => {
    mkdirSync(path("shared"))
    writeFileSync(path("shared/a"), "one")
    symlinkSync(path("shared/a"), path("shared/link"))
    const looks = [
      () => listFolder(path("shared")),
      () => readRegularFile(path("shared/a"), 100),
      () => readRegularFile(path("shared/link"), 100, "link", "follow"),
    ]
    const all = looks.map(() => new Evidence())
    for (const [at, look] of looks.entries()) await gather<unknown>(all[at] ?? new Evidence(), look)
    const now = new Moment()
    const held = (): boolean[] => all.map((each) => each.holds(now))
    expect(held()).toEqual([true, true, true])
    appendFileSync(path("shared/a"), "!")
    // A link leads on: only what is at a path itself is looked at once.
    expect(held()).toEqual([true, true, false])
    now.end()
    expect(held()).toEqual([true, false, false])
    expect(held()).toEqual([true, false, false])
    writeFileSync(path("shared/b"), "")
    expect(held()).toEqual([false, false, false])
  })

  test("stays apart from that of work that goes on beside it", async () => {
    for (const gathered of [gather, gatherAll]) {
      const [one, other] = [new Evidence(), new Evidence()]
      await Promise.all([
        gather(one, () => lookLater("of-one")),
        gathered(other, () => lookLater("of-other")),
        lookLater("of-nobody"),
      ])
      expect([one.paths, other.paths]).toEqual([[path("of-one")], [path("of-other")]])
    }
  })

  test("of all that the process looks at has what is beside it, until its work ends", async () => {
    const all = new Evidence()
    await Promise.all([gatherAll(all, () => lookLater("own")), lookLater("of-others")])
    witness(path("later"))
    const failing = gatherAll(all, () => Promise.reject(new Error("work that failed")))
    await expect(failing).rejects.toThrow("work that failed")
    witness(path("after a failure"))
    expect(all.paths.toSorted()).toEqual([path("of-others"), path("own")])
    expect(all.mayBeKept()).toBe(true)
  })

  test.each([
    ["of all", gatherAll],
    ["apart", gather],
  ])("is not kept if others gathered beside it, %s; theirs is", async (_how, gathered) => {
    const [first, other] = [new Evidence(), new Evidence()]
    await Promise.all([
      gatherAll(first, () => lookLater("of-first")),
      gathered(other, () => lookLater("of-other")),
    ])
    expect(first.paths).toEqual([path("of-first"), path("of-other")])
    expect(other.paths).toEqual([path("of-other")])
    expect([first.mayBeKept(), other.mayBeKept()]).toEqual([false, true])
  })

  test("is not kept if a listing went on beside it, which looks at all there is", async () => {
    await using vault = await openVault({ dir: world.top, env: world.env, agent: "ci" })
    const first = await vi.waitFor(async () => {
      const evidence = new Evidence()
      await Promise.all([gatherAll(evidence, () => lookLater("own")), vault.list()])
      // What is young might be kept by nobody anyway.
      expect(evidence.isSettled()).toBe(true)
      return evidence
    }, 60_000)
    expect(first.mayBeKept()).toBe(false)
  })

  test("is gathered of the rest, when what began beside it has ended", async () => {
    const [one, other] = [new Evidence(), new Evidence()]
    const end = new AbortController()
    const long = gather(one, async () => {
      await once(end.signal, "abort")
      witness(path("late"))
    })
    await gather(other, () => witness(path("early")))
    end.abort()
    await long
    expect([one.paths, other.paths]).toEqual([[path("late")], [path("early")]])
  })
})
