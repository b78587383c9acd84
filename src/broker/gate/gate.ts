import type { LiveValues } from "../live/live-values.js"
import { Passage } from "./passage.js"

/** What happens to a request that holds a value of the vault. */
export type GateMode = "off" | "redact" | "refuse"

/** That, by the kind of host that the request goes to. */
export interface GateModes {
  /** The hosts of those who run language models. */
  readonly models: GateMode
  readonly others: GateMode
}

/** What the gate decides by. */
interface GateTerms {
  /** The values that may not leave: all that this agent may read. */
  readonly live: LiveValues
  readonly modes: GateModes
  /** Tells the hosts of those who run language models (core's `modelHostTest`). */
  readonly isModel: (host: string) => boolean
}

/** Keeps the values of a vault from leaving in what programs send. */
export class Gate {
  readonly #terms: GateTerms

  constructor(terms: GateTerms) {
    this.#terms = terms
  }

  /**
   * For one request, or one connection of WebSocket, to a canonical host; `bound` are the names of
   * the secrets that a use sends there: their values pass.
   */
  towards(host: string, bound: ReadonlySet<string>): Passage {
    const { live, modes, isModel } = this.#terms
    const isModels = isModel(host)
    // The key of a model's provider belongs into a header, and not into the model's context.
    const meant = { inHead: bound, inContent: isModels ? new Set<string>() : bound }
    return new Passage(isModels ? modes.models : modes.others, host, live, meant)
  }
}
