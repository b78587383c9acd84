import { spawn } from "node:child_process"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { expect } from "vitest"
import type { Machine } from "./machine.js"

const driver = fileURLToPath(new URL("terminal.py", import.meta.url))

/**
 * What must have appeared, and what is typed then, or done, or waited for: first what the group of a pattern found
 * there.
 */
export type Steps = readonly (readonly [
  appeared: string,
  typed:
    | string
    | { readonly size: readonly [rows: number, columns: number] }
    | { readonly signal: NodeJS.Signals }
    | { readonly makes: string }
    | { readonly awaits: string },
  pattern?: string,
])[]

/** What a terminal was sent, and how the command ended. */
export interface Seen {
  readonly shown: string
  readonly code: number
  readonly restored: boolean
}

/** Runs the built command at a terminal, and types. */
export async function atTerminal(
  at: Machine,
  argv: readonly string[],
  steps: Steps = [],
  more: {
    env?: NodeJS.ProcessEnv
    cwd?: string
    stdin?: string
    stderr?: string
    /** Whether others put the terminal back when the command has ended. */
    outlived?: boolean
    size?: readonly [rows: number, columns: number]
    /** What is started in place of the built command. */
    program?: readonly string[]
  } = {},
): Promise<Seen> {
  const env = { ...at.env, TERM: "xterm", ...more.env }
  const { program = ["agent-vault"], ...others } = more
  const job = { cwd: at.repo, ...others, argv: [...program, ...argv], steps, env }
  const python = spawn("python3", ["-S", driver], { stdio: ["pipe", "pipe", "inherit"] })
  python.stdin.end(JSON.stringify(job))
  const seen = JSON.parse(await text(python.stdout)) as Seen
  expect(seen.restored, seen.shown).toBe(true)
  return seen
}

/** What the terminal shows, without the codes that mark a paste. */
export function plain({ shown }: Seen): string {
  return shown.replaceAll("\u001b[?2004h", "").replaceAll("\u001b[?2004l", "")
}
