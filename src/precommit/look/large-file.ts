import { LineIndex } from "./contents.js"
import { findCredentials } from "../detect/detect.js"
import { type FindOwn, credentialFinding, keyOf, ownFinding } from "./finding-of.js"
import type { Finding } from "../report/finding.js"
import { unseen, wideFindings } from "./wide.js"

/** Private keys and own values in a file that is too large to be held as a whole. */
export class LargeFile {
  readonly #path: string
  readonly #findOwn: FindOwn | undefined
  readonly #found = new Map<string, Finding>()
  #lines = 0
  #counted = 0

  constructor(path: string, findOwn: FindOwn | undefined) {
    this.#path = path
    this.#findOwn = findOwn
  }

  look(piece: Buffer, at: number): void {
    // Pieces overlap: what lies before this one is counted once.
    this.#lines += countLines(piece.subarray(0, Math.max(0, this.#counted - at)), -1)
    const text = piece.toString("latin1")
    const lines = new LineIndex(text)
    const first = this.#lines
    const place = {
      at: (offset: number) => {
        const { line, column } = lines.at(offset)
        return { line: line + first, column }
      },
    }
    for (const hit of findCredentials(text, { onlyKeys: true })) {
      const finding = { ...credentialFinding(this.#path, text, hit, lines), ...place.at(hit.start) }
      this.#add(at + hit.start, finding)
    }
    for (const hit of this.#findOwn?.(piece) ?? []) {
      this.#add(at + hit.start, ownFinding(this.#path, text.slice(hit.start, hit.end), hit, place))
    }
    const seen = [...this.#found.values()]
    for (const finding of unseen(seen, wideFindings(this.#path, piece, this.#findOwn))) {
      this.#found.set(`wide ${keyOf(finding)}`, { ...finding, line: finding.line + first })
    }
    this.#lines += countLines(piece, 1)
    this.#counted = at + piece.length
  }

  get findings(): readonly Finding[] {
    return [...this.#found.values()]
  }

  #add(at: number, finding: Finding): void {
    this.#found.set(`${at} ${finding.rule}`, finding)
  }
}

function countLines(bytes: Uint8Array, sign: 1 | -1): number {
  let count = 0
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) count += sign
  return count
}
