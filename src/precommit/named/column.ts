import type { Assignment } from "./assignment.js"
import { meaningOf, wordsOf } from "./naming.js"

/** A name alone on the first line: of one column. */
const HEAD = /^\uFEFF?"?([A-Za-z][\w .-]{1,40})"?[ \t]*\r?\n/
const LONGEST_HEAD = 50
/** A cell: in quotes, where a quote is written twice, or without a blank and without what parts cells. */
const CELL = /(?:"((?:[^"\r\n]|""){1,500})"|([^\s",;][^\s",]{5,500})|)[ \t]*(?:\r?\n|$)/dy

/**
 * The values of a table of one column that has the name of a secret: nothing else is in the text.
 *
 * @param names where a telling word stands, in the order of the text
 */
export function* columnOf(text: string, names: readonly number[]): Generator<Assignment> {
  const [whole = "", name = ""] =
    (names[0] ?? Infinity) < LONGEST_HEAD ? (HEAD.exec(text) ?? []) : []
  const words = wordsOf(name)
  const meaning = meaningOf(words)
  if (meaning !== "password" && meaning !== "secret") return
  const cells: Assignment[] = []
  for (let at = whole.length; at < text.length; at = CELL.lastIndex) {
    CELL.lastIndex = at
    const match = CELL.exec(text)
    if (match === null) return
    const [, quoted, bare] = match.indices ?? []
    const place = quoted ?? bare
    if (place === undefined) continue
    const [start, end] = place
    const value = text.slice(start, end).replaceAll('""', '"')
    // A list of words is as likely to have such a title: only what is random counts.
    cells.push({ words, start, end, value, quoted: true, by: "," })
  }
  yield* cells
}
