import { Readable } from "node:stream"

/** The beginning of a stream, and all of it. */
export interface Begun {
  /** What was read ahead. */
  readonly pieces: readonly Uint8Array[]
  /** Bytes that were read ahead. */
  readonly length: number
  /** Whether that is all. */
  readonly isWhole: boolean
  /** The stream from its beginning. If it is destroyed, so is what it is read from. */
  readonly stream: () => Readable
}

/** Reads a stream until it has given so many bytes, or ends. Throws what reading it throws. */
export async function readAhead(source: AsyncIterable<Uint8Array>, bytes: number): Promise<Begun> {
  const rest = source[Symbol.asyncIterator]()
  const pieces: Uint8Array[] = []
  let length = 0
  let isWhole = false
  while (length < bytes && !isWhole) {
    const next = await rest.next()
    isWhole = next.done === true
    if (next.done === true) break
    pieces.push(next.value)
    length += next.value.length
  }
  return {
    pieces,
    length,
    isWhole,
    stream: () => Readable.from(all(pieces, rest), { objectMode: false }),
  }
}

async function* all(
  pieces: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  yield* pieces
  yield* { [Symbol.asyncIterator]: () => rest }
}
