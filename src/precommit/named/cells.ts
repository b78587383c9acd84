import type { Assignment } from "./assignment.js"
import { meaningOf, wordsOf } from "./naming.js"

/** A row of Markdown's that parts the head of a table from its body. */
const RULER = /^[ \t]{0,8}\|?(?:[ \t]{0,4}:?-{2,100}:?[ \t]{0,4}\|){1,40}[ \t:-]{0,100}$/
/** How far from the beginning the head of a table without a ruler may stand, in lines. */
const FIRST_LINES = 5
const NEAR_TOP = 4000
const LONGEST_ROW = 4000

interface TableRow {
  readonly text: string
  readonly start: number
}

/** The cells of columns that have the name of a secret: CSV and the like, Markdown. */
export function* cellsOf(text: string, names: readonly number[]): Generator<Assignment> {
  let done = 0
  for (const at of names) {
    if (at < done) continue
    const head = rowAt(text, at)
    done = head.start + head.text.length
    const separator = separatorOf(head.text)
    if (separator === undefined || !isHead(text, head, separator)) continue
    const words = cells(head, separator).map((cell) => wordsOf(cell.text))
    const telling = words.map((each) => each.length < 5 && meaningOf(each) !== "none")
    if (!telling.includes(true)) continue
    for (const row of rowsAfter(text, head)) {
      const values = cells(row, separator)
      if (values.length !== words.length) break
      for (const [column, value] of values.entries()) {
        if (telling[column]) yield assignment(words[column] ?? [], value)
      }
      done = row.start + row.text.length
    }
  }
}

function rowAt(text: string, at: number): TableRow {
  const from = Math.max(0, at - LONGEST_ROW)
  const line = text.slice(from, at).lastIndexOf("\n") + 1
  // Of a line that begins further away, nothing.
  return line === 0 && from > 0 ? { text: "", start: at } : rowFrom(text, from + line)
}

/** The line that begins at an offset; nothing of one that is too long. */
function rowFrom(text: string, start: number): TableRow {
  const near = text.slice(start, start + LONGEST_ROW)
  const end = near.indexOf("\n")
  if (end < 0 && near.length === LONGEST_ROW) return { text: "", start }
  return { text: (end < 0 ? near : near.slice(0, end)).replace(/\r$/, ""), start }
}

function* rowsAfter(text: string, head: TableRow): Generator<TableRow> {
  let next = afterLine(text, head)
  while (next > 0 && next < text.length) {
    const row = rowFrom(text, next)
    if (row.text === "") return
    if (!RULER.test(row.text)) yield row
    next = afterLine(text, row)
  }
}

function afterLine(text: string, { text: line, start }: TableRow): number {
  const end = start + line.length
  return end + (text.startsWith("\r\n", end) ? 2 : 1)
}

/** What parts the columns, if the row could be a head: names only, no code. */
function separatorOf(row: string): string | undefined {
  if (/[={}()<>]/.test(row)) return undefined
  return ["|", "\t", ";", ","].find((each) => row.includes(each))
}

function isHead(text: string, head: TableRow, separator: string): boolean {
  if (separator === "|") {
    return RULER.test(rowFrom(text, afterLine(text, head)).text)
  }
  const names = head.text.split(separator)
  const isNames = names.every((name) => /^[ "']{0,2}[A-Za-z][\w .-]{0,40}["' ]{0,2}$/.test(name))
  return isNames && head.start < NEAR_TOP && linesBefore(text, head.start) < FIRST_LINES
}

function linesBefore(text: string, at: number): number {
  return text.slice(0, at).split("\n").length - 1
}

function cells({ text, start }: TableRow, separator: string): TableRow[] {
  const found: TableRow[] = []
  let from = 0
  for (const cell of text.split(separator)) {
    const value = cell.replace(/^[\s"'`]+|[\s"'`]+$/g, "")
    found.push({ text: value, start: start + from + cell.indexOf(value) })
    from += cell.length + 1
  }
  return found
}

function assignment(words: readonly string[], { text, start }: TableRow): Assignment {
  return { words, start, end: start + text.length, value: text, quoted: true, by: ":" }
}
