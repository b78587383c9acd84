import type {
  AgentVault,
  AuditLine,
  Reveal,
  RevealTerms,
  Use,
  VaultError,
} from "../../core/index.js"
import type { AccessAsked, AccessRequest, MissingSecret, SecretAsked } from "../../core/owner.js"
import type { AskBy } from "../../questions/question.js"
import type { Terminal } from "../terminal/terminal.js"

/** A request with secrets, which a door sends itself. */
export interface RequestToSend {
  readonly secrets: readonly string[]
  readonly write: (placeholderOf: (secret: string) => string) => {
    readonly method: string
    readonly authority: string
    readonly target: string
    readonly headers: readonly (readonly [name: string, value: string])[]
    readonly body: Uint8Array
  }
  readonly signs?:
    { readonly secret: string; readonly rule: Use; readonly scope?: string | undefined } | undefined
  readonly most: number
  readonly signal: AbortSignal
}

/** A request that no rule allows, so that nothing is sent. */
export interface RequestRefused {
  readonly host: string
  readonly port: number
  readonly method: string
  readonly secrets: readonly string[]
  readonly code: string
}

/** What came back of it, without values. */
export interface SentReply {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
  readonly isCut: boolean
}

/** A program that a tool's call runs. */
export interface ProgramToStart {
  readonly program: string
  readonly args: readonly string[]
  readonly isShell: boolean
  readonly secrets: readonly { readonly secret: string; readonly variable?: string }[]
  readonly groups: readonly string[]
  readonly mode: "blind" | "variables" | undefined
  readonly cwd: string
  readonly stdin: string
  readonly timeLimit: number
  readonly most: number
  readonly signal: AbortSignal
}

/** How it ended, and what it wrote, without values. */
export interface ProgramEnded {
  readonly mode: "blind" | "variables"
  readonly end: { readonly code: number } | { readonly signal: string }
  readonly isLate: boolean
  readonly stdout: { readonly bytes: Uint8Array; readonly isCut: boolean }
  readonly stderr: { readonly bytes: Uint8Array; readonly isCut: boolean }
  readonly variables: Readonly<Record<string, string>>
  readonly without: Readonly<Record<string, string>>
  readonly refused: readonly VaultError[]
  readonly holds?: string | undefined
}

/** The call of a tool that work is done for, as the audit names it. */
export interface CallOfTool {
  readonly program: string | undefined
  readonly session?: string | undefined
  readonly turn?: string | undefined
  readonly call: string
}

/** A secret that the agent of a call misses. */
export interface SecretMissed extends Pick<MissingSecret, "secret" | "why" | "push"> {
  readonly service: string | undefined
}

/** What became of it. */
export type SecretFound =
  | { readonly is: "stored" }
  | {
      readonly is: "wished"
      readonly asked: SecretAsked
      readonly lack: string
      readonly line: string
    }

/** What an agent asks of the owners, for a call of a tool. */
export interface WishesOfTools {
  readonly access: (
    wish: Pick<AccessRequest, "groups" | "why" | "until" | "push">,
    call: CallOfTool,
  ) => Promise<AccessAsked>
  readonly secret: (
    wish: SecretMissed,
    call: CallOfTool,
    asking: { readonly byClient: AskBy; readonly signal: AbortSignal },
  ) => Promise<SecretFound>
}

/** What the MCP server of one client works with. */
export interface McpServing {
  readonly vault: (
    client: string | undefined,
    isAgreed: RevealTerms["isAgreed"],
  ) => Promise<AgentVault>
  readonly reveal: Reveal
  readonly blind: boolean
  readonly sender: (
    byClient: AskBy,
  ) => (request: RequestToSend, call: CallOfTool) => Promise<SentReply>
  readonly noteRefused: (refusal: RequestRefused, call: CallOfTool) => Promise<void>
  readonly wishes: WishesOfTools
  readonly runner?:
    | ((byClient: AskBy) => (program: ProgramToStart, call: CallOfTool) => Promise<ProgramEnded>)
    | undefined
  readonly auditLines: () => Promise<readonly AuditLine[]>
  readonly runLine: () => { readonly line: string; readonly needs: readonly string[] }
  readonly version: string
  readonly stderr: Terminal["stderr"]
}

/** The MCP server, as far as the command that starts it knows it. */
export interface McpServer {
  serve(session: McpServing & Pick<Terminal, "stdin" | "stdout">): Promise<void>
}

/** The MCP server over HTTP, as far as the command that starts it knows it. */
export interface McpListener {
  listen(terms: {
    readonly address: string
    readonly port: number
    readonly token: string
    readonly session: () => McpServing & { readonly close: () => Promise<void> }
  }): Promise<{ readonly url: string; readonly close: () => Promise<void> }>
}
