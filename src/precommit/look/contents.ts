import type { Blobs, TakePiece } from "../../core/guard.js"

/** What can be looked for in a file, after what it is. */
type Content =
  | Decoded
  /** Taken piece by piece while it was read. */
  | { readonly is: "large" }
  | { readonly is: "missing" }

/** A file, or a piece of one, decoded. */
export interface Decoded {
  /** Of a binary file only private keys and own values are of interest. */
  readonly is: "text" | "binary"
  readonly raw: Buffer
  /** A text in UTF-8, whatever the file has, which is `raw`. */
  readonly bytes: Buffer
  /** Of a binary file, its bytes taken for characters. */
  readonly text: string
}

/** How the bytes of a file stand for characters. */
export type Encoding = "utf-8" | "utf-16le" | "utf-16be" | "binary"

/** As Git tells binary files. */
const LOOKED_AT_FOR_NUL = 8000

/** Reads a blob by its id, or by a name like `:path`. */
export async function readContent(blobs: Blobs, name: string, take?: TakePiece): Promise<Content> {
  const blob = await blobs.read(name, take)
  if (blob === undefined) return { is: "missing" }
  return blob.bytes === undefined ? { is: "large" } : contentOf(blob.bytes)
}

/** Tells text from binary data, and decodes text. */
export function contentOf(raw: Buffer): Decoded {
  return decoded(raw, encodingOf(raw))
}

/** Tells how a file is encoded by how it begins. */
export function encodingOf(raw: Buffer): Encoding {
  if (isMarked(raw)) return "utf-8"
  const start = raw.subarray(0, LOOKED_AT_FOR_NUL)
  // In UTF-16, each line end, blank and Latin letter has a NUL. A text without any is not UTF-16.
  const wide = raw.includes(0) ? utf16In(start) : undefined
  return wide ?? (start.includes(0) ? "binary" : "utf-8")
}

export function decoded(raw: Buffer, encoding: Encoding): Decoded {
  if (encoding === "binary") return { is: "binary", raw, bytes: raw, text: raw.toString("latin1") }
  if (encoding === "utf-8") {
    const bytes = isMarked(raw) ? raw.subarray(3) : raw
    return { is: "text", raw, bytes, text: bytes.toString("utf8") }
  }
  const text = new TextDecoder(encoding).decode(raw)
  return { is: "text", raw, bytes: Buffer.from(text), text }
}

/** With the byte order mark of UTF-8. */
function isMarked(raw: Buffer): boolean {
  return raw[0] === 0xef && raw[1] === 0xbb && raw[2] === 0xbf
}

/** By its byte order mark; without one, by the NUL in nearly every second place. */
function utf16In(start: Buffer): "utf-16le" | "utf-16be" | undefined {
  if (start[0] === 0xff && start[1] === 0xfe) return "utf-16le"
  if (start[0] === 0xfe && start[1] === 0xff) return "utf-16be"
  const nuls = [0, 0] as [number, number]
  for (const [at, byte] of start.entries()) if (byte === 0) nuls[(at & 1) as 0 | 1] += 1
  const most = start.length * 0.4
  if (nuls[1] > most && nuls[0] === 0) return "utf-16le"
  return nuls[0] > most && nuls[1] === 0 ? "utf-16be" : undefined
}

/** Where an offset into a text is, both counted from 1, the column in UTF-16 code units. */
export class LineIndex {
  readonly #text: string
  readonly #starts: number[] = [0]
  /** Whether no more line begins: in a long last line, that is found out once. */
  #isComplete = false

  constructor(text: string) {
    this.#text = text
  }

  at(offset: number): { readonly line: number; readonly column: number } {
    this.#reach(offset)
    let [low, high] = [0, this.#starts.length - 1]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((this.#starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 }
  }

  /** Where a line begins; undefined if the text ends before it. */
  startOf(line: number): number | undefined {
    while (this.#starts.length < line) if (!this.#next()) return undefined
    return this.#starts[line - 1]
  }

  #reach(offset: number): void {
    while ((this.#starts.at(-1) ?? 0) <= offset) if (!this.#next()) return
  }

  /** Goes on by a line; false at the end. */
  #next(): boolean {
    if (this.#isComplete) return false
    const end = this.#text.indexOf("\n", this.#starts.at(-1) ?? 0)
    if (end !== -1) this.#starts.push(end + 1)
    this.#isComplete = end === -1
    return !this.#isComplete
  }
}

/** From an offset in bytes to one in UTF-16 code units; quick where they are asked for in order. */
export function offsetsIn(bytes: Buffer): (at: number) => number {
  let [byte, unit] = [0, 0]
  return (at) => {
    unit =
      at < byte
        ? bytes.toString("utf8", 0, at).length
        : unit + bytes.toString("utf8", byte, at).length
    byte = at
    return unit
  }
}
