/** Instead of the place of a secret in the list that was compiled. */
export const NO_SECRET = -1
const NOTHING = new Uint8Array(0)

/** What is taken out of a stream: the bytes, and whose marker stands there; if any does. */
export interface Cut {
  readonly start: number
  readonly end: number
  readonly secret: number
}

/** What comes of a piece of the stream: its own bytes, and markers. */
export class RedactedPiece {
  readonly #data: Uint8Array
  readonly #markers: readonly Buffer[]
  readonly #pieces: Uint8Array[] = []
  #isWhole = true
  /** How far the data was written, or a marker stands for it. */
  written: number
  /** The secret of the last marker. */
  marked: number
  /** What was taken out, in order. */
  readonly cuts: Cut[] = []

  constructor(data: Uint8Array, written: number, marked: number, markers: readonly Buffer[]) {
    this.#data = data
    this.#markers = markers
    this.written = written
    this.marked = marked
  }

  /** Takes out a secret. One that overlaps the last one's end is taken out with it. */
  mark(start: number, end: number, secret: number): void {
    if (end <= this.written) return
    const goesOn = start < this.written && secret === this.marked
    this.cuts.push({
      start: Math.max(start, this.written),
      end,
      secret: goesOn ? NO_SECRET : secret,
    })
    this.#write(start)
    if (!goesOn) this.#pieces.push(this.#markers[secret] ?? NOTHING)
    this.#isWhole = false
    this.marked = secret
    this.written = end
  }

  /** Leaves out everything before `end`. */
  skip(end: number): void {
    if (end <= this.written) return
    this.cuts.push({ start: this.written, end, secret: NO_SECRET })
    this.written = end
  }

  /** All that came of the data before `end`; copied if the data will be overwritten. */
  until(end: number, copy: boolean): Uint8Array {
    this.#write(end)
    const [first = NOTHING] = this.#pieces
    if (!this.#isWhole || copy) return Buffer.concat(this.#pieces)
    return first.length === this.#data.length ? this.#data : first
  }

  #write(end: number): void {
    if (end <= this.written) return
    this.#pieces.push(this.#data.subarray(this.written, end))
    this.written = end
  }
}
