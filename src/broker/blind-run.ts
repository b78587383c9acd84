import type { Server } from "node:net"
import { dirname } from "node:path"
import { type Environment, readRoots } from "../core/index.js"
import { clientEnvironment, clientVariables } from "./environment/client-environment.js"
import { TrustFolder } from "./environment/trust-files.js"
import { fileBeside } from "./file-beside.js"
export { findBubblewrap } from "./isolate/bubblewrap.js"
import {
  type Bubblewrap,
  PORT_INSIDE,
  beginning,
  isolated,
  programInside,
  requireBubblewrap,
} from "./isolate/bubblewrap.js"
import { type Hidden, hiddenFrom, leadsInto } from "./isolate/hidden.js"
import { openRefusedCalls } from "./isolate/refused-calls.js"
import { type ReadyBroker, type ServingTerms, readyBroker } from "./ready-broker.js"
import {
  type ServedSecrets,
  isMachineBound,
  servableVariables,
  servedBy,
} from "./served-secrets.js"

/** A program that ends sooner has sent nothing, or has waited for what it sent to be looked at. */
const SOON_MS = 10

/** What a program runs blind with. */
export interface BlindRequest extends ServingTerms {
  /** What keeps it from going round the broker, as {@link tryIsolation} finds it. */
  readonly isolation: Promise<Bubblewrap> | undefined
  /** Where keys are, and what this machine remembers. */
  readonly secretPlaces: Hidden
  /** Whether each Node that is started follows the broker by our preload. */
  readonly preloads: boolean
}

/** What is to be known of a program that is isolated. */
interface Inside {
  /** Whether an absolute path leads into what it does not see. */
  readonly hides: (path: Buffer) => boolean
  /** Variables that may be given in place of the user's own, known before it is which are. */
  readonly replaces: () => Promise<readonly string[]>
  /** What can be done while its network is made. */
  readonly meanwhile: () => void
  /** Takes the listener that comes out of its network, before it begins. */
  readonly takeListener: (listener: Server) => Promise<void>
  /** What is answered then, for the program to begin; `variables` are lines of a shell. */
  readonly beginning: (variables: string) => string
  /** Its process, by what was said on descriptor 4; undefined if there is none. */
  readonly programInside: (info: string) => number | undefined
  /** What is to be its descriptor 5 when it is started; to be closed then. */
  readonly openRefusedCalls: () => number
}

/** What a program is given that runs blind. */
export interface BlindGiven extends ServedSecrets {
  /** The secrets that are not given, each with why. */
  readonly leftOut: ReadonlyMap<string, string>
  readonly environment: Readonly<Record<string, string>>
}

/** A program that is to run blind: how it is started, and what it is given. */
export interface Blind {
  /** The command line that starts it. Rejects with `ISOLATION_UNAVAILABLE`. */
  readonly wrap: (command: readonly string[]) => Promise<readonly string[]>
  /** Where it is isolated: then it can be started before it is known what it is given. */
  readonly inside?: Inside
  /** What holds, in a line for a person. */
  readonly holds: string
  /** What it is given, made ready once. Rejects with `PORT_TAKEN`, and as {@link readyBroker} does. */
  readonly given: () => Promise<BlindGiven>
  /** To be called when it has begun: it may as well begin before the broker knows all values. */
  readonly begun: () => void
  /** Also ends what is still made ready, when it is. */
  readonly close: () => Promise<void>
}

/** Tries what isolates programs, on another core than this one. */
export function tryIsolation(
  isolation: "auto" | "bwrap" | "none",
  env: Environment,
): Promise<Bubblewrap> | undefined {
  if (isolation === "none") return undefined
  const tried = requireBubblewrap(env)
  // Nobody may come to ask for it.
  tried.catch(() => undefined)
  return tried
}

/** Prepares a program to run blind; nothing is started yet. Throws `NO_ACCESS`. */
export function prepareBlind(request: BlindRequest): Blind {
  const trust = new TrustFolder(readRoots(request.env))
  let readying: Promise<ReadyBroker> | undefined
  const ready = (): Promise<ReadyBroker> => (readying ??= readyBroker(request, trust))
  let soon: NodeJS.Timeout | undefined
  const close = async (): Promise<void> => {
    clearTimeout(soon)
    try {
      const broker = await readying?.catch(() => undefined)
      await broker?.close()
    } finally {
      trust.remove()
    }
  }
  const { isolation } = request
  const how =
    isolation === undefined
      ? notIsolated(request, ready)
      : isolatedBy(isolation, request, ready, trust)
  const begun = (): void => {
    soon = setTimeout(() => {
      ready().then(
        (broker) => broker.learn(),
        () => undefined,
      )
    }, SOON_MS).unref()
  }
  return { ...how, begun, close }
}

function notIsolated(
  request: BlindRequest,
  ready: () => Promise<ReadyBroker>,
): Omit<Blind, "begun" | "close"> {
  const made = async (): Promise<BlindGiven> => {
    const broker = await ready()
    const { port } = await broker.start(0)
    return givenBy(request, broker, port)
  }
  let given: Promise<BlindGiven> | undefined
  return {
    wrap: (command) => Promise.resolve(command),
    holds: "not isolated: a program of the same user can go round the broker, and read key files",
    given: () => (given ??= made()),
  }
}

function isolatedBy(
  bubblewrap: Promise<Bubblewrap>,
  request: BlindRequest,
  ready: () => Promise<ReadyBroker>,
  trust: TrustFolder,
): Omit<Blind, "begun" | "close"> {
  let found: Hidden | undefined
  const hidden = (): Hidden => (found ??= hiddenFrom(request.secretPlaces, request.env))
  return {
    wrap: async (command) => {
      const means = await bubblewrap
      // The temporary folder may be in one that is hidden.
      const view = { ...hidden(), shown: [dirname(trust.files.authority)] }
      return isolated(means, fileBeside("listen-inside.cjs"), view, command)
    },
    inside: {
      hides: (path) => leadsInto(hidden(), path),
      replaces: async () => [...(await servableVariables()), ...clientVariables()],
      meanwhile: () => {
        // What it fails with, the listener meets as well.
        ready()
          .then((broker) => broker.prepare())
          .catch(() => undefined)
      },
      takeListener: async (listener) => {
        const broker = await ready()
        await broker.start(listener, true)
      },
      beginning,
      programInside,
      openRefusedCalls,
    },
    holds: "isolated by bubblewrap: the broker is its only way out, and keys are hidden",
    given: async () => givenBy(request, await ready(), PORT_INSIDE),
  }
}

function givenBy({ env, preloads }: BlindRequest, ready: ReadyBroker, port: number): BlindGiven {
  const { uses, token, trust, leftOut } = ready
  const wayOut = {
    proxy: `http://x:${token}@127.0.0.1:${port}`,
    trust,
    preload: preloads ? fileBeside("node-preload.cjs") : undefined,
    isLocalBound: isMachineBound(uses),
  }
  return { ...servedBy(ready), leftOut, environment: clientEnvironment(wayOut, env) }
}
