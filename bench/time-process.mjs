// Times processes for bench/run.mjs, which forks this before anything else. Linux copies the tables
// of a process's memory when it starts another one: out of a process that has grown by what it
// measured, each side of a ratio would take some 10 ms more, which flatters it.
import { spawnSync } from "node:child_process"
import { performance } from "node:perf_hooks"

/** @typedef {{ cwd?: string, env?: NodeJS.ProcessEnv, input?: string | Uint8Array }} Spawning */

process.on("message", (/** @type {[readonly string[], Spawning]} */ [argv, options]) => {
  const [file = "", ...args] = argv
  const start = performance.now()
  const { status, stderr, error } = spawnSync(file, args, { ...options, maxBuffer: 1 << 28 })
  const time = performance.now() - start
  process.send?.(status === 0 ? { time } : { failed: `${error ?? stderr.toString()}` })
})
