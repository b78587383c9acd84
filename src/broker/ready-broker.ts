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
import type { GateModes } from "./gate/gate.js"
import { Placeholders } from "./placeholder/placeholders.js"
import type { Agreements, Ask } from "./proxy/asking.js"
import { newToken } from "./proxy/proxy-token.js"
import { type Broker, type PreparedBroker, prepareBroker } from "./proxy/prepare-broker.js"
import type { ConnectionWatch } from "./proxy/connection-watch.js"

/** What a broker serves, and how strictly. */
export interface ServingTerms {
  readonly vault: ServedVault
  /** The user's own environment. */
  readonly env: Environment
  readonly unbound: "deny" | "tunnel"
  readonly allowed: readonly string[]
  readonly gate: GateModes
  readonly ask?: Ask | undefined
  /** Whose requests these are, for whoever is asked. */
  readonly who?: string | undefined
  /** What a person agreed to before, where that is to count; then `ask` is not looked at. */
  readonly agreements?: Agreements | undefined
  /** Hears of what is refused, as it is told to the program. */
  readonly onRefused?: ((error: VaultError) => void) | undefined
  /** Hears which secrets of the agent the gate does not look for, when it begins. */
  readonly onUnsearched?: ((secrets: readonly string[]) => void) | undefined
  /** An authority that the broker trusts besides the user's, and that no program is told of. PEM. */
  readonly ownRoot?: string | undefined
  /** Hears how far connections come. */
  readonly watch?: ConnectionWatch | undefined
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
  /** Learns what must not be let through, and the rest that `start` waits for: it can begin before. */
  readonly prepare: () => Promise<unknown>
  /** `isAlone`: nobody but the program can connect, so it need not show the token. */
  readonly start: (listener: number | Server, isAlone?: boolean) => Promise<Broker>
  /** Ends it, if it was started, and removes its files. */
  readonly close: () => void
}

/**
 * Makes placeholders, an authority and its files. Throws `USE_REFUSED` if no secret of the run has a
 * use, `NO_ACCESS`, and what opening the vault throws.
 */
export async function readyBroker(terms: ServingTerms): Promise<ReadyBroker> {
  const { vault, env, allowed, ownRoot = "" } = terms
  const bound = await vault.bound()
  const uses = new Map([...bound].filter(([, each]) => each.uses.length > 0))
  if (uses.size === 0) throw nothingToUse(bound)
  const placeholders = await placeholdersFor(vault, uses)
  const roots = readRoots(env)
  let made: Authority | undefined
  const authority = (): Authority => (made ??= Authority.make([...hostsOf(uses), ...allowed]))
  const trust = new TrustFolder(() => authority().pem, roots)
  const token = newToken()
  const { onUnsearched, ...others } = terms
  let broker: PreparedBroker | undefined
  const prepared = async (): Promise<PreparedBroker> => {
    trust.write()
    const { modelHostTest } = await loadModelHosts()
    const given = { placeholders, authority: authority(), roots: `${roots}\n${ownRoot}`, token }
    broker = await prepareBroker({ ...others, ...given, isModel: modelHostTest() })
    return broker
  }
  let preparing: Promise<PreparedBroker> | undefined
  const prepare = (): Promise<PreparedBroker> => (preparing ??= prepared())
  const start = async (listener: number | Server, isAlone = false): Promise<Broker> => {
    const { unsearched, listen } = await prepare()
    const listening = await listen(listener, isAlone)
    if (unsearched.length > 0) onUnsearched?.(unsearched)
    return listening
  }
  const close = (): void => {
    forget(vault, broker, preparing)
    trust.remove()
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
    close,
  }
}

/** Closes a vault, and the broker that is or will be prepared for it, with what it learned. */
function forget(
  vault: ServedVault,
  broker: PreparedBroker | undefined,
  preparing: Promise<PreparedBroker> | undefined,
): void {
  if (broker !== undefined) return broker.close()
  if (preparing === undefined) return vault.close()
  // What is still learned is forgotten when it is there.
  preparing.then(
    (late) => late.close(),
    () => vault.close(),
  )
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
