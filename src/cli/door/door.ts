import type { AgentVault, Environment, Reveal, RevealTerms } from "../../core/index.js"
import type { Call } from "../parse/call.js"
import type { Terminal } from "../terminal/terminal.js"

/** The MCP server, as far as the command that starts it knows it. */
export interface McpServer {
  serve(session: {
    readonly vault: (
      client: string | undefined,
      isAgreed: RevealTerms["isAgreed"],
    ) => Promise<AgentVault>
    readonly reveal: Reveal
    readonly blind: boolean
    readonly runLine: () => { readonly line: string; readonly needs: readonly string[] }
    readonly version: string
    readonly stdin: Terminal["stdin"]
    readonly stdout: Terminal["stdout"]
    readonly stderr: Terminal["stderr"]
  }): Promise<void>
}

/** What the guard is asked to look at. */
export type GuardSubject =
  | { readonly is: "staged" | "all" }
  | { readonly is: "range"; readonly range: string }
  | { readonly is: "text"; readonly bytes: Uint8Array }
  | { readonly is: "paths"; readonly paths: readonly string[] }

/** Where the guard works, and whom it tells. */
interface GuardDoor {
  readonly cwd: string
  readonly env: Environment
  readonly write: (document: string) => Promise<void>
  readonly say: (line: string) => void
}

/** The guard, as far as the commands know it. Both resolve to an exit code. */
export interface Guard {
  guard(
    request: GuardDoor & {
      readonly subject: GuardSubject
      readonly form: "people" | "json" | "sarif" | "fingerprints"
      readonly version: string
    },
  ): Promise<number>
  installGuard(
    request: GuardDoor & {
      readonly action: "install" | "uninstall" | "status"
      readonly json: boolean
      readonly program: readonly string[]
      readonly mayRun: (hook: string) => Promise<boolean>
    },
  ): Promise<number>
}

/** The other doors, which only the composition root may load. */
export interface OtherDoors {
  mcp(): Promise<McpServer>
  guard(): Promise<Guard>
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
