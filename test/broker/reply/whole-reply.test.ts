import { describe, expect, test } from "vitest"
import { requireWhole } from "../../../src/broker/reply/whole-reply.js"

describe("a request for a part of a reply", () => {
  test.each([
    "bytes=0-9",
    "bytes=10-",
    "bytes=-5",
    "bytes=0-0,2-2",
    "bytes=0-,5-9",
    "BYTES=1-2",
    "lines=1-2",
    "nonsense",
  ])("is refused: %s", (range) => {
    expect(() => requireWhole(["Accept", "*/*", "rAnge", range])).toThrow(
      expect.objectContaining({ code: "REPLY_REFUSED" }),
    )
  })

  test("is refused if one of two asks for a part", () => {
    expect(() => requireWhole(["Range", "bytes=0-", "Range", "bytes=3-4"])).toThrow("part")
  })

  test("that is all of it is one for all of it", () => {
    expect(requireWhole(["Range", "bytes=0-", "If-Range", '"a"', "A", "b"])).toEqual(["A", "b"])
  })

  test("is not one that has no range", () => {
    expect(requireWhole(["A", "Range", "B", "bytes=1-2"])).toEqual(["A", "Range", "B", "bytes=1-2"])
  })
})
