import { type ChildProcess, type StdioOptions, spawn, spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { env as ourEnvironment, pid } from "node:process"
import { steadyPath } from "../../core/index.js"

export type { StdioOptions }

/** A shell that runs. */
export type ShellProcess = ChildProcess

const SH = "/bin/sh"
/** It does without a file that a variable may name, and keeps variables of any name. */
const BASH = "/bin/bash"
const NAME = /^[A-Za-z_]\w*$/

/**
 * The words that start a shell with this environment. Shells such as dash forget variables that they
 * could not have made, a function that Bash exported, for example.
 */
export function shellFor(env: Readonly<Record<string, string>>): readonly string[] {
  if (Object.keys(env).every((name) => NAME.test(name)) || !existsSync(BASH)) return [SH]
  return [BASH, "--posix"]
}

/** Starts a shell's program in a session of its own, which no key of our terminal reaches. */
export function startShell(
  program: string,
  args: readonly string[],
  options: {
    readonly shell?: readonly string[]
    readonly env?: Readonly<Record<string, string>>
    readonly stdio: StdioOptions
  },
): ShellProcess {
  const { shell = [SH], env = onlyPath(), stdio } = options
  const [file = SH, ...words] = shell
  return spawn(file, [...words, "-c", program, "sh", ...args], { env, stdio, detached: true })
}

/** Whether our group of processes is in front of its terminal, or has none. */
export function isInFront(): boolean {
  const [group, front] = groupAndFront()
  return front === undefined || front <= 0 || group === front
}

function groupAndFront(): (number | undefined)[] {
  try {
    // The name of the program, in brackets, may hold anything.
    const fields = readFileSync("/proc/self/stat", "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")
    return [Number(fields[2]), Number(fields[5])]
  } catch {
    const asked = spawnSync("ps", ["-o", "pgid=,tpgid=", "-p", String(pid)], {
      env: onlyPath(),
      encoding: "utf8",
    })
    return (asked.stdout ?? "").trim().split(/\s+/).map(Number)
  }
}

function onlyPath(): Record<string, string> {
  return { PATH: steadyPath(ourEnvironment["PATH"]) }
}
