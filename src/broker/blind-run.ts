import type { Server } from "node:net"
import { dirname } from "node:path"
import { clientEnvironment } from "./environment/client-environment.js"
import { fileBeside } from "./file-beside.js"
export { findBubblewrap } from "./isolate/bubblewrap.js"
import {
  type Bubblewrap,
  PORT_INSIDE,
  isolated,
  programInside,
  requireBubblewrap,
} from "./isolate/bubblewrap.js"
import { type Hidden, hiddenFrom } from "./isolate/hidden.js"
import { type ReadyBroker, type ServingTerms, readyBroker } from "./ready-broker.js"
import { isMachineBound, servedBy } from "./served-secrets.js"

/** What a program runs blind with. */
export interface BlindRequest extends ServingTerms {
  /** How it is kept from going round the broker; `auto` is what this system has. */
  readonly isolation: "auto" | "bwrap" | "none"
  /** Where keys are, and what this machine remembers. */
  readonly secretPlaces: Hidden
  /** Whether each Node that is started follows the broker by our preload. */
  readonly preloads: boolean
}

/** What is to be known of a program that is isolated. */
interface Inside {
  /** What can be done while its network is made. */
  readonly meanwhile: () => void
  /** Takes the listener that comes out of its network, before it begins. */
  readonly takeListener: (listener: Server) => Promise<void>
  /** Its process, by what was said on descriptor 4; undefined if there is none. */
  readonly programInside: (info: string) => number | undefined
}

/** A program that is to run blind: what it is given, and how it is started. */
export interface Blind {
  /** The placeholder of each secret of the run that has a use. */
  readonly placeholders: ReadonlyMap<string, string>
  /** The catalogue's service of each of them that was taken from one. */
  readonly services: ReadonlyMap<string, string>
  /** The secrets that are not given, each with why. */
  readonly leftOut: ReadonlyMap<string, string>
  readonly environment: Readonly<Record<string, string>>
  /** The command line that starts it. */
  readonly wrap: (command: readonly string[]) => readonly string[]
  /** Where it is isolated. */
  readonly inside?: Inside
  /** What holds, in a line for a person. */
  readonly holds: string
  readonly close: () => void
}

/**
 * Makes everything ready for a program to run blind; nothing is started yet but the broker. Throws
 * `ISOLATION_UNAVAILABLE`, `PORT_TAKEN`, and as {@link readyBroker} does.
 */
export async function prepareBlind(request: BlindRequest): Promise<Blind> {
  // It is tried on another core while this one makes the broker ready.
  const tried = request.isolation === "none" ? undefined : requireBubblewrap(request.env)
  tried?.catch(() => undefined)
  const ready = await readyBroker(request)
  try {
    const bubblewrap = await tried
    return bubblewrap === undefined
      ? await notIsolated(request, ready)
      : isolatedBy(bubblewrap, request, ready)
  } catch (error) {
    ready.close()
    throw error
  }
}

async function notIsolated(request: BlindRequest, ready: ReadyBroker): Promise<Blind> {
  const { port } = await ready.start(0)
  return {
    ...common(request, ready, port),
    wrap: (command) => command,
    holds: "not isolated: a program of the same user can go round the broker, and read key files",
  }
}

function isolatedBy(bubblewrap: Bubblewrap, request: BlindRequest, ready: ReadyBroker): Blind {
  const hidden = hiddenFrom(request.secretPlaces, request.env)
  // The temporary folder may be in one that is hidden.
  const view = { ...hidden, shown: [dirname(ready.trust.authority)] }
  const listenInside = fileBeside("listen-inside.cjs")
  return {
    ...common(request, ready, PORT_INSIDE),
    wrap: (command) => isolated(bubblewrap, listenInside, view, command),
    inside: {
      // What it fails with, the listener meets as well.
      meanwhile: () => void ready.prepare().catch(() => undefined),
      takeListener: async (listener) => {
        await ready.start(listener, true)
      },
      programInside,
    },
    holds: "isolated by bubblewrap: the broker is its only way out, and keys are hidden",
  }
}

function common({ env, preloads }: BlindRequest, ready: ReadyBroker, port: number) {
  const { uses, token, trust, leftOut, close } = ready
  const { names, ...served } = servedBy(ready)
  const wayOut = {
    proxy: `http://x:${token}@127.0.0.1:${port}`,
    trust,
    preload: preloads ? fileBeside("node-preload.cjs") : undefined,
    isLocalBound: isMachineBound(uses),
  }
  return {
    ...served,
    leftOut,
    environment: { ...names, ...clientEnvironment(wayOut, env) },
    close,
  }
}
