/**
 * Keeps from whoever decides on a text, and sees when it comes out, how far it is the beginning of a value.
 * The search holds a text only as long as it goes on as a value does. So all that comes with or after a
 * text that began like one waits here until none could be held any more, whether it went on so or not.
 */
export class WaitAlike {
  #waiting: Uint8Array[] = []
  /** For how many bytes it waits by what an earlier search said. */
  #earlier = 0

  /** Another search goes on from here. `undecided` is what the one before says. */
  hand(undecided: number): void {
    this.#earlier = Math.max(this.#earlier, undecided)
  }

  /** `piece` is what a search handed out when `came` more bytes had come; `undecided` is what it says then. */
  pass(piece: Uint8Array, came: number, undecided: number): Uint8Array {
    this.#earlier = Math.max(0, this.#earlier - came)
    if (undecided === 0 && this.#earlier === 0) return this.end(piece)
    this.#waiting.push(piece)
    return NOTHING
  }

  /** What waits, and then the last piece. */
  end(piece: Uint8Array): Uint8Array {
    if (this.#waiting.length === 0) return piece
    return Buffer.concat([...this.#waiting.splice(0), piece])
  }
}

const NOTHING = new Uint8Array(0)
