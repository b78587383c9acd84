import { type Moment, type ServedVault, isVague } from "../../core/index.js"
import type { LiveValues } from "./live-values.js"

/** Hears which secrets of the agent are not looked for, damaged or too many. */
type OnUnsearched = (secrets: readonly string[]) => void

/** Keeps what is looked for as the vault is: also what is set, rotated or granted during a run. */
export class VaultValues {
  readonly #vault: Pick<ServedVault, "names" | "unseen">
  readonly #live: LiveValues
  #onUnsearched: OnUnsearched | undefined
  #turn: Promise<unknown> = Promise.resolve()

  /** `onUnsearched` hears, the first time, what could not be read. */
  constructor(
    vault: Pick<ServedVault, "names" | "unseen">,
    live: LiveValues,
    onUnsearched?: OnUnsearched,
  ) {
    this.#vault = vault
    this.#live = live
    this.#onUnsearched = onUnsearched
  }

  /**
   * Learns what is new, which looks at the stamps of files while nothing is, at a `now` that others
   * look at too. One after the other: who comes second goes on once all of it is known. Rejects as
   * `unseen` does.
   */
  learn(now?: Moment): Promise<void> {
    const learned = this.#turn.then(() => this.#learnNow(now))
    this.#turn = learned.catch(() => {})
    return learned
  }

  /** Resolves when nothing is being learned. */
  async settled(): Promise<void> {
    await this.#turn
  }

  /** Of the secrets besides the run's, not those that stand in many texts by chance. */
  async #learnNow(now: Moment | undefined): Promise<void> {
    const { reads, unread } = await this.#vault.unseen(now)
    const ofRun = new Set(this.#vault.names.map(({ full }) => full))
    for (const { name, value } of reads) {
      if (ofRun.has(name.full) || !isVague(value)) this.#live.learn(name.full, value)
      value.fill(0)
    }
    if (unread.length > 0) this.#onUnsearched?.(unread)
    this.#onUnsearched = undefined
  }
}
