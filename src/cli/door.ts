import type { AgentVault, Environment, Reveal } from "../core/index.js"
import type { Call } from "./call.js"
import type { Terminal } from "./terminal.js"

/** The MCP server, as far as the command that starts it knows it. */
export interface McpServer {
  serve(session: {
    readonly vault: (client: string | undefined) => Promise<AgentVault>
    readonly reveal: Reveal
    readonly blind: boolean
    readonly runAs: () => string
    readonly version: string
    readonly stdin: Terminal["stdin"]
    readonly stdout: Terminal["stdout"]
    readonly stderr: Terminal["stderr"]
  }): Promise<void>
}

/** The other doors, which only the composition root may load. */
export interface OtherDoors {
  mcp(): Promise<McpServer>
}

/** What a command gets: its call, and what varies around it. */
export interface Door {
  readonly call: Call
  readonly others: OtherDoors
  readonly terminal: Terminal
  readonly env: Environment
  readonly cwd: string
  readonly now: Date
}

/** A command: renders what core did, and returns the exit code if it is not 0. */
export type Command = (door: Door) => Promise<number | void>
