import { lookup } from "node:dns/promises"
import { networkInterfaces } from "node:os"
import { VaultError } from "../words/errors.js"
import { harmless } from "../words/harmless.js"
import { type Needed, rangeOf } from "./ranges.js"
import { hostPortOf, type Target } from "./target.js"

/** All addresses of a name, each as text. Rejects as `node:dns` does. */
export type Resolve = (host: string) => Promise<readonly string[]>

/** What vetting depends on. */
export interface VettingTerms {
  readonly resolve: Resolve
  /** Whether a signed use names this very host and port, without a wildcard. */
  readonly isNamed: (target: Target) => boolean
  /** The addresses of this machine, public ones too. */
  readonly ownAddresses: () => readonly string[]
}

/** A target whose addresses were all vetted. Only these are dialled; no name is looked up again. */
export interface Vetted {
  readonly target: Target
  /** At least one, in the order of the answers. */
  readonly addresses: readonly string[]
}

/**
 * Looks at every address that the target has. One address that is refused refuses the target, so
 * that an answer cannot hide among others.
 * Throws `TARGET_REFUSED`, or `UPSTREAM_UNREACHABLE` if the name has no address.
 */
export async function vet(target: Target, terms: VettingTerms): Promise<Vetted> {
  const addresses =
    target.literal === undefined ? await answersFor(target, terms.resolve) : [target.literal]
  const own = new Set(terms.ownAddresses())
  for (const address of addresses) {
    const special = rangeOf(address) ?? (own.has(address) ? OWN : undefined)
    if (special && !suffices(special.needed, address, target, terms)) {
      throw refused(target, address, special.what, special.needed)
    }
  }
  return { target, addresses }
}

/**
 * Asks the system, as programs here do: its hosts file, its name servers. A name under `localhost`
 * is this machine's, and nobody is asked (RFC 6761, section 6.3).
 */
export async function resolveAll(host: string): Promise<readonly string[]> {
  if (host === "localhost" || host.endsWith(".localhost")) return ["127.0.0.1", "::1"]
  const answers = await lookup(host, { all: true })
  return answers.map(({ address }) => address)
}

/** The addresses of this machine's network interfaces, now. */
export function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((own = []) => own.map(({ address }) => address))
}

const OWN = { what: "an address of this machine", needed: "host" } as const

function suffices(needed: Needed, address: string, target: Target, terms: VettingTerms): boolean {
  if (needed === "never") return false
  if (needed === "address" && target.literal !== address) return false
  return terms.isNamed(target)
}

async function answersFor(target: Target, resolve: Resolve): Promise<readonly string[]> {
  let addresses: readonly string[] = []
  let cause: unknown
  try {
    addresses = await resolve(target.host)
  } catch (error) {
    cause = error
  }
  if (addresses.length > 0) return addresses
  throw new VaultError("UPSTREAM_UNREACHABLE", `${target.host} has no address`, {
    hint: "check the name, and that this machine can look names up",
    cause,
  })
}

function refused(target: Target, address: string, what: string, needed: Needed): VaultError {
  const subject =
    target.literal === undefined
      ? `${hostPortOf(target)} is refused: its address ${harmless(address)} is ${what}`
      : `${hostPortOf(target)} is refused: it is ${what}`
  return new VaultError("TARGET_REFUSED", subject, { hint: HINTS[needed] })
}

const HINTS: Readonly<Record<Needed, string>> = {
  host: "if it is meant, an owner names this host: agent-vault use GROUP/NAME --host HOST",
  address: "if it is meant, an owner names this address: agent-vault use GROUP/NAME --host ADDRESS",
  never: "use an address of the public internet",
}
