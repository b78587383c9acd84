import { describe, expect, test } from "vitest"
import { isSearchableCharset } from "../../../src/broker/coding/charset.js"

const isIn = (...types: readonly string[]): boolean =>
  isSearchableCharset(types.flatMap((type) => ["Content-Type", type]))

describe("a text can be searched", () => {
  test.each([
    "text/html",
    "application/octet-stream",
    "text/html; charset=utf-8",
    "text/html;charset=UTF8",
    'application/json; charset="utf-8"',
    "text/plain; charset=utf8mb4",
    "text/plain; charset=iso-8859-1",
    "text/plain; charset=windows-1252",
    "text/plain; charset=latin-1",
    "text/plain; charset=ISO8859_1",
    "text/plain; charset=us-ascii; format=flowed",
    "text/plain; charset=shift_jis",
    "text/plain; charset=gb18030",
    "text/plain; charset=utf-16le",
    "application/octet-stream; charset=binary",
    "text/plain; charset=",
    "multipart/mixed; boundary=charset",
  ])("%s", (type) => {
    expect(isIn(type)).toBe(true)
  })
})

describe("a text cannot be searched", () => {
  test.each([
    "text/plain; charset=utf-32",
    "application/json;charset=UTF-32LE",
    "text/plain; Charset = 'UTF-7'",
    "text/plain; charset=ibm037",
    "text/plain; charset=cp500",
    "text/plain; charset=iso-2022-kr",
    "text/plain; charset=x-anything",
    "text/plain; charset=utf-8; charset=utf-32",
  ])("%s", (type) => {
    expect(isIn(type)).toBe(false)
  })

  test("where one of several types says so", () => {
    expect(isIn("text/plain", "text/plain; charset=utf-32")).toBe(false)
  })
})
