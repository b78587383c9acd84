import type { Assignment } from "./assignment.js"
import { cellsOf } from "./cells.js"
import { elementsOf } from "./elements.js"
import { listedIn } from "./lists.js"
import { loginsOf } from "./logins.js"

/**
 * Values that stand apart from the names that tell of them.
 *
 * @param names where a telling word stands, in the order of the text
 */
export function* valuesApart(text: string, names: readonly number[]): Generator<Assignment> {
  for (const find of [cellsOf, elementsOf, listedIn, loginsOf]) yield* find(text, names)
}
