import type { BrokeredVault, Environment, VaultError } from "../../core/index.js"
import type { Questions } from "../../questions/questions.js"
import type { Call } from "../parse/call.js"
import type { Terminal } from "../terminal/terminal.js"
import type {
  BlindRun,
  ClientTrial,
  Hidden,
  IsolationChoice,
  OfferTerms,
  ReadyProxy,
} from "../../serving/blind-program.js"
import type { GuardRequest, InstallRequest } from "../../serving/guarding.js"
import type { SecretRequest, Serving, WireReply } from "../../serving/serving.js"

/** The guard, as far as the commands know it. Both resolve to an exit code. */
interface Guard {
  guard(request: GuardRequest): Promise<number>
  installGuard(request: InstallRequest): Promise<number>
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
  prepareProxy(terms: ServedTerms): Promise<ReadyProxy>
  /** Whether somebody serves a socket. */
  isServed(path: string): Promise<boolean>
  offeredVariables(terms: OfferTerms): Promise<Readonly<Record<string, string>>>
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
  tryIsolation(isolation: IsolationChoice, env: Environment): TriedIsolation
  prepareBlind(
    request: ServedTerms & {
      readonly isolation: TriedIsolation
      readonly secretPlaces: Hidden
      readonly preloads: boolean
    },
  ): BlindRun
}

/** The broker that tries a client, as far as the commands know it. */
interface TrialDoor {
  prepareTrial(request: {
    readonly env: Environment
    readonly isolation: IsolationChoice
    readonly secretPlaces: Hidden
    readonly preloads: boolean
  }): Promise<ClientTrial>
}

/** What sends requests of ours through the broker, as far as the commands know it. */
interface OwnRequestsDoor {
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
