import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { build } from "esbuild"
import { sharedFolder } from "../folders.js"
import type { World } from "./world.js"

/** What became of a process. */
interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stderr: string
}

/** Runs changes in processes of their own, from one bundle of the sources as they are now. */
export class Processes {
  #bundle = ""

  /** The bundle is one for the whole run, and with it the code that V8 made of it. */
  async prepare(): Promise<void> {
    this.#bundle = join(await sharedFolder("one-change", bundled), BUNDLE)
  }

  /** Starts a change, in a process group of its own. */
  start(world: World, change: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    const preload = Object.keys(env).some((name) => name.startsWith("KILL_"))
      ? ["--import", join(import.meta.dirname, "kill-at.mjs")]
      : []
    const program = join(import.meta.dirname, "one-change.cjs")
    const args = [...preload, program, this.#bundle, world.folder, world.top, ...change]
    return spawn(process.execPath, args, {
      detached: true,
      env: { ...world.env, ...env },
      stdio: ["ignore", "ignore", "pipe"],
    })
  }

  /** Runs a change to its end. */
  run(world: World, change: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return ended(this.start(world, change, env))
  }
}

const BUNDLE = "one-change.bundle.cjs"

async function bundled(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "agent-vault-bundle-"))
  const outfile = join(folder, BUNDLE)
  await build({
    entryPoints: [join(import.meta.dirname, "one-change.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    define: { "import.meta.url": JSON.stringify(pathToFileURL(outfile).href) },
  })
  return folder
}

/** Waits for the end of a process. */
export function ended(child: ChildProcess): Promise<Ended> {
  let stderr = ""
  child.stderr?.on("data", (text: Buffer) => (stderr += text.toString("utf8")))
  return new Promise((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (code, signal) => resolve({ code, signal, stderr }))
  })
}

/** Does work for each item, so many at a time. */
export async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items]
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/** A PATH with a git that does something else first: `first` is a piece of shell. */
export function gitThat(world: World, first: string): string {
  const bin = join(world.folder, "bin")
  mkdirSync(bin)
  writeFileSync(join(bin, "git"), `#!/bin/sh\n${first}\nexec ${realGit()} "$@"\n`)
  chmodSync(join(bin, "git"), 0o755)
  return `${bin}:${process.env["PATH"] ?? ""}`
}

/** The git that the tests themselves run. */
export function realGit(): string {
  return spawnSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).stdout.trim()
}
