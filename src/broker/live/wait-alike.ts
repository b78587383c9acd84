const NOTHING = new Uint8Array(0)

/**
 * Keeps from whoever decides on a text, and sees when it comes out, how far it is the beginning of a value.
 * The search holds a text only as long as it goes on as a value does. So what comes with or after a text
 * that began like one waits here until none could be held any more, whether it went on so or not.
 */
export class WaitAlike {
  /** Each with the number of bytes that will have come when it goes. */
  readonly #waiting: { readonly piece: Uint8Array; readonly due: number }[] = []
  #came = 0
  /** The same by what an earlier search said. */
  #earlier = 0

  /** Another search goes on from here. `undecided` is what the one before says. */
  hand(undecided: number): void {
    this.#earlier = Math.max(this.#earlier, this.#came + undecided)
  }

  /** `piece` is what a search handed out when `came` more bytes had come; `undecided` is what it says then. */
  pass(piece: Uint8Array, came: number, undecided: number): Uint8Array {
    this.#came += came
    const due = Math.max(this.#earlier, this.#came + undecided)
    if (due === this.#came) return this.end(piece)
    this.#waiting.push({ piece, due })
    // A later one is no reason for an earlier one to wait on.
    const left = this.#waiting.findIndex((one) => one.due > this.#came)
    return left === 0 ? NOTHING : joined(this.#waiting.splice(0, left))
  }

  /** What waits, and then the last piece. */
  end(piece: Uint8Array): Uint8Array {
    if (this.#waiting.length === 0) return piece
    return joined([...this.#waiting.splice(0), { piece }])
  }
}

function joined(pieces: readonly { readonly piece: Uint8Array }[]): Uint8Array {
  return Buffer.concat(pieces.map(({ piece }) => piece))
}
