import type { Server } from "node:net"
import {
  type BoundSecret,
  type Environment,
  GENERAL_SHAPE,
  type ServedVault,
  type Use,
  VaultError,
  loadModelHosts,
  loadServices,
  readRoots,
} from "../core/index.js"
import { Authority } from "./authority/authority.js"
import { type TrustFiles, TrustFolder } from "./environment/trust-files.js"
import { Placeholders } from "./placeholder/placeholders.js"
import { newToken } from "./proxy/proxy-token.js"
import {
  type Broker,
  type BrokerRequest,
  type PreparedBroker,
  prepareBroker,
} from "./proxy/prepare-broker.js"

/** What a broker serves, how strictly, and who hears of it. */
export interface ServingTerms extends Omit<
  BrokerRequest,
  "placeholders" | "authority" | "roots" | "isModel" | "token" | "resolve" | "headTime"
> {
  readonly env: Environment
  /** An authority that the broker trusts besides the user's, and that no program is told of. PEM. */
  readonly ownRoot?: string | undefined
}

/** A broker that is ready, and serves once it is given where to listen. */
export interface ReadyBroker {
  readonly placeholders: Placeholders
  /** The secrets that can be used, and how. */
  readonly uses: ReadonlyMap<string, BoundSecret>
  /** The secrets that have no use, or may not be read now, each with why. */
  readonly leftOut: ReadonlyMap<string, string>
  /** Who proves the bound hosts to the programs of this run, PEM. */
  readonly authority: string
  /** The same and the user's roots, as files that are there once `start` has resolved. */
  readonly trust: TrustFiles
  /** What programs show to be let in: the password in the address of their proxy. */
  readonly token: string
  /** Does what `start` waits for. */
  readonly prepare: () => Promise<unknown>
  /** `isAlone`: nobody but the program can connect, so it need not show the token. */
  readonly start: (listener: number | Server, isAlone?: boolean) => Promise<Broker>
  /** Learns what must not be let through. A request that comes before waits for it. */
  readonly learn: () => void
  /** Ends it, if it was started, and removes its files. */
  readonly close: () => Promise<void>
}

/**
 * Makes placeholders, an authority and its files, in `trust`. Throws `USE_REFUSED` if no secret of
 * the run has a use, `NO_ACCESS`, and what opening the vault throws.
 */
export async function readyBroker(
  terms: ServingTerms,
  trust = new TrustFolder(readRoots(terms.env)),
): Promise<ReadyBroker> {
  const { vault, allowed, ownRoot = "" } = terms
  const bound = await vault.bound()
  const uses = usable(bound)
  const placeholders = await placeholdersFor(vault, uses)
  let made: Authority | undefined
  const authority = (): Authority => (made ??= Authority.make([...hostsOf(uses), ...allowed]))
  const token = newToken()
  const prepared = async (): Promise<PreparedBroker> => {
    trust.write(() => authority().pem)
    const { modelHostTest } = await loadModelHosts()
    const roots = `${trust.roots}\n${ownRoot}`
    const given = { placeholders, authority: authority(), roots, token }
    return prepareBroker({ ...terms, ...given, isModel: modelHostTest() })
  }
  let preparing: Promise<PreparedBroker> | undefined
  const prepare = (): Promise<PreparedBroker> => (preparing ??= prepared())
  const start = async (listener: number | Server, isAlone = false): Promise<Broker> => {
    const { listen } = await prepare()
    return listen(listener, isAlone)
  }
  const close = async (): Promise<void> => {
    trust.remove()
    await forget(vault, preparing)
  }
  return {
    placeholders,
    uses,
    leftOut: leftOutOf(bound),
    get authority() {
      return authority().pem
    },
    get trust() {
      return trust.files
    },
    token,
    prepare,
    start,
    learn: () => {
      // What it fails with, each request meets as well.
      prepare()
        .then((broker) => broker.learn())
        .catch(() => undefined)
    },
    close,
  }
}

/** Closes a vault, and the broker that is or will be prepared for it, with what it learned. */
async function forget(
  vault: ServedVault,
  preparing: Promise<PreparedBroker> | undefined,
): Promise<void> {
  const broker = await preparing?.catch(() => undefined)
  if (broker === undefined) vault.close()
  else await broker.close()
}

/** The hosts that uses name, as they name them. */
export function hostsOf(uses: ReadonlyMap<string, BoundSecret>): readonly string[] {
  return [...uses.values()].flatMap((each) => each.uses.flatMap((use) => use.hosts))
}

async function placeholdersFor(
  vault: ServedVault,
  uses: ReadonlyMap<string, BoundSecret>,
): Promise<Placeholders> {
  const { findService } = await loadServices()
  const shapeOf = ([use]: readonly Use[]): string =>
    (use?.service === undefined ? undefined : findService(use.service)?.placeholder) ??
    GENERAL_SHAPE
  const reads = await vault.values()
  const made = Placeholders.make(
    [...uses].map(([secret, each]) => ({ secret, shape: shapeOf(each.uses) })),
    reads.map(({ value }) => value),
  )
  for (const { value } of reads) value.fill(0)
  return made
}

function leftOutOf(bound: ReadonlyMap<string, BoundSecret>): ReadonlyMap<string, string> {
  const without = [...bound].filter(([, { uses }]) => uses.length === 0)
  return new Map(without.map(([name, { refusal }]) => [name, refusal?.message ?? "it has no use"]))
}

/** The secrets that have a use. Throws `USE_REFUSED` if none has. */
function usable(bound: ReadonlyMap<string, BoundSecret>): ReadonlyMap<string, BoundSecret> {
  const uses = new Map([...bound].filter(([, each]) => each.uses.length > 0))
  if (uses.size === 0) throw nothingToUse(bound)
  return uses
}

function nothingToUse(bound: ReadonlyMap<string, BoundSecret>): VaultError {
  const refused = [...bound.values()].find(({ refusal }) => refusal !== undefined)?.refusal
  if (refused !== undefined) return refused
  const [name = "GROUP/NAME"] = bound.keys()
  return new VaultError(
    "USE_REFUSED",
    "no secret of this run has a use, so nothing could be sent",
    {
      hint: `an owner says where it may go: agent-vault use ${name} SERVICE (see: agent-vault services)`,
    },
  )
}
