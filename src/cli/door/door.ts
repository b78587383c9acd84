import type { Environment } from "../../core/index.js"
import type { Call } from "../parse/call.js"
import type { Terminal } from "../terminal/terminal.js"
import type {
  BlindRun,
  ClientTrial,
  IsolationChoice,
  OfferTerms,
  ReadyProxy,
  ServedTerms,
  TrialTerms,
} from "../../serving/blind-program.js"
import type { GuardRequest, InstallRequest } from "../../serving/guarding.js"
import type {
  ListeningServer,
  ListeningTerms,
  OwnSending,
  Serving,
  WireReply,
} from "../../serving/serving.js"

/** The guard, as far as the commands know it. Both resolve to an exit code. */
interface Guard {
  guard(request: GuardRequest): Promise<number>
  installGuard(request: InstallRequest): Promise<number>
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
    request: ServedTerms & Omit<TrialTerms, "isolation"> & { readonly isolation: TriedIsolation },
  ): BlindRun
}

/** The broker that tries a client, as far as the commands know it. */
interface TrialDoor {
  prepareTrial(request: TrialTerms): Promise<ClientTrial>
}

/** What sends requests of ours through the broker, as far as the commands know it. */
interface OwnRequestsDoor {
  ownRequests(ask: ServedTerms["ask"], who: string): (sending: OwnSending) => Promise<WireReply>
}

/** The MCP server, as far as the command that starts it knows it. */
interface McpServer {
  serve(session: Serving & Pick<Terminal, "stdin" | "stdout">): Promise<void>
}

/** The MCP server over HTTP, as far as the command that starts it knows it. */
interface McpListener {
  listen(terms: ListeningTerms): Promise<ListeningServer>
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
