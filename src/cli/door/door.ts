import type { Server } from "node:net"
import type { BrokeredVault, Environment, VaultError } from "../../core/index.js"
import type { Questions } from "../../questions/questions.js"
import type { Call } from "../parse/call.js"
import type { Terminal } from "../terminal/terminal.js"
import type { SecretRequest, Serving, WireReply } from "../../serving/serving.js"

/** What the guard is asked to look at. */
export type GuardSubject =
  | { readonly is: "staged" | "all" }
  | { readonly is: "range"; readonly range: string }
  | { readonly is: "push"; readonly remote: string; readonly lines: string }
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
      readonly explain: boolean
      readonly version: string
    },
  ): Promise<number>
  installGuard(
    request: GuardDoor & {
      readonly action: "install" | "uninstall" | "status"
      readonly prePush: boolean
      readonly json: boolean
      readonly program: readonly string[]
      readonly mayRun: (hook: string) => Promise<boolean>
    },
  ): Promise<number>
}

/** What is to be known of a program that runs isolated. */
export interface ProgramInside {
  /** Whether an absolute path leads into what the program does not see. */
  readonly hides: (path: Buffer) => boolean
  /** Variables that may be given in place of the user's own, known before it is which are. */
  readonly replaces: () => Promise<readonly string[]>
  /** What can be done while the program's network is made. */
  readonly meanwhile: () => void
  /** Takes the listener that comes out of the program's network. */
  readonly takeListener: (listener: Server) => Promise<void>
  /** What is answered then, for the program to begin; `variables` are lines of a shell. */
  readonly beginning: (variables: string) => string
  /** The program's process, by what was said on descriptor 4; undefined if there is none. */
  readonly programInside: (info: string) => number | undefined
  /** What is to be its descriptor 5 when it is started; to be closed then. */
  readonly openRefusedCalls: () => number
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
  /** Hears which secrets of the agent the gate does not look for, once that is known. */
  readonly onUnsearched: (secrets: readonly string[]) => void
  /** Hears of what is refused. */
  readonly onRefused: (error: VaultError) => void
}

/** The broker for programs elsewhere, as far as the commands know it. */
export interface ProxyDoor {
  prepareProxy(terms: ServedTerms): Promise<
    Omit<GivenBlind, "environment"> & {
      readonly serve: (
        places: {
          readonly listens:
            { readonly address: string; readonly port: number } | { readonly socket: string }
          readonly control: string
        },
        variables: ReadonlyMap<string, string>,
      ) => Promise<string>
      readonly close: () => void
    }
  >
  /** Whether somebody serves a socket. */
  isServed(path: string): Promise<boolean>
  offeredVariables(terms: {
    readonly control: string
    readonly at?: string | undefined
    readonly folder?: string | undefined
    readonly mount?: string | undefined
  }): Promise<Readonly<Record<string, string>>>
}

/** What a program is given that runs blind. */
export interface GivenBlind {
  /** The placeholder of each secret of the run that has a use. */
  readonly placeholders: ReadonlyMap<string, string>
  /** The catalogue's service of each of them that was taken from one. */
  readonly services: ReadonlyMap<string, string>
  /** The id of the access key in whose name each of them signs that signs for AWS. */
  readonly signers: ReadonlyMap<string, string>
  /** The secrets that are not given, each with why. */
  readonly leftOut: ReadonlyMap<string, string>
  readonly environment: Readonly<Record<string, string>>
}

/** A program that is to run blind: how it is started, and what it is given. */
export interface BlindRun {
  readonly wrap: (command: readonly string[]) => Promise<readonly string[]>
  /** Where it is isolated: then it can be started before it is known what it is given. */
  readonly inside?: ProgramInside | undefined
  readonly holds: string
  /** What it is given, made ready once. */
  readonly given: () => Promise<GivenBlind>
  /** To be called when it has begun. */
  readonly begun: () => void
  readonly close: () => Promise<void>
}

/** What isolates programs, once it was tried; undefined for those that are not to be. */
export type TriedIsolation = Promise<{ readonly program: string }> | undefined

/** The broker, as far as the commands know it. */
export interface BrokerDoor {
  /** What isolates programs here; or why nothing does, and how to get it. */
  findBubblewrap(
    env: Environment,
  ): Promise<{ readonly version: string } | { readonly missing: string; readonly hint: string }>
  /** Tries what isolates, on another core than this one. */
  tryIsolation(isolation: "auto" | "bwrap" | "none", env: Environment): TriedIsolation
  prepareBlind(
    request: ServedTerms & {
      readonly isolation: TriedIsolation
      readonly secretPlaces: {
        readonly folders: readonly string[]
        readonly files: readonly string[]
      }
      readonly preloads: boolean
    },
  ): BlindRun
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
  readonly wrap: (command: readonly string[]) => Promise<readonly string[]>
  readonly inside?: ProgramInside | undefined
  readonly holds: string
  readonly begun: () => void
  readonly steps: (command: readonly string[]) => readonly (Looked & { readonly step: string })[]
  readonly close: () => Promise<void>
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
    sending: Omit<SecretRequest, "secrets"> & {
      readonly vault: BrokeredVault
      readonly env: Environment
      readonly onUnsearched: (secrets: readonly string[]) => void
    },
  ) => Promise<WireReply>
}

/** The MCP server, as far as the command that starts it knows it. */
interface McpServer {
  serve(session: Serving & Pick<Terminal, "stdin" | "stdout">): Promise<void>
}

/** The MCP server over HTTP, as far as the command that starts it knows it. */
interface McpListener {
  listen(terms: {
    readonly address: string
    readonly port: number
    readonly token: string
    readonly session: () => Serving & { readonly close: () => Promise<void> }
  }): Promise<{ readonly url: string; readonly close: () => Promise<void> }>
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
