import type { Assignment } from "./assignment.js"
import { type Top, cellsOf } from "./cells.js"
import { columnOf } from "./column.js"
import { elementsOf } from "./elements.js"
import { listedIn } from "./lists.js"
import { loginsOf } from "./logins.js"

/**
 * Values that stand apart from the names that tell of them.
 *
 * @param names where a telling word stands, in the order of the text
 * @param top what is on top of the file, of which the text is a later piece
 */
export function* valuesApart(
  text: string,
  names: readonly number[],
  top?: Top,
): Generator<Assignment> {
  yield* cellsOf(text, names, top)
  if (top === undefined) yield* columnOf(text, names)
  for (const find of [elementsOf, listedIn, loginsOf]) yield* find(text, names)
}
