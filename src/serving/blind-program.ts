// What the command asks of the broker, and what that makes for programs that run blind.
import type { Server } from "node:net"
import type { Environment, ServedVault, VaultError } from "../core/index.js"
import type { Questions } from "../questions/questions.js"

/** What the broker serves, and how strictly. */
export interface ServedTerms {
  readonly vault: ServedVault
  /** The user's own environment. */
  readonly env: Environment
  /** What happens to hosts that no use names: `tunnel` lets all through, untouched. */
  readonly unbound: "deny" | "tunnel"
  /** Hosts that are let through though no use names them, `HOST` or `HOST:PORT`. */
  readonly allowed: readonly string[]
  /** What happens to values of the vault in what programs send, by the kind of host. */
  readonly gate: {
    readonly models: "off" | "redact" | "refuse"
    readonly others: "off" | "redact" | "refuse"
  }
  /** Asks a person, where a rule wants that. */
  readonly ask: Questions["choose"]
  /** Whose requests these are, for whoever is asked: `claude, as the agent ci`. */
  readonly who: string
  /** Hears which secrets of the agent the gate does not look for, damaged or too many, once known. */
  readonly onUnsearched: (secrets: readonly string[]) => void
  /** Hears of what is refused, as it is told to the program. */
  readonly onRefused: (error: VaultError) => void
}

/** What is to keep a program from going round the broker. */
export type IsolationChoice = "auto" | "bwrap" | "none"

/** What a program may not see that runs isolated. */
export interface Hidden {
  /** Are empty there. */
  readonly folders: readonly string[]
  readonly files: readonly string[]
}

/** How a client is tried: as a program would run blind here. */
export interface TrialTerms {
  readonly env: Environment
  readonly isolation: IsolationChoice
  /** Where keys are, and what this machine remembers. */
  readonly secretPlaces: Hidden
  /** Whether each Node that is started follows the broker by our preload. */
  readonly preloads: boolean
}

/** What programs are given of the secrets that a broker serves. */
export interface ServedSecrets {
  /** The placeholder of each secret that has a use. */
  readonly placeholders: ReadonlyMap<string, string>
  /** The catalogue's service of each of them that was taken from one. */
  readonly services: ReadonlyMap<string, string>
  /** In whose name those sign that sign for AWS: ids of access keys, which are no secret. */
  readonly signers: ReadonlyMap<string, string>
  /** The secrets that are not given, each with why. */
  readonly leftOut: ReadonlyMap<string, string>
}

/** What a program is given that runs blind. */
export interface GivenBlind extends ServedSecrets {
  readonly environment: Readonly<Record<string, string>>
}

/** What is to be known of a program that runs isolated. */
export interface ProgramInside {
  /** Whether an absolute path leads into what the program does not see. */
  readonly hides: (path: Buffer) => boolean
  /** Variables that may be given in place of the user's own, known before it is which are. */
  readonly replaces: () => Promise<readonly string[]>
  /** What can be done while the program's network is made. */
  readonly meanwhile: () => void
  /** Takes the listener that comes out of the program's network, before it begins. */
  readonly takeListener: (listener: Server) => Promise<void>
  /** What is answered then, for the program to begin; `variables` are lines of a shell. */
  readonly beginning: (variables: string) => string
  /** The program's process, by what was said on descriptor 4; undefined if there is none. */
  readonly programInside: (info: string) => number | undefined
  /** What is to be its descriptor 5 when it is started; to be closed then. */
  readonly openRefusedCalls: () => number
}

/** A program that is to run blind: how it is started, and what it is given. */
export interface BlindRun {
  /** The command line that starts it. Rejects with `ISOLATION_UNAVAILABLE`. */
  readonly wrap: (command: readonly string[]) => Promise<readonly string[]>
  /** Where it is isolated: then it can be started before it is known what it is given. */
  readonly inside?: ProgramInside | undefined
  /** What holds, in a line for a person. */
  readonly holds: string
  /** What it is given, made ready once. Rejects with `PORT_TAKEN`, and with why nothing is served. */
  readonly given: () => Promise<GivenBlind>
  /** To be called when it has begun: it may as well begin before the broker knows all values. */
  readonly begun: () => void
  /** Also ends what is still made ready, when it is. */
  readonly close: () => Promise<void>
}

/** Where a listener is: a port of an address (0: any), or a socket in the file system. */
export type ListeningPlace =
  { readonly address: string; readonly port: number } | { readonly socket: string }

/** A proxy that is ready, and serves once it knows which variables its placeholders are. */
export interface ReadyProxy extends ServedSecrets {
  /**
   * Serves programs where it listens, and its own user, by the path of its control socket, with how
   * it is used. Returns `HOST:PORT`, or the path of its socket. Throws `PORT_TAKEN`, `NO_ACCESS`.
   */
  readonly serve: (
    places: { readonly listens: ListeningPlace; readonly control: string },
    variables: ReadonlyMap<string, string>,
  ) => Promise<string>
  readonly close: () => Promise<void>
}

/** How programs elsewhere see what a proxy offers. */
export interface OfferTerms {
  /** The control socket of the proxy. */
  readonly control: string
  /** `HOST:PORT` by which they reach it. */
  readonly at?: string | undefined
  /** The folder that the files are written into. */
  readonly folder?: string | undefined
  /** Where they find that folder. */
  readonly mount?: string | undefined
}

/** What was seen of something that is looked at, and how to mend it. */
export interface Looked {
  /** `unknown`: it did not come so far. */
  readonly is: "good" | "wrong" | "unknown"
  readonly saw: string
  readonly mend?: string
}

/** How a client did at one step of using a secret through the broker. */
export interface TrialStep extends Looked {
  readonly step: string
}

/** A client that is to be tried: what it is given, how it is started, and how it did. */
export interface ClientTrial
  extends
    Pick<BlindRun, "wrap" | "inside" | "holds" | "begun" | "close">,
    Pick<GivenBlind, "environment"> {
  /** What the client is to make a request to: `https://probe.localhost:PORT/…`. */
  readonly url: string
  /** `probe.localhost:PORT` */
  readonly host: string
  /** What it is to send as its key. */
  readonly placeholder: string
  /** How the client did until now; `command` is its command line. */
  readonly steps: (command: readonly string[]) => readonly TrialStep[]
}
