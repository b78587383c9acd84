import type { Blobs } from "../core/guard.js"

/** What can be looked for in a file, after what it is. */
export type Content =
  /** `bytes` are the text in UTF-8, whatever the file has. */
  | { readonly is: "text"; readonly bytes: Buffer; readonly text: string }
  /** Private keys and own values only, its bytes taken for characters. */
  | { readonly is: "binary"; readonly bytes: Buffer; readonly text: string }
  /** Looked at piece by piece while it was read, by {@link LookAtPiece}. */
  | { readonly is: "large"; readonly size: number }
  | { readonly is: "missing" }

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

/** Tells text from what is none, and decodes it. */
export function contentOf(bytes: Buffer): Content {
  const encoding = byteOrderMark(bytes)
  if (encoding !== undefined) {
    const text = new TextDecoder(encoding).decode(bytes)
    return { is: "text", bytes: Buffer.from(text), text }
  }
  if (bytes.subarray(0, LOOKED_AT_FOR_NUL).includes(0)) {
    return { is: "binary", bytes, text: bytes.toString("latin1") }
  }
  return { is: "text", bytes, text: bytes.toString("utf8") }
}

function byteOrderMark(bytes: Buffer): "utf-8" | "utf-16le" | "utf-16be" | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le"
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be"
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return "utf-8"
  return undefined
}

/** Where an offset into a text is, both counted from 1, the column in UTF-16 code units. */
export class Lines {
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
