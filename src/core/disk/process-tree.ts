import { spawnSync } from "node:child_process"
import { readFileSync, readdirSync } from "node:fs"
import { kill, env as ourEnvironment, platform } from "node:process"
import { steadyPath } from "./homes.js"

/** A process, as the system tells of it. */
interface Listed {
  readonly pid: number
  readonly parent: number
  /** Its session, or its group where the system does not tell that. */
  readonly session: number
}

/**
 * What came of a program that was started in a session of its own: all of that session, and all that
 * descends from the program or from one of those. What has left the session and lost its parent, as a
 * daemon does on purpose, is not found.
 */
export function processTree(root: number): readonly number[] {
  const all = platform === "linux" ? listedInProc() : listedByPs()
  const found = new Set(
    all.filter(({ pid, session }) => pid === root || session === root).map(({ pid }) => pid),
  )
  // Parents may come after their children in the list.
  for (let size = -1; size !== found.size;) {
    size = found.size
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid)
  }
  return [...found]
}

/** Sends a signal to what came of a program, but not to `spared`. */
export function signalTree(root: number, signal: NodeJS.Signals, spared?: number): void {
  if (platform === "win32") return endOnWindows(root)
  for (const pid of processTree(root)) {
    if (pid === spared) continue
    try {
      kill(pid, signal)
    } catch {
      // It has ended, or became another user's.
    }
  }
}

function listedInProc(): Listed[] {
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? inProc(Number(name)) : []))
}

function inProc(pid: number): Listed[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The program's name comes first, and may hold anything.
    const [state = "", parent, , session] = text.slice(text.lastIndexOf(")") + 2).split(" ")
    // One that has ended waits to be asked for its exit code only.
    return /[ZX]/.test(state) ? [] : [{ pid, parent: Number(parent), session: Number(session) }]
  } catch {
    return []
  }
}

function listedByPs(): Listed[] {
  const env = { PATH: steadyPath(ourEnvironment["PATH"]) }
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid=,pgid=,state="], {
    env,
    encoding: "utf8",
  })
  return (stdout ?? "").split("\n").flatMap((line) => {
    const [pid, parent, session, state = "Z"] = line.trim().split(/\s+/)
    return state.startsWith("Z")
      ? []
      : [{ pid: Number(pid), parent: Number(parent), session: Number(session) }]
  })
}

/** Windows has no signal that a program could act upon. */
function endOnWindows(root: number): void {
  spawnSync("taskkill", ["/PID", String(root), "/T", "/F"], { stdio: "ignore" })
}
