import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { TextFinder } from "../../../src/broker/placeholder/finder.js"

/** All places of all texts, looked for one by one. */
function placesOf(texts: readonly string[], text: string): string[] {
  return texts
    .flatMap((wanted) =>
      Array.from({ length: text.length }, (_, index) => ({ wanted, index })).filter(({ index }) =>
        text.startsWith(wanted, index),
      ),
    )
    .map(({ wanted, index }) => `${index} ${wanted}`)
    .toSorted()
}

function found(texts: readonly string[], text: string): string[] {
  return [...new TextFinder(texts).find(text)]
    .map(({ found: wanted, index }) => `${index} ${wanted}`)
    .toSorted()
}

describe("texts are found", () => {
  test("wherever they are, whatever is around them, as one by one", () => {
    // Few letters, so that texts overlap, end alike and almost match.
    const word = fc.string({
      unit: fc.constantFrom("a", "b", "\u00ff", "\u{1f600}"),
      minLength: 4,
      maxLength: 12,
    })
    const wanted = fc.uniqueArray(word, { minLength: 1, maxLength: 6 })
    const pieces = fc.array(fc.oneof(word, fc.nat()), { maxLength: 40 })
    fc.assert(
      fc.property(wanted, pieces, (texts, around) => {
        const text = around
          .map((piece) => (typeof piece === "string" ? piece : texts[piece % texts.length]))
          .join("")
        expect(found(texts, text)).toEqual(placesOf(texts, text))
      }),
      { numRuns: 500 },
    )
  })

  test("that are longer than a window can be", () => {
    const [one, other] = ["x".repeat(600), `y${"x".repeat(300)}`]
    const text = `${one}${other}x`
    expect(found([one, other], text)).toEqual(placesOf([one, other], text))
  })

  test("at the very end, and none in what is shorter", () => {
    expect(found(["secret-one"], "a secret-one")).toEqual(["2 secret-one"])
    expect(found(["secret-one"], "secret-on")).toEqual([])
    expect(found(["secret-one"], "")).toEqual([])
    expect(found([], "anything")).toEqual([])
  })
})
