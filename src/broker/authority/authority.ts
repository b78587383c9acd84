import { generateKeyPairSync } from "node:crypto"
import { isIP } from "node:net"
import { type SecureContext, createSecureContext } from "node:tls"
import {
  authorityExtensions,
  certify,
  hostExtensions,
  type Issuer,
  type NameConstraints,
} from "./certificate.js"

const HOUR = 3_600_000
/** Clocks differ. */
const EARLIER = HOUR
const AUTHORITY_LASTS = 366 * 24 * HOUR
const LEAF_LASTS = 24 * HOUR
/** So many hosts at most are kept; a wildcard has any number. */
const MOST_KEPT = 1000

interface Leaf {
  readonly context: SecureContext
  readonly renewAt: number
}

/**
 * The certificate authority of one run. Its keys are in memory only, and it can sign for the hosts
 * of this run and no other, as far as a client can tell.
 *
 * Clients trust a root whose key is gone once it has signed the one authority below it. Both carry
 * the constraint, critically: Java does not look at that of a root (RFC 5280, section 6.2, leaves
 * it open), and looks at that of an authority below.
 */
export class Authority {
  /** The root, which clients are to trust. */
  readonly pem: string
  readonly #issuer: Issuer
  readonly #issuerPem: string
  readonly #leafKey: Omit<Issuer, "name">
  readonly #now: () => number
  readonly #leaves = new Map<string, Leaf>()

  private constructor(parts: {
    pem: string
    issuer: Issuer
    issuerPem: string
    leafKey: Omit<Issuer, "name">
    now: () => number
  }) {
    this.pem = parts.pem
    this.#issuer = parts.issuer
    this.#issuerPem = parts.issuerPem
    this.#leafKey = parts.leafKey
    this.#now = parts.now
  }

  /**
   * Makes the authority of a run. `hosts` are those of the uses, canonical: names, `*.` and a name,
   * addresses, each with a port or without. `now` is in milliseconds since 1970.
   */
  static make(hosts: readonly string[], now: () => number = Date.now): Authority {
    const root: Issuer = { name: "agent-vault, this run", ...newKey() }
    const issuer: Issuer = { name: "agent-vault, hosts of this run", ...newKey() }
    const constraints = constraintsOf(hosts)
    const validity = validFrom(now(), AUTHORITY_LASTS)
    const pem = certify(
      { subject: root, ...validity, extensions: authorityExtensions(1, constraints) },
      root,
    )
    const issuerPem = certify(
      { subject: issuer, ...validity, extensions: authorityExtensions(0, constraints) },
      root,
    )
    return new Authority({ pem, issuer, issuerPem, leafKey: newKey(), now })
  }

  /**
   * What a server at a host of this run proves itself with, for a day; made when it is first needed.
   * `host` as a target has it: a name, or an address, IPv6 in brackets.
   */
  contextFor(host: string): SecureContext {
    const kept = this.#leaves.get(host)
    if (kept && this.#now() < kept.renewAt) return kept.context
    if (this.#leaves.size >= MOST_KEPT) this.#leaves.clear()
    const context = this.#contextFor(host)
    this.#leaves.set(host, { context, renewAt: this.#now() + LEAF_LASTS / 2 })
    return context
  }

  #contextFor(host: string): SecureContext {
    const { publicKey, privateKey } = this.#leafKey
    const leaf = certify(
      {
        subject: { name: "agent-vault, a host of this run", publicKey },
        ...validFrom(this.#now(), LEAF_LASTS),
        extensions: hostExtensions(host.replace(/^\[|\]$/g, "")),
      },
      this.#issuer,
    )
    return createSecureContext({
      key: privateKey.export({ type: "pkcs8", format: "pem" }),
      cert: leaf + this.#issuerPem,
    })
  }
}

/** What the hosts of uses come to: a name permits what is below it too, so a wildcard is a name. */
function constraintsOf(hosts: readonly string[]): NameConstraints {
  const bare = hosts.map((host) =>
    isAddress(host) ? host : host.replace(/:\d+$/, "").replace(/^\*\.|^\[|\]$/g, ""),
  )
  const unique = [...new Set(bare)]
  return {
    names: unique.filter((host) => !isAddress(host)),
    addresses: unique.filter(isAddress),
  }
}

/** The first `isIP` of a process takes 4 ms, so it is asked of what has an address's characters. */
function isAddress(host: string): boolean {
  return /^[\d.:a-f]+$/i.test(host) && isIP(host) !== 0
}

function newKey(): Omit<Issuer, "name"> {
  return generateKeyPairSync("ec", { namedCurve: "prime256v1" })
}

function validFrom(now: number, lasts: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now - EARLIER), notAfter: new Date(now + lasts) }
}
