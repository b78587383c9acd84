import { spawn } from "node:child_process"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { build } from "esbuild"
import { afterEach, describe, expect, test } from "vitest"
import { type AgentVault, type SecretChange, openVault } from "../../../src/core/index.js"
import { isMeant, watchVersions } from "../../../src/core/library/watch.js"
import { HANG } from "../../hang.js"
import { ended } from "../processes.js"
import { type World, vaultWorld } from "../world.js"

let world: World
let vault: AgentVault

afterEach(async () => {
  await vault.close()
  world.remove()
})

async function open(): Promise<void> {
  world = await vaultWorld()
  vault = await openVault({ dir: world.top, agent: "ci", env: world.env })
}

/** Watches in the background; `seen` grows, `end` tells how it ended. */
function watching(patterns: readonly string[], every = 20, signal?: AbortSignal) {
  const seen: string[] = []
  const options = signal === undefined ? { every } : { every, signal }
  const changes = vault.watch(patterns, options)
  const end = (async () => {
    for await (const { name, version, is } of changes) seen.push(`${name} ${version} ${is}`)
    return "ended"
  })().catch((error: unknown) => String((error as { code?: unknown }).code ?? error))
  return { seen, end }
}

/** Resolves when the watch that was begun last has looked: the same work, begun later, is done. */
async function isWatching(): Promise<void> {
  await vault.list()
}

describe("a watch", () => {
  test("sees changes, several at once, and each only once", async () => {
    await open()
    const { seen } = watching(["*"])
    await isWatching()
    await world.set("stripe/api-key", "new")
    await expect.poll(() => seen).toEqual(["stripe/api-key 2 set"])
    await world.set("stripe/webhook", "new")
    await world.set("stripe/third", "new")
    await world.set("stripe/third", "newer")
    await expect.poll(() => seen.at(-1)).toBe("stripe/third 2 set")
    expect(seen.filter((each) => each.startsWith("stripe/webhook"))).toEqual([
      "stripe/webhook 2 set",
    ])
  })

  test("looks of itself if nothing is said", async () => {
    await open()
    const changes = vault.watch(["stripe/*"])[Symbol.asyncIterator]()
    const next = changes.next()
    await isWatching()
    await world.set("stripe/api-key", "new")
    expect(await next).toEqual({
      done: false,
      value: { name: "stripe/api-key", version: 2, is: "set" },
    })
  })

  test("sees what goes, and what comes again", async () => {
    await open()
    const { seen } = watching(["stripe/webhook"])
    await isWatching()
    const files = ["age", "json"].map((end) => `.agent-vault/secrets/stripe/webhook.${end}`)
    for (const file of files) rmSync(join(world.top, file))
    await expect.poll(() => seen).toEqual(["stripe/webhook 1 gone"])
    world.git("checkout", "-q", "--", ".")
    await expect.poll(() => seen).toEqual(["stripe/webhook 1 gone", "stripe/webhook 1 set"])
  })

  test("sees no change in a rekey, a grant, or another value of no interest", async () => {
    await open()
    const { seen } = watching(["stripe/api-*"])
    await isWatching()
    const changes = [
      () => world.grant("deploy", "stripe"),
      () => world.revoke("deploy", "stripe"),
      () => world.set("stripe/webhook", "new"),
      () => world.set("stripe/api-key", "old"),
    ]
    const noticed: string[] = []
    for (const [at, change] of changes.entries()) {
      await change()
      // What it sees next is this: so it has looked, and saw no change before.
      await world.set(`stripe/api-${at}`, "another")
      noticed.push(`stripe/api-${at} 1 set`)
      await expect.poll(() => seen.length).toBe(noticed.length)
    }
    expect(seen).toEqual(noticed)
  })

  test("starts at the version that was read last, so that none is missed", async () => {
    await open()
    await vault.get("stripe/api-key")
    await world.set("stripe/api-key", "new")
    const { seen } = watching(["*"])
    await expect.poll(() => seen).toEqual(["stripe/api-key 2 set"])
  })

  test("starts when it is called, not when it is first asked", async () => {
    await open()
    const changes = vault.watch(["*"], { every: 20 })
    await isWatching()
    await world.set("stripe/api-key", "new")
    const { value } = (await changes[Symbol.asyncIterator]().next()) as { value: SecretChange }
    expect(value).toEqual({ name: "stripe/api-key", version: 2, is: "set" })
  })

  test("also tells of what may not be read", async () => {
    await open()
    await world.revoke("ci", "stripe")
    const { seen } = watching(["stripe/*"])
    await isWatching()
    await world.set("stripe/api-key", "new")
    await expect.poll(() => seen).toEqual(["stripe/api-key 2 set"])
  })
})

describe("a watch ends", () => {
  test("with its signal, also one that is aborted already", async () => {
    await open()
    const control = new AbortController()
    const { end } = watching(["*"], HANG, control.signal)
    await isWatching()
    control.abort()
    expect(await end).toBe("ended")
    expect(await watching(["*"], HANG, AbortSignal.abort()).end).toBe("ended")
    expect((await vault.get("stripe/api-key")).reveal()).toBe("old")
  })

  test("with close(), all of them at once", async () => {
    await open()
    const all = Array.from({ length: 20 }, () => watching(["*"], HANG).end)
    await isWatching()
    await vault.close()
    expect(new Set(await Promise.all(all))).toEqual(new Set(["ended"]))
  })

  test("with the error that a read would get", async () => {
    await open()
    const { end } = watching(["*"])
    await isWatching()
    writeFileSync(join(world.top, ".agent-vault/vault.json"), "{}")
    expect(await end).toBe("RECORD_INVALID")
  })

  test("at a break, and looks no more", async () => {
    await open()
    await vault.get("stripe/api-key")
    await world.set("stripe/api-key", "new")
    for await (const { name } of vault.watch(["*"], { every: 20 })) {
      expect(name).toBe("stripe/api-key")
      break
    }
    const looks = [0, 0]
    const watched = (at: number): AsyncIterable<SecretChange> => {
      const look = () => Promise.resolve(new Map([["a/b", (looks[at] = (looks[at] ?? 0) + 1)]]))
      return watchVersions(look, look(), 1, new AbortController().signal)
    }
    for await (const { version } of watched(0)) if (version === 3) break
    for await (const { version } of watched(1)) if (version === 10) break
    expect(looks).toEqual([3, 10])
  })

  test("quietly, if nobody ever asks it, whatever is wrong", async () => {
    await open()
    const unhandled: unknown[] = []
    const note = (error: unknown): number => unhandled.push(error)
    process.on("unhandledRejection", note)
    try {
      writeFileSync(join(world.top, ".agent-vault/vault.json"), "{}")
      vault.watch(["*"])
      // One that is asked, and begins later, fails later.
      expect(await watching(["*"]).end).toBe("RECORD_INVALID")
      await vault.close()
      vault.watch(["*"])
      expect(await watching(["*"]).end).toBe("CLOSED")
      await new Promise((resolve) => setImmediate(resolve))
      expect(unhandled).toEqual([])
    } finally {
      process.off("unhandledRejection", note)
    }
  })

  test("and lets the process end after close()", async () => {
    await open()
    const program = join(world.folder, "watcher.mjs")
    await build({
      stdin: {
        contents: `
          import { openVault } from "./src/core/index.ts"
          const vault = await openVault({ dir: process.argv[2], agent: "ci", pullEvery: "1h" })
          vault.watch(["*"])
          const watched = (async () => { for await (const change of vault.watch(["*"])) console.error(change) })()
          await vault.get("stripe/api-key")
          await vault.list()
          await vault.close()
          await watched`,
        resolveDir: join(import.meta.dirname, "../../.."),
      },
      bundle: true,
      platform: "node",
      format: "esm",
      outfile: program,
      banner: {
        js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url)',
      },
      logLevel: "error",
    })
    const child = spawn(process.execPath, [program, world.top], {
      env: { ...world.env },
      stdio: ["ignore", "ignore", "pipe"],
      timeout: HANG,
    })
    expect(await ended(child)).toEqual({ code: 0, signal: null, stderr: "" })
  })
})

test.each([
  ["stripe/api-key", ["stripe/api-key"], true],
  ["stripe/api-key", ["*"], true],
  ["stripe/api-key", ["stripe/*"], true],
  ["stripe/api-key", ["*key"], true],
  ["stripe/api-key", ["s*e/*-k*"], true],
  ["stripe/deep/api-key", ["stripe/*"], true],
  ["stripe/api-key", ["db/*", "stripe/*"], true],
  ["stripe/api-key", [], false],
  ["stripe/api-key", [""], false],
  ["stripe/api-key", ["stripe"], false],
  ["stripe/api-key", ["stripe/*x"], false],
  ["stripe/api-key", ["*y*y"], false],
  ["aa", ["a*aa"], false],
  ["stripe2/api-key", ["stripe/*"], false],
  ["stripe/api.key", ["stripe/api-key"], false],
  ["stripe/api-key", ["stripe/.*"], false],
])("%s is meant by %j: %j", (name, patterns, meant) => {
  expect(isMeant(name, patterns)).toBe(meant)
})
