import type { Environment } from "../core/index.js"
import type { Call } from "./call.js"
import type { Terminal } from "./terminal.js"

/** What a command gets: its call, and what varies around it. */
export interface Door {
  readonly call: Call
  readonly terminal: Terminal
  readonly env: Environment
  readonly cwd: string
  readonly now: Date
}

/** A command: renders what core did, and returns the exit code if it is not 0. */
export type Command = (door: Door) => Promise<number | void>
