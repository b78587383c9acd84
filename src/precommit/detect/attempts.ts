import type { Rule } from "./rules.js"

/**
 * How often a rule may fail within so many characters. No honest text comes near; without a limit,
 * a text made for it could keep the expensive rules busy for minutes. A match that turns out to be
 * no secret counts twice: looking at it takes longer than the pattern.
 */
const FAILURES = 160
const STRETCH = 4096

/** How often each rule failed in the stretch of the text that it failed in last. */
export class Attempts {
  readonly #failures = new Map<Rule, { stretch: number; count: number }>()

  /** Counts an attempt that is about to be made; whether there were too many around here. */
  areTooMany(rule: Rule, at: number): boolean {
    const stretch = Math.floor(at / STRETCH)
    let failures = this.#failures.get(rule)
    if (failures?.stretch !== stretch) this.#failures.set(rule, (failures = { stretch, count: 0 }))
    failures.count += 1
    return failures.count > FAILURES
  }

  /** The rule found something: it begins anew. */
  succeed(rule: Rule): void {
    this.#failures.delete(rule)
  }
}
