import { lookup } from "node:dns/promises"
import { networkInterfaces } from "node:os"
import { VaultError } from "../words/errors.js"
import { harmless } from "../words/harmless.js"
import { type AddressRange, type Needed, rangeOf } from "./ranges.js"
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
  const own = terms.ownAddresses()
  for (const address of addresses) {
    const special = specialOf(address, own)
    if (special && !suffices(special.needed, address, target, terms)) {
      throw refused(target, address, special.what, special.needed)
    }
  }
  return { target, addresses }
}

/**
 * Why a target that no use names is refused whatever else lets its host through, where its name tells
 * so: it is an address that is not the public internet's, or this machine's name.
 */
export function refusalAsWritten(target: Target): VaultError | undefined {
  const address = isOfThisMachine(target.host) ? LOOPBACK[0] : target.literal
  if (address === undefined) return undefined
  const special = specialOf(address, ownAddresses())
  return special && refused(target, address, special.what, special.needed)
}

/**
 * Asks the system, as programs here do: its hosts file, its name servers. A name under `localhost`
 * is this machine's, and nobody is asked (RFC 6761, section 6.3).
 */
export async function resolveAll(host: string): Promise<readonly string[]> {
  if (isOfThisMachine(host)) return LOOPBACK
  const answers = await lookup(host, { all: true })
  return answers.map(({ address }) => address)
}

/** The addresses of this machine's network interfaces, now. */
export function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((own = []) => own.map(({ address }) => address))
}

const LOOPBACK = ["127.0.0.1", "::1"] as const
const OWN = { what: "an address of this machine", needed: "host" } as const

function isOfThisMachine(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost")
}

function specialOf(
  address: string,
  own: readonly string[],
): Pick<AddressRange, "what" | "needed"> | undefined {
  return rangeOf(address) ?? (own.includes(address) ? OWN : undefined)
}

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
  return new VaultError("TARGET_REFUSED", subject, { hint: hintFor(target, needed) })
}

function hintFor(target: Target, needed: Needed): string {
  if (needed === "never") return "use an address of the public internet"
  const [what, named] =
    needed === "address"
      ? ["address", "ADDRESS"]
      : ["host", target.port === 443 ? target.host : hostPortOf(target)]
  return `if it is meant, an owner names this ${what}: agent-vault use GROUP/NAME --host ${named}`
}
