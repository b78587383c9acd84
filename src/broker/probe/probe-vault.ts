import { randomBytes } from "node:crypto"
import {
  type BoundSecret,
  type BrokerFacts,
  type ServedValue,
  type ServedVault,
  type Use,
  parseSecretName,
  parseUse,
  ruleFor,
} from "../../core/index.js"
import type { Sightings } from "./sightings.js"

/** The secret that clients are tried with. It is in no vault, and worth nothing anywhere. */
export const PROBE_SECRET = "agent-vault/probe"

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
/** Where clients put keys, and how they write them there. */
const PLACES: readonly (readonly [scheme: string, ...at: string[]])[] = [
  ["bearer", "header:authorization"],
  ["basic", "header:authorization"],
  ["raw", "header:authorization", "header:x-api-key", "header:x-goog-api-key", "query:key"],
]

/**
 * A vault that holds the one secret of a probe, made at random, in memory alone. Its rules let it go
 * to the probe's own service, wherever clients put keys.
 */
export class ProbeVault implements ServedVault {
  readonly names = [parseSecretName(PROBE_SECRET)]
  #isTold = false
  readonly #value = Buffer.from(`probe-value-${randomBytes(24).toString("hex")}`)
  readonly #uses: readonly Use[]
  readonly #seen: Pick<Sightings, "placed" | "refusals">

  /** `host` is the service, `NAME:PORT`. */
  constructor(host: string, seen: Pick<Sightings, "placed" | "refusals">) {
    this.#seen = seen
    this.#uses = PLACES.map(([scheme, ...at]) =>
      parseUse({ hosts: [host], methods: METHODS, paths: ["/", "/**"], at, scheme }),
    )
  }

  /** Whether a text holds the value. */
  isIn(text: string): boolean {
    return text.includes(this.#value.toString())
  }

  bound(): Promise<ReadonlyMap<string, BoundSecret>> {
    return Promise.resolve(new Map([[PROBE_SECRET, { uses: this.#uses }]]))
  }

  send(...[sendings]: Parameters<ServedVault["send"]>): Promise<readonly ServedValue[]> {
    for (const { sending, suits } of sendings) {
      const rule = ruleFor(this.#uses.filter(suits ?? (() => true)), sending)
      if (rule !== undefined) this.#seen.placed.push({ at: sending.at, scheme: rule.scheme })
    }
    return this.values()
  }

  values(): Promise<readonly ServedValue[]> {
    const value = Uint8Array.from(this.#value)
    return Promise.resolve(this.names.map((name) => ({ name, value })))
  }

  /** There is nothing else, and it never changes: what was told once is known. */
  async unseen(): Promise<{ reads: readonly ServedValue[]; unread: [] }> {
    const reads = this.#isTold ? [] : await this.values()
    this.#isTold = true
    return { reads, unread: [] }
  }

  /** No audit has a line of this: nothing of a vault is used. */
  note({ event, reason, host, port }: BrokerFacts): void {
    if (event !== "refused" || reason === undefined) return
    const to = host === undefined || port === undefined ? undefined : `${host}:${port}`
    this.#seen.refusals.push({ code: reason, to })
  }

  close(): void {
    this.#value.fill(0)
  }
}
