import { type Moment, type ServedVault, isVague } from "../../core/index.js"
import type { LiveValues } from "./live-values.js"

/** Keeps what is looked for as the vault is: also what is set, rotated or granted during a run. */
export class VaultValues {
  readonly #vault: Pick<ServedVault, "names" | "unseen">
  readonly #live: LiveValues
  #turn: Promise<unknown> = Promise.resolve()

  constructor(vault: Pick<ServedVault, "names" | "unseen">, live: LiveValues) {
    this.#vault = vault
    this.#live = live
  }

  /**
   * Learns what is new, which looks at the stamps of files while nothing is, at a `now` that others
   * look at too. One after the other: who comes second goes on once all of it is known. Resolves to the names of what could not be read.
   * Rejects as `unseen` does.
   */
  learn(now?: Moment): Promise<readonly string[]> {
    const learned = this.#turn.then(() => this.#learnNow(now))
    this.#turn = learned.catch(() => {})
    return learned
  }

  /** Of the secrets besides the run's, not those that stand in many texts by chance. */
  async #learnNow(now: Moment | undefined): Promise<readonly string[]> {
    const { reads, unread } = await this.#vault.unseen(now)
    const ofRun = new Set(this.#vault.names.map(({ full }) => full))
    for (const { name, value } of reads) {
      if (ofRun.has(name.full) || !isVague(value)) this.#live.learn(name.full, value)
      value.fill(0)
    }
    return unread
  }
}
