import { Readable } from "node:stream"
import { describe, expect, test } from "vitest"
import { Placeholders } from "../../../src/broker/placeholder/placeholders.js"
import { findInBody } from "../../../src/broker/placing/occurrences.js"
import { putInBody } from "../../../src/broker/placing/put.js"
import { BODY_LIMIT, bodyPlaceOf, gatherBody } from "../../../src/broker/placing/request-body.js"
import {
  type RequestHead,
  headerValues,
  rawPathOf,
  withHeader,
} from "../../../src/broker/placing/request-head.js"
import { withoutHang } from "../../hang.js"

function headOf(...rawHeaders: string[]): RequestHead {
  return { method: "POST", target: "/v1/x?y=/z?", rawHeaders }
}

test.each([
  [["Content-Type", "application/json"], "body:json"],
  [["content-type", "Application/JSON; charset=utf-8"], "body:json"],
  [["CONTENT-TYPE", "application/vnd.api+json"], "body:json"],
  [["content-type", "application/x-www-form-urlencoded;charset=UTF-8"], "body:form"],
  [["content-type", "text/plain"], undefined],
  [["content-type", "application/jsonp"], undefined],
  [["content-type", "text/json"], undefined],
  [["content-type", "multipart/form-data; boundary=application/json"], undefined],
  [["content-type", "application/json", "Content-Type", "text/plain"], undefined],
  [["x-content-type", "application/json"], undefined],
  [[], undefined],
])("the place in a body with %j is %s", (headers, place) => {
  expect(bodyPlaceOf(headOf(...headers))).toBe(place)
})

describe("a body in which a value may be put", () => {
  const refused = expect.objectContaining({ code: "PLACEHOLDER_REFUSED" }) as Error

  test("is gathered as it was sent", async () => {
    const chunks = [Buffer.of(0, 255), Buffer.from("a"), Buffer.alloc(0), Buffer.from("é")]
    const body = await gatherBody(headOf("Content-Encoding", "identity"), Readable.from(chunks))
    expect(body).toEqual(Buffer.concat(chunks))
  })

  test.each(["gzip", "br", "identity, gzip", "GZIP", ""])(
    "is refused under Content-Encoding %j: nobody looks into it",
    async (coding) => {
      const head = headOf("Content-Encoding", coding)
      await expect(gatherBody(head, Readable.from([]))).rejects.toThrow(refused)
    },
  )

  test("is held up to its limit, and is refused one byte above, without reading on", async () => {
    const half = Buffer.alloc(BODY_LIMIT / 2)
    const whole = await gatherBody(headOf(), Readable.from([half, half]))
    expect(whole.length).toBe(BODY_LIMIT)
    let read = 0
    const endless = async function* (): AsyncGenerator<Buffer> {
      await Promise.resolve()
      for (;;) {
        read += 1
        yield read > 2 ? Buffer.alloc(1) : half
      }
    }
    await expect(gatherBody(headOf(), endless())).rejects.toThrow(refused)
    expect(read).toBe(3)
  })
})

test("a head gives its path and its headers, and takes another value", () => {
  const head = headOf("Content-Length", "1", "X", "content-length", "CONTENT-LENGTH", "1")
  expect(rawPathOf(head)).toBe("/v1/x")
  expect(headerValues(head, "content-length")).toEqual(["1", "1"])
  expect(withHeader(head, "content-length", "20").rawHeaders).toEqual([
    "Content-Length",
    "20",
    "X",
    "content-length",
    "CONTENT-LENGTH",
    "20",
  ])
})

function filled(unit: string, length = BODY_LIMIT - 100): string {
  return unit.repeat(length / unit.length)
}

describe("a large body hangs nobody, whatever is in it", () => {
  const placeholders = Placeholders.make([{ secret: "stripe/api-key" }], [])
  const text = placeholders.of("stripe/api-key") ?? ""
  test.each([
    ["body:json", "quotes", `["${text}"]`, filled('"')],
    ["body:json", "escapes", `"${filled("\\n", 2 ** 20)}`, `${text}"`],
    ["body:json", "strings", `[${filled('"a",')}`, `"${text}"]`],
    ["body:form", "names", filled("a&"), `k=${text}`],
    ["body:form", "escapes", `k=${filled("%41", 2 ** 20)}`, text],
  ] as const)("%s: %s", (at, _, before, after) => {
    const body = Buffer.from(before + after)
    const puttings = withoutHang(() => {
      try {
        return findInBody(at, body, placeholders, () => true)
      } catch (error) {
        expect(error).toMatchObject({ code: "PLACEHOLDER_REFUSED" })
        return []
      }
    }).map((occurrence) => ({ occurrence, value: Buffer.from("value") }))
    const { filled: sent } = withoutHang(() => putInBody(body, puttings))
    expect(sent.length).toBe(body.length - puttings.length * (text.length - "value".length))
  })
})
