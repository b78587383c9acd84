import type { Assignment } from "./assignment.js"
import { meaningOf, wordsOf } from "./naming.js"

/** A row of Markdown's that parts the head of a table from its body. */
const RULER = /^[ \t]{0,8}\|?(?:[ \t]{0,4}:?-{2,100}:?[ \t]{0,4}\|){1,40}[ \t:-]{0,100}$/
/** How far from the beginning the head of a table without a ruler may stand, in lines. */
const FIRST_LINES = 5
const NEAR_TOP = 4000
const LONGEST_ROW = 4000
/** A cell in quotes may have so many lines. */
const MOST_LINES = 8
/** So many rows that do not fit the head end a table: it is something else. */
const MOST_MISFITS = 3

interface TableRow {
  readonly text: string
  readonly start: number
}

/** The columns of a table: how they are parted, their names, and which of those tell of a secret. */
interface Columns {
  readonly separator: string
  readonly words: readonly (readonly string[])[]
  readonly telling: readonly boolean[]
}

/** What a later piece of a file is told: the row of names on top of it, if it is a table. */
export interface Top {
  readonly head: string | undefined
}

/** The cells of columns that have the name of a secret: CSV and the like, Markdown. */
export function* cellsOf(text: string, names: readonly number[], top?: Top): Generator<Assignment> {
  const above = top?.head === undefined ? undefined : columnsOf({ text: top.head, start: 0 })
  let done = above === undefined ? 0 : yield* cellsUnder(text, above, 0)
  for (const at of names) {
    if (at < done) continue
    const head = rowAt(text, at)
    done = head.start + head.text.length
    const separator = separatorOf(head.text)
    if (separator === undefined || (top !== undefined && separator !== "|")) continue
    const columns = isHead(text, head, separator) ? columnsOf(head) : undefined
    if (columns === undefined) continue
    done = Math.max(done, yield* cellsUnder(text, columns, afterLine(text, head)))
  }
}

/** The row of names on top of a file that is a table with secrets. */
export function headOf(text: string): string | undefined {
  let row = rowFrom(text, 0)
  for (let line = 0; line < FIRST_LINES; line += 1) {
    const separator = separatorOf(row.text)
    const isTop = separator !== undefined && separator !== "|" && isHead(text, row, separator)
    if (isTop && columnsOf(row) !== undefined) return row.text
    row = rowFrom(text, afterLine(text, row))
  }
  return undefined
}

/** Hands back where the last row ends that belongs to the columns, or is among such. */
function* cellsUnder(
  text: string,
  { separator, words, telling }: Columns,
  start: number,
): Generator<Assignment, number> {
  let [misfits, done] = [0, 0]
  for (const row of rowsFrom(text, start, separator, words.length)) {
    const values = cells(row, separator)
    misfits = values.length === words.length ? 0 : misfits + 1
    if (misfits === MOST_MISFITS) break
    for (const [column, value] of values.entries()) {
      if (misfits === 0 && telling[column]) yield assignment(text, words[column] ?? [], value)
    }
    done = row.start + row.text.length
  }
  return done
}

/** The columns that a row names, if the row could be a head and one of them is a secret's. */
function columnsOf(head: TableRow): Columns | undefined {
  const separator = separatorOf(head.text)
  if (separator === undefined) return undefined
  const words = cells(head, separator).map((cell) => wordsOf(cell.text))
  const telling = words.map((each) => each.length < 5 && meaningOf(each) !== "none")
  return telling.includes(true) ? { separator, words, telling } : undefined
}

function rowAt(text: string, at: number): TableRow {
  const from = Math.max(0, at - LONGEST_ROW)
  const line = text.slice(from, at).lastIndexOf("\n") + 1
  // Of a line that begins further away, nothing.
  return line === 0 && from > 0 ? { text: "", start: at } : rowFrom(text, from + line)
}

/** The line that begins at an offset, or so many lines; nothing of one that is too long. */
function rowFrom(text: string, start: number, lines = 1): TableRow {
  const near = text.slice(start, start + LONGEST_ROW)
  let end = near.indexOf("\n")
  for (let line = 1; line < lines && end >= 0; line += 1) end = near.indexOf("\n", end + 1)
  if (end < 0 && near.length === LONGEST_ROW) return { text: "", start }
  return { text: (end < 0 ? near : near.slice(0, end)).replace(/\r$/, ""), start }
}

function* rowsFrom(
  text: string,
  start: number,
  separator: string,
  width: number,
): Generator<TableRow> {
  let next = start
  while (next < text.length) {
    const row = wholeRow(text, next, separator, width)
    if (row.text === "") return
    if (!RULER.test(row.text)) yield row
    next = afterLine(text, row)
  }
}

/** The row that begins at an offset. In quotes, a cell may have more than one line. */
function wholeRow(text: string, start: number, separator: string, width: number): TableRow {
  const line = rowFrom(text, start)
  if (!isOpen(line.text) || cells(line, separator).length === width) return line
  for (let lines = 2; lines <= MOST_LINES; lines += 1) {
    const row = rowFrom(text, start, lines)
    if (!isOpen(row.text)) return cells(row, separator).length === width ? row : line
  }
  return line
}

function isOpen(text: string): boolean {
  return text.split('"').length % 2 === 0
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

/** A name of a column; one may have none. */
const NAME = /^(?:#?[ \t]?[A-Za-z][\w ./#&-]{0,40})?$/

function isName(text: string): boolean {
  if (NAME.test(text)) return true
  // The letters of all languages take long, and most columns have names in English.
  return /[\u0080-\uffff]/.test(text) && /^#?[ \t]?\p{L}[\p{L}\p{N}_ ./#&-]{0,40}$/u.test(text)
}

function isHead(text: string, head: TableRow, separator: string): boolean {
  if (separator === "|") {
    return RULER.test(rowFrom(text, afterLine(text, head)).text)
  }
  const isNames = cells(head, separator).every((cell) => isName(cell.text))
  return isNames && head.start < NEAR_TOP && linesBefore(text, head.start) < FIRST_LINES
}

function linesBefore(text: string, at: number): number {
  return text.slice(0, at).split("\n").length - 1
}

/** The cells of a row, without their quotes. */
function cells({ text, start }: TableRow, separator: string): TableRow[] {
  const found: TableRow[] = []
  for (let from = 0; from <= text.length;) {
    const end = endOfCell(text, from, separator)
    const cell = text.slice(from, end)
    const value = cell.replace(/^[\s"'`\uFEFF]+|[\s"'`]+$/g, "")
    found.push({ text: value, start: start + from + cell.indexOf(value) })
    from = end + 1
  }
  return found
}

/** Within quotes, what parts cells is text. */
function endOfCell(text: string, from: number, separator: string): number {
  const open = separator === "|" ? -1 : text.slice(from, from + 8).search(/\S/)
  let close = open >= 0 && text[from + open] === '"' ? text.indexOf('"', from + open + 1) : -1
  while (close >= 0 && text[close + 1] === '"') close = text.indexOf('"', close + 2)
  const end = text.indexOf(separator, Math.max(from, close))
  return end < 0 ? text.length : end
}

/** A cell as a value. In quotes, a quote is written twice. */
function assignment(
  text: string,
  words: readonly string[],
  { text: cell, start }: TableRow,
): Assignment {
  const value = text[start - 1] === '"' ? cell.replaceAll('""', '"') : cell
  return { words, start, end: start + cell.length, value, quoted: true, by: ":" }
}
