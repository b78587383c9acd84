import type { IncomingMessage } from "node:http"
import { type BrokerFacts, type ServedVault, VaultError, type Target } from "../../core/index.js"
import type { Passage } from "../gate/passage.js"
import type { Hop } from "./listener.js"

/** What is noted of one request, besides the line before its values leave, which core writes. */
export interface RequestNote {
  /** Counts the requests of a run from 1. */
  readonly number: number
  /** What came back of a request that got values of these secrets. */
  readonly result: (secrets: readonly string[], status: number | undefined) => void
  readonly refused: (error: VaultError, secrets: readonly string[]) => void
  /** Whose values were in what the program sent, and did not belong there. */
  readonly gate: (passage: Pick<Passage, "found" | "mode">, refusal?: VaultError) => void
  /** What a person said who was asked about it: `once`, `session`, `no`, `no-more`, `unanswered`. */
  readonly asked: (secret: string, answer: string) => void
}

/** What the broker notes in the audit. */
export class Notes {
  readonly #vault: Pick<ServedVault, "note">
  readonly #onRefused: (error: VaultError) => void
  #requests = 0

  constructor(vault: Pick<ServedVault, "note">, onRefused = (_error: VaultError): void => {}) {
    this.#vault = vault
    this.#onRefused = onRefused
  }

  ofRequest({ target }: Hop, { method }: IncomingMessage): RequestNote {
    this.#requests += 1
    const request = this.#requests
    const facts = { ...placeOf(target), method, request }
    return {
      number: request,
      result: (secrets, status) => {
        const result = { ...facts, event: "result", secrets: named(secrets), status } as const
        if (secrets.length > 0) this.#note(result)
      },
      refused: (error, secrets) => {
        this.#onRefused(error)
        const { code } = error
        const refused = { event: "refused", decision: "refused", reason: code } as const
        this.#note({ ...facts, ...refused, secrets: named(secrets) })
      },
      gate: ({ found, mode }, refusal) => {
        const isRefused = mode === "refuse" || refusal?.code === "GATE_REFUSED"
        const decision = isRefused ? "refused" : "redacted"
        const secrets = named([...found].toSorted())
        if (found.size > 0) this.#note({ ...facts, event: "gate", decision, secrets })
      },
      asked: (secret, answer) => {
        const isYes = answer === "once" || answer === "session"
        const asked = { event: "asked", decision: isYes ? "allowed" : "refused" } as const
        this.#note({ ...facts, ...asked, secrets: named([secret]), reason: answer })
      },
    }
  }

  /** A connection that was not let through. */
  refused(error: VaultError, target: Target | undefined): void {
    this.#onRefused(error)
    const { code } = error
    const where = target === undefined ? {} : placeOf(target)
    this.#note({ ...where, event: "refused", decision: "refused", reason: code })
  }

  /** A connection that nobody looks into. Throws `AUDIT_UNWRITABLE`. */
  tunnel(target: Target): void {
    this.#vault.note({ ...placeOf(target), event: "tunnel", decision: "allowed" })
  }

  /** Nothing leaves by these, so what cannot be noted stops nothing; the next value it does. */
  #note(facts: BrokerFacts): void {
    try {
      this.#vault.note(facts)
    } catch (error) {
      if (!VaultError.is(error, "AUDIT_UNWRITABLE")) throw error
    }
  }
}

function placeOf({ host, port }: Target): { host: string; port: number } {
  return { host, port }
}

function named(secrets: readonly string[]): { name: string }[] | undefined {
  return secrets.length === 0 ? undefined : secrets.map((name) => ({ name }))
}
