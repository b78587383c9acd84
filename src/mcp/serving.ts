import type { Writable } from "node:stream"
import type { AgentVault, Reveal, RevealTerms } from "../core/index.js"
import type { Choice } from "../questions/question.js"

/** What the server gets from the command that starts it: whose vault, how strict, which streams. */
export interface Serving {
  /**
   * The vault, for the client of this name. It is opened when a tool first needs it, and tried again
   * if that failed: a client shows what a tool answers, and hides why a server did not start. Core
   * asks `isAgreed` before it shows a value that needs a person's word.
   */
  readonly vault: (
    client: string | undefined,
    isAgreed: RevealTerms["isAgreed"],
  ) => Promise<AgentVault>
  /** The policy of secrets whose record has none, and of those that are less strict. */
  readonly reveal: Reveal
  /** Whether there is no tool that shows a value. */
  readonly blind: boolean
  /** How a program is run as this agent. */
  readonly runLine: () => RunLine
  /** Of this program. */
  readonly version: string
  readonly stdin: NodeJS.ReadableStream & { destroy(): unknown }
  readonly stdout: Writable
  readonly stderr: Writable
  /** How long a person may think about a question, in milliseconds. */
  readonly patience?: number
}

/** How a command line begins that runs a program with secrets. */
export interface RunLine {
  /** For example `agent-vault run --agent ci`. */
  readonly line: string
  /** The environment variables that it needs of the shell, since no line may or can hold them. */
  readonly needs: readonly string[]
}

/** What came of a question: a choice, or why there is none, in the client's words if it has any. */
export type Reply =
  | { readonly choice: Choice }
  | {
      readonly without: "unsupported" | "decline" | "cancel" | "timeout" | "failed"
      words?: string
    }

/** The program on the other side, and the person at it. */
export interface Client {
  /** As it calls itself. */
  readonly name: string | undefined
  /** Asks the person whether a value may be shown. Never rejects. */
  ask(question: string): Promise<Reply>
}
