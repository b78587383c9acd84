import type { Server } from "node:net"
import type {
  AgentVault,
  AuditLine,
  BrokeredVault,
  Environment,
  Reveal,
  RevealTerms,
  VaultError,
} from "../../core/index.js"
import type { AccessAsked, AccessRequest, MissingSecret, SecretAsked } from "../../core/owner.js"
import type { AskBy } from "../../questions/question.js"
import type { Questions } from "../../questions/questions.js"
import type { Call } from "../parse/call.js"
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
  readonly most: number
  readonly signal: AbortSignal
}

/** What came back of it, without values. */
export interface SentReply {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
  readonly isCut: boolean
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
  | { readonly is: "stored"; readonly version: number }
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
  readonly wishes: WishesOfTools
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

/** What is to be known of a program that runs isolated. */
export interface ProgramInside {
  /** Takes the listener that comes out of the program's network; it begins when that is done. */
  readonly takeListener: (listener: Server) => Promise<void>
  /** The program's process, by what was said on descriptor 4; undefined if there is none. */
  readonly programInside: (info: string) => number | undefined
}

/** What the broker serves, and how strictly. */
export interface ServedTerms {
  readonly vault: BrokeredVault
  readonly env: Environment
  readonly unbound: "deny" | "tunnel"
  readonly allowed: readonly string[]
  readonly gate: {
    readonly models: "off" | "redact" | "refuse"
    readonly others: "off" | "redact" | "refuse"
  }
  readonly ask: Questions["choose"]
  /** Whose requests these are, for whoever is asked: `claude, as the agent ci`. */
  readonly who: string
  /** Hears which secrets of the agent the gate does not look for. */
  readonly onUnsearched: (secrets: readonly string[]) => void
  /** Hears of what is refused. */
  readonly onRefused: (error: VaultError) => void
}

/** The broker for programs elsewhere, as far as the commands know it. */
export interface ProxyDoor {
  prepareProxy(terms: ServedTerms): Promise<{
    readonly placeholders: ReadonlyMap<string, string>
    readonly services: ReadonlyMap<string, string>
    readonly leftOut: ReadonlyMap<string, string>
    readonly serve: (
      places: {
        readonly listens:
          { readonly address: string; readonly port: number } | { readonly socket: string }
        readonly control: string
      },
      variables: ReadonlyMap<string, string>,
    ) => Promise<string>
    readonly close: () => void
  }>
  /** Whether somebody serves a socket. */
  isServed(path: string): Promise<boolean>
  offeredVariables(terms: {
    readonly control: string
    readonly at?: string | undefined
    readonly folder?: string | undefined
    readonly mount?: string | undefined
  }): Promise<Readonly<Record<string, string>>>
}

/** A program that is to run blind: what it is given, and how it is started. */
export interface BlindRun {
  /** The placeholder of each secret of the run that has a use. */
  readonly placeholders: ReadonlyMap<string, string>
  /** The catalogue's service of each of them that was taken from one. */
  readonly services: ReadonlyMap<string, string>
  /** The secrets that are not given, each with why. */
  readonly leftOut: ReadonlyMap<string, string>
  readonly environment: Readonly<Record<string, string>>
  readonly wrap: (command: readonly string[]) => readonly string[]
  readonly inside?: ProgramInside | undefined
  readonly holds: string
  readonly close: () => void
}

/** The broker, as far as the commands know it. */
export interface BrokerDoor {
  /** What isolates programs here; or why nothing does, and how to get it. */
  findBubblewrap(
    env: Environment,
  ): { readonly version: string } | { readonly missing: string; readonly hint: string }
  prepareBlind(
    request: ServedTerms & {
      readonly isolation: "auto" | "bwrap" | "none"
      readonly secretPlaces: {
        readonly folders: readonly string[]
        readonly files: readonly string[]
      }
      readonly preloads: boolean
    },
  ): Promise<BlindRun>
}

/** What was seen of something that is looked at, and how to mend it. */
export interface Looked {
  readonly is: "good" | "wrong" | "unknown"
  readonly saw: string
  readonly mend?: string
}

/** A client that is to be tried with a request of ours, as far as the commands know it. */
export interface ClientTrial {
  readonly url: string
  readonly host: string
  readonly placeholder: string
  readonly environment: Readonly<Record<string, string>>
  readonly wrap: (command: readonly string[]) => readonly string[]
  readonly inside?: ProgramInside | undefined
  readonly holds: string
  readonly steps: (command: readonly string[]) => readonly (Looked & { readonly step: string })[]
  readonly close: () => void
}

/** The broker that tries a client, as far as the commands know it. */
export interface TrialDoor {
  prepareTrial(request: {
    readonly env: Environment
    readonly isolation: "auto" | "bwrap" | "none"
    readonly secretPlaces: {
      readonly folders: readonly string[]
      readonly files: readonly string[]
    }
    readonly preloads: boolean
  }): Promise<ClientTrial>
}

/** What sends requests of ours through the broker, as far as the commands know it. */
export interface OwnRequestsDoor {
  ownRequests(
    ask: Questions["choose"],
    who: string,
  ): (
    sending: Omit<RequestToSend, "secrets"> & {
      readonly vault: BrokeredVault
      readonly env: Environment
      readonly onUnsearched: (secrets: readonly string[]) => void
    },
  ) => Promise<SentReply>
}

/** The other doors, which only the composition root may load. */
export interface OtherDoors {
  mcp(): Promise<McpServer>
  mcpListener(): Promise<McpListener>
  guard(): Promise<Guard>
  broker(): Promise<BrokerDoor>
  proxy(): Promise<ProxyDoor>
  trial(): Promise<TrialDoor>
  ownRequests(): Promise<OwnRequestsDoor>
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
