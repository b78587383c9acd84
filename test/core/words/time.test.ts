import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { hasPassed, later, parseDuration, parseTime, utc } from "../../../src/core/words/time.js"

const usage = expect.objectContaining({ code: "USAGE" }) as object
const moment = fc.date({
  min: new Date("0000-01-01T00:00:00Z"),
  max: new Date("9999-12-31T23:59:59Z"),
  noInvalidDate: true,
})

const secondsOf = (date: Date): number => Math.floor(date.getTime() / 1000)

describe("a time", () => {
  test("is UTC to the second, and is read as it is written", () => {
    fc.assert(
      fc.property(moment, (date) => {
        expect(parseTime(utc(date))).toBe(utc(date))
        expect(Date.parse(utc(date))).toBe(Math.floor(date.getTime() / 1000) * 1000)
      }),
    )
  })

  test("sorts as text the way it sorts as time", () => {
    fc.assert(
      fc.property(moment, moment, (a, b) => {
        expect(utc(a) <= utc(b)).toBe(secondsOf(a) <= secondsOf(b))
      }),
    )
  })

  test("may be a day, which means its start", () => {
    expect(parseTime("2028-02-29")).toBe("2028-02-29T00:00:00Z")
  })

  test.each([
    "",
    "tomorrow",
    "2026-02-29",
    "2026-02-31T00:00:00Z",
    "2026-13-01",
    "2026-00-10",
    "2026-1-1",
    "2026-01-01T24:00:00Z",
    "2026-01-01T23:59:60Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00z",
    "2026-01-01T00:00:00+00:00",
    "2026-01-01T00:00:00.000Z",
    " 2026-01-01",
    "2026-01-01\n",
    "+002026-01-01",
    "-000001-01-01",
    "1767225600",
    "٢٠٢٦-01-01",
  ])("is not %j", (text) => {
    expect(() => parseTime(text)).toThrow(usage)
  })
})

describe("a duration", () => {
  test.each([
    ["1m", 60],
    ["90m", 5400],
    ["12h", 43_200],
    ["30d", 2_592_000],
    ["2w", 1_209_600],
    ["999999w", 999_999 * 604_800],
  ])("%s is %d seconds", (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds)
  })

  test.each([
    "",
    "0d",
    "01d",
    "-1d",
    "1.5d",
    "1e3d",
    "30",
    "d",
    "1s",
    "1D",
    "1y",
    " 1d",
    "1d\n",
    "1000000d",
  ])("is not %j", (text) => {
    expect(() => parseDuration(text)).toThrow(usage)
  })

  test("is added in whole seconds, across leap days", () => {
    expect(later(new Date("2028-02-28T23:59:59.999Z"), 86_400)).toBe("2028-02-29T23:59:59Z")
  })
})

test("a time has come at its very second; what has none never has", () => {
  const now = "2026-11-28T12:00:00Z"
  expect(hasPassed("2026-11-28T11:59:59Z", now)).toBe(true)
  expect(hasPassed(now, now)).toBe(true)
  expect(hasPassed("2026-11-28T12:00:01Z", now)).toBe(false)
  expect(hasPassed(undefined, now)).toBe(false)
})
