import type { Blobs } from "../../core/guard.js"

/** What can be looked for in a file, after what it is. */
export type Content =
  /** `bytes` are the text in UTF-8, whatever the file has, which is `raw`. */
  | (Decoded & { readonly is: "text" })
  /** Private keys and own values only, its bytes taken for characters. */
  | (Decoded & { readonly is: "binary" })
  /** Looked at piece by piece while it was read, by {@link LookAtPiece}. */
  | { readonly is: "large"; readonly size: number }
  | { readonly is: "missing" }

interface Decoded {
  readonly raw: Buffer
  readonly bytes: Buffer
  readonly text: string
}

/** Looks at a piece of a large file, whose first byte is the file's byte `at`. */
export type LookAtPiece = (piece: Buffer, at: number) => void

/** As Git tells binary files. */
const LOOKED_AT_FOR_NUL = 8000

/** Reads a blob by its id, or by a name like `:path`. */
export async function readContent(
  blobs: Blobs,
  name: string,
  look?: LookAtPiece,
): Promise<Content> {
  const blob = await blobs.read(name, look)
  if (blob === undefined) return { is: "missing" }
  return blob.bytes === undefined ? { is: "large", size: blob.size } : contentOf(blob.bytes)
}

/** Tells text from binary data, and decodes text. */
export function contentOf(raw: Buffer): Content {
  const start = raw.subarray(0, LOOKED_AT_FOR_NUL)
  if (raw[0] === 0xef && raw[1] === 0xbb && raw[2] === 0xbf) {
    const bytes = raw.subarray(3)
    return { is: "text", raw, bytes, text: bytes.toString("utf8") }
  }
  // In UTF-16, each line end, blank and Latin letter has a NUL. A text without any is not UTF-16.
  const encoding = raw.includes(0) ? utf16In(start) : undefined
  if (encoding !== undefined) {
    const text = new TextDecoder(encoding).decode(raw)
    return { is: "text", raw, bytes: Buffer.from(text), text }
  }
  if (start.includes(0)) return { is: "binary", raw, bytes: raw, text: raw.toString("latin1") }
  return { is: "text", raw, bytes: raw, text: raw.toString("utf8") }
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

  /** The text of a line, without its end; empty where there is none. */
  text(line: number): string {
    const start = this.#starts[line - 1]
    if (start === undefined) return ""
    const end = this.#text.indexOf("\n", start)
    return this.#text.slice(start, end === -1 ? undefined : end)
  }

  #reach(offset: number): void {
    for (;;) {
      const last = this.#starts.at(-1) ?? 0
      if (last > offset) return
      const end = this.#text.indexOf("\n", last)
      if (end === -1) return
      this.#starts.push(end + 1)
    }
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
