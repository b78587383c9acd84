import { pipeline } from "node:stream"
import { type Coding, decoderOf } from "./coding.js"
import { readAhead } from "./read-ahead.js"

/**
 * A body may become so many times as large when it is decoded. What people send stays below: text
 * that repeats itself comes to 100. gzip can do 1,032, brotli a million.
 */
const MOST_TIMES = 200
/** So many bytes may come of a body whatever it was. */
const ALWAYS = 32 * 2 ** 20

/** A body as it comes in. */
interface Intake {
  /** Bytes so far, before anything was decoded. */
  length: number
  /** Whether reading it failed. */
  failed: boolean
}

/** Why a body could not be decoded. */
export class Undecodable extends Error {}

/**
 * A body without its codings, as it comes: what can be decoded of a piece is there before the next
 * piece is asked for. An empty body has no coding. Throws {@link Undecodable} if it is not what it
 * says, is cut short, or becomes over 200 times as large; and what `body` throws.
 */
export async function* decoded(
  body: AsyncIterable<Uint8Array>,
  codings: readonly Coding[],
): AsyncGenerator<Uint8Array, void, void> {
  const intake: Intake = { length: 0, failed: false }
  let source: AsyncIterable<Uint8Array> = codings.length === 0 ? body : counted(body, intake)
  for (const coding of codings.toReversed()) source = takenOff(coding, source, intake)
  yield* source
}

async function* counted(
  body: AsyncIterable<Uint8Array>,
  intake: Intake,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const piece of body) {
      intake.length += piece.length
      yield piece
    }
  } catch (error) {
    intake.failed = true
    throw error
  }
}

async function* takenOff(
  coding: Coding,
  body: AsyncIterable<Uint8Array>,
  intake: Intake,
): AsyncGenerator<Uint8Array, void, void> {
  const begun = await readAhead(body, 1)
  if (begun.length === 0) return
  const decoder = decoderOf(coding, begun.pieces.find(({ length }) => length > 0)?.[0] ?? 0)
  // What fails reaches whoever reads the decoder.
  pipeline(begun.stream(), decoder, () => {})
  let length = 0
  try {
    for await (const piece of decoder as AsyncIterable<Buffer>) {
      length += piece.length
      if (length > ALWAYS && length > MOST_TIMES * intake.length) {
        throw new Undecodable(`it becomes over ${MOST_TIMES} times as large`)
      }
      yield piece
    }
  } catch (cause) {
    if (intake.failed || cause instanceof Undecodable) throw cause
    throw new Undecodable(`it is not ${coding}, or is cut short`, { cause })
  }
}
