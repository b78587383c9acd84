import { dirname } from "node:path"
import { type Environment, readRoots } from "../core/index.js"
import type {
  BlindRun,
  GivenBlind,
  Hidden,
  IsolationChoice,
  TrialTerms,
} from "../serving/blind-program.js"
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
import { hiddenFrom, leadsInto } from "./isolate/hidden.js"
import { openRefusedCalls } from "./isolate/refused-calls.js"
import { type ReadyBroker, type ServingTerms, readyBroker } from "./ready-broker.js"
import { isMachineBound, servableVariables, servedBy } from "./served-secrets.js"

/** A program that ends sooner has sent nothing, or has waited for what it sent to be looked at. */
const SOON_MS = 10

/** What a program runs blind with. */
interface BlindRequest extends ServingTerms, Omit<TrialTerms, "env" | "isolation"> {
  /** What keeps it from going round the broker, as {@link tryIsolation} finds it. */
  readonly isolation: Promise<Bubblewrap> | undefined
}

/** Tries what isolates programs, on another core than this one. */
export function tryIsolation(
  isolation: IsolationChoice,
  env: Environment,
): Promise<Bubblewrap> | undefined {
  if (isolation === "none") return undefined
  const tried = requireBubblewrap(env)
  // Nobody may come to ask for it.
  tried.catch(() => undefined)
  return tried
}

/** Prepares a program to run blind; nothing is started yet. Throws `NO_ACCESS`. */
export function prepareBlind(request: BlindRequest): BlindRun {
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
): Omit<BlindRun, "begun" | "close"> {
  const made = async (): Promise<GivenBlind> => {
    const broker = await ready()
    const { port } = await broker.start(0)
    return givenBy(request, broker, port)
  }
  let given: Promise<GivenBlind> | undefined
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
): Omit<BlindRun, "begun" | "close"> {
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

function givenBy({ env, preloads }: BlindRequest, ready: ReadyBroker, port: number): GivenBlind {
  const { uses, token, trust } = ready
  const wayOut = {
    proxy: `http://x:${token}@127.0.0.1:${port}`,
    trust,
    preload: preloads ? fileBeside("node-preload.cjs") : undefined,
    isLocalBound: isMachineBound(uses),
  }
  return { ...servedBy(ready), environment: clientEnvironment(wayOut, env) }
}
