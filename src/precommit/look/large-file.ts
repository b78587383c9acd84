import { type Comment, commentsIn } from "../allow/comments.js"
import { type Beginning, beginningOf } from "../detect/surroundings.js"
import type { Finding } from "../report/finding.js"
import { type Encoding, LineIndex, decoded, encodingOf } from "./contents.js"
import { type LookedAt, findingsIn, isOnlyForKeys } from "./findings-in.js"
import type { Span } from "./spans.js"
import { unseen, wideFindings } from "./wide.js"

/**
 * What is found in a piece was found with so many bytes before it, and after it. The longest that
 * can be found, and what a finding depends on, are shorter; docs/guard.md names what is not.
 */
const BEFORE = 512 * 1024
const AFTER = 1024 * 1024

/** Looks at a file that is too large to be held as a whole, piece by piece. */
export class LargeFile {
  readonly #file: LookedAt
  readonly #findings: Finding[] = []
  readonly #wide: Finding[] = []
  readonly #comments: Comment[] = []
  #encoding: Encoding | undefined
  #beginning: Beginning | undefined
  /** The bytes that are needed once more, and how many of them were looked at already. */
  #rest: Buffer = Buffer.alloc(0)
  #done = 0
  /** Where they begin. */
  #line = 1
  #column = 1

  constructor(file: LookedAt) {
    this.#file = file
  }

  /** Looks at the next piece, and keeps what is to be looked at together with the one after it. */
  look(piece: Buffer): void {
    const raw = Buffer.concat([this.#rest, piece])
    this.#encoding ??= encodingOf(raw)
    const until = beginOfCharacter(raw, raw.length - AFTER, this.#encoding)
    this.#lookAt(raw, Math.max(this.#done, until))
  }

  /** All that was found, in the order of the file, and the exceptions beside it. */
  end(): { readonly every: readonly Finding[]; readonly comments: readonly Comment[] } {
    this.#lookAt(this.#rest, Infinity)
    const every = [...this.#findings, ...unseen(this.#findings, this.#wide)]
    return { every, comments: this.#comments }
  }

  /** Takes what begins in `raw` from `#done` to `until`. */
  #lookAt(raw: Buffer, until: number): void {
    const encoding = this.#encoding ?? "utf-8"
    const content = decoded(raw, encoding)
    const { text } = content
    const lines = new LineIndex(text)
    const lengthOf = (end: number) => decoded(raw.subarray(0, end), encoding).text.length
    const part = { start: lengthOf(this.#done), end: until === Infinity ? until : lengthOf(until) }
    const inFile = { at: (offset: number) => this.#inFile(lines.at(offset)) }
    for (const { start, finding } of findingsIn(content, this.#file, inFile, this.#beginning)) {
      if (start >= part.start && start < part.end) this.#findings.push(detached(finding))
    }
    for (const finding of wideFindings(this.#file, raw, { start: this.#done, end: until })) {
      this.#wide.push(detached({ ...finding, ...this.#inFile(finding) }))
    }
    if (!isOnlyForKeys(content, this.#file.path)) this.#readComments(text, lines, part)
    this.#beginning ??= beginningOf(text, this.#file.path)
    if (until === Infinity) return

    const next = beginOfLine(raw, until - BEFORE, until, encoding)
    const { line, column } = this.#inFile(lines.at(lengthOf(next)))
    ;[this.#line, this.#column] = [line, column]
    // A copy, so that the piece need not stay.
    this.#rest = Buffer.from(raw.subarray(next))
    this.#done = until - next
  }

  /** The comments on lines that begin in a part of the piece. Nobody sees all of a cut line. */
  #readComments(text: string, lines: LineIndex, part: Span): void {
    for (const comment of commentsIn(text)) {
      const start = lines.startOf(comment.line) ?? 0
      const isWhole = part.end === Infinity || lines.startOf(comment.line + 2) !== undefined
      if (start < part.start || start >= part.end || !isWhole) continue
      this.#comments.push({ ...comment, line: comment.line + this.#line - 1 })
    }
  }

  /** From a place in the piece to one in the file. */
  #inFile({ line, column }: { readonly line: number; readonly column: number }) {
    return {
      line: line + this.#line - 1,
      column: line === 1 ? column + this.#column - 1 : column,
    }
  }
}

/** With a text of its own: a slice of a text would keep the whole piece in memory. */
function detached(finding: Finding): Finding {
  const { text } = finding
  if (text === undefined) return finding
  return { ...finding, text: Buffer.from(text, "utf16le").toString("utf16le") }
}

/** The next line that begins, if it does before `end`; in a long line, the next character. */
function beginOfLine(raw: Buffer, from: number, end: number, encoding: Encoding): number {
  const line = from <= 0 ? -1 : raw.indexOf("\n", from)
  const next = beginOfCharacter(raw, line + 1, encoding)
  return line !== -1 && next < end ? next : beginOfCharacter(raw, from, encoding)
}

function beginOfCharacter(raw: Buffer, from: number, encoding: Encoding): number {
  let at = Math.max(0, from)
  if (encoding.startsWith("utf-16")) return at + (at & 1)
  // A character of UTF-8 goes on in three bytes at most.
  const last = encoding === "utf-8" ? at + 3 : at
  while (at < last && ((raw[at] ?? 0) & 0xc0) === 0x80) at += 1
  return at
}
