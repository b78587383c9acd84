import type { Writable } from "node:stream"
import type { AgentVault, AuditLine, Reveal, RevealTerms, Use, VaultError } from "../core/index.js"
import type { AccessAsked, SecretAsked } from "../core/owner.js"
import type { AskBy } from "../questions/question.js"
import type { ServedTerms } from "./blind-program.js"

/** What the server of one client gets from the command that starts it: whose vault, how strict. */
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
  /**
   * Sends requests with secrets. A person is asked through the client, if it can; what they agree to
   * for the session holds for one of these.
   */
  readonly sender: (
    byClient: AskBy,
  ) => (request: SecretRequest, call: CallMade) => Promise<WireReply>
  /** Notes in the audit what was refused before there was anything to send. */
  readonly noteRefused: (refusal: RefusedRequest, call: CallMade) => Promise<void>
  /** Writes what this agent asks of the owners. */
  readonly wishes: Wishes
  /**
   * Runs programs with secrets, where a person started the server so; else undefined. People are
   * asked as by the sender.
   */
  readonly runner?:
    | ((byClient: AskBy) => (program: SecretProgram, call: CallMade) => Promise<ProgramRun>)
    | undefined
  /** What this agent did, as the audit has it here; oldest first. */
  readonly auditLines: () => Promise<readonly AuditLine[]>
  /** How a program is run as this agent. */
  readonly runLine: () => RunLine
  /** Of this program. */
  readonly version: string
  /** For whoever looks after the server. */
  readonly stderr: Writable
  /** How long a person may think about a question, in milliseconds. */
  readonly patience?: number
}

/** Where a server listens, and for whom. */
export interface ListeningTerms {
  readonly address: string
  /** 0: any that is free. */
  readonly port: number
  /** What each request shows. */
  readonly token: string
  /** What one session works with, until it is closed. */
  readonly session: () => Serving & { readonly close: () => Promise<void> }
}

/** A server that listens. */
export interface ListeningServer {
  readonly url: string
  /** Ends all sessions. */
  readonly close: () => Promise<void>
}

/** A request that no rule allows. */
export interface RefusedRequest {
  readonly host: string
  readonly port: number
  readonly method: string
  /** Those that it names. */
  readonly secrets: readonly string[]
  /** Of the error. */
  readonly code: string
}

/** What an agent may ask of the owners, on behalf of a call. */
export interface Wishes {
  readonly access: (wish: AccessWished, call: CallMade) => Promise<AccessAsked>
  /**
   * Has the person enter a missing secret, and stores it; where no owner's key can, it becomes a wish.
   * Rejects with `ASK_REFUSED` where the person did not enter it.
   */
  readonly secret: (
    wish: SecretWished,
    call: CallMade,
    asking: { readonly byClient: AskBy; readonly signal: AbortSignal },
  ) => Promise<SecretGained>
}

/** A secret that an agent misses. */
interface SecretWished {
  readonly secret: string
  readonly why: string
  readonly service: string | undefined
  readonly push: boolean
}

/** What became of a missing secret. */
export type SecretGained =
  | { readonly is: "stored" }
  | {
      readonly is: "wished"
      readonly asked: SecretAsked
      /** Why nobody could enter it here. */
      readonly lack: string
      /** What an owner would type. */
      readonly line: string
    }

/** Access that an agent asks for. */
interface AccessWished {
  readonly groups: readonly string[]
  /** One line. */
  readonly why: string
  /** UTC; without it, for good. */
  readonly until: string | undefined
  readonly push: boolean
}

/** The call of a tool that work is done for, as the audit names it. */
export interface CallMade {
  /** The client's name. */
  readonly program: string | undefined
  /** The conversation, where the client or the protocol names one. */
  readonly session?: string | undefined
  readonly turn?: string | undefined
  /** As the client names it, else the id of the request that called. */
  readonly call: string
}

/** A request with secrets. */
export interface SecretRequest {
  /** The secrets that go with it. */
  readonly secrets: readonly string[]
  /** Writes it, with what stands for a secret where its value is to go. */
  readonly write: (placeholderOf: (secret: string) => string) => WireRequest
  /** The signature that it needs, where a rule signs. */
  readonly signs?: RequestSignature | undefined
  /** Bytes of the reply's body that are wanted. */
  readonly most: number
  readonly signal: AbortSignal
}

/** A request with placeholders, and whose secrets go with it: those of the vault's run. */
export interface OwnSending
  extends Omit<SecretRequest, "secrets">, Pick<ServedTerms, "vault" | "env" | "onUnsearched"> {}

/** A signature with a secret, as its rule says. */
export interface RequestSignature {
  readonly secret: string
  /** The rule that says how it signs, and where the signature goes. */
  readonly rule: Use
  /** Of AWS: `REGION/SERVICE`; undefined: as the host says. */
  readonly scope?: string | undefined
}

/** A request as it is sent, over https. */
export interface WireRequest {
  readonly method: string
  /** `HOST:PORT` */
  readonly authority: string
  /** Path and query, as they are sent. */
  readonly target: string
  /** Without those of framing: names and values. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
}

/** What came back, without values. */
export interface WireReply {
  readonly status: number
  /** Names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** If `isCut`, its beginning. */
  readonly body: Uint8Array
  readonly isCut: boolean
}

/** A program that is to run with secrets. */
export interface SecretProgram {
  /** A program, or a line for a shell if `isShell`. */
  readonly program: string
  /** What stands in braces in them, `{{GROUP/NAME}}`, becomes a placeholder. */
  readonly args: readonly string[]
  readonly isShell: boolean
  /** The secrets that go with it, each as its own variable or as this one. */
  readonly secrets: readonly { readonly secret: string; readonly variable?: string }[]
  readonly groups: readonly string[]
  /** Undefined: blind, where a rule says how one of them is used. */
  readonly mode: "blind" | "variables" | undefined
  /** A folder of the repository, from its top. */
  readonly cwd: string
  readonly stdin: string
  /** In ms. */
  readonly timeLimit: number
  /** Bytes of each of its streams that are wanted. */
  readonly most: number
  readonly signal: AbortSignal
}

/** How a program ended, and what it wrote, without values. */
export interface ProgramRun {
  readonly mode: "blind" | "variables"
  readonly end: { readonly code: number } | { readonly signal: string }
  /** Whether it was ended, since its time was up. */
  readonly isLate: boolean
  readonly stdout: ProgramOutput
  readonly stderr: ProgramOutput
  /** The variables that it was given, and which secret each is. */
  readonly variables: Readonly<Record<string, string>>
  /** The secrets that it was not given, each with why. */
  readonly without: Readonly<Record<string, string>>
  /** What was refused to it on the way, the first few. */
  readonly refused: readonly VaultError[]
  /** What keeps it from values, in a line; undefined if it was given them. */
  readonly holds?: string | undefined
}

/** What came on a stream; if `isCut`, its beginning. */
export interface ProgramOutput {
  readonly bytes: Uint8Array
  readonly isCut: boolean
}

/** How a command line begins that runs a program with secrets. */
export interface RunLine {
  /** For example `agent-vault run --agent ci`. */
  readonly line: string
  /** The environment variables that it needs of the shell, since no line may or can hold them. */
  readonly needs: readonly string[]
}
