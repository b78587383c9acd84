import { KEY_LENGTH } from "./needles.js"

/** How often each byte of a stream may be compared. */
const TIMES = 8
/** So many comparisons at one place do not count: false alarms of the filter have fewer. */
const CHEAP = 4 * KEY_LENGTH

/**
 * What a search costs: where needles begin and break off at every place, each place would cost as
 * much again. Each byte that goes by pays for some comparisons.
 */
export class Effort {
  readonly #patience: number
  /** What was compared and is not paid for, up to a place of the stream. */
  #debt = 0
  #place = 0
  /** All that was compared. */
  compared = 0

  /** `patience`: how much may be compared that is not paid for. */
  constructor(patience: number) {
    this.#patience = patience
  }

  add(compared: number, place: number): void {
    this.compared += compared
    if (compared <= CHEAP) return
    this.#pay(place)
    this.#debt += compared
  }

  isTooMuch(place: number): boolean {
    if (this.#debt <= this.#patience) return false
    this.#pay(place)
    return this.#debt > this.#patience
  }

  #pay(place: number): void {
    this.#debt = Math.max(0, this.#debt - TIMES * (place - this.#place))
    this.#place = place
  }
}
