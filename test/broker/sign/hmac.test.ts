import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import { type HmacRequest, hmacNeeds, hmacOf } from "../../../src/broker/sign/hmac.js"

/** Of RFC 4231, test case 2: its key and data are words. */
const RFC_4231 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

const request: HmacRequest = {
  method: "POST",
  path: "/v1/a%20b",
  query: "b=2&signature=x&a=1",
  headers: [
    ["Host", "api.example.com"],
    ["X-Time", "1700000000"],
  ],
  body: Buffer.from([0xff, 0x00, 0x41]),
  bodyDigest: createHash("sha256")
    .update(Buffer.from([0xff, 0x00, 0x41]))
    .digest("hex"),
}

const sign = (template: string, at = "header:x-signature"): string =>
  hmacOf({ template, encoding: "hex", at }, request, "Jefe")

describe("an HMAC-SHA256", () => {
  test("is RFC 4231's, in hex and in base64", () => {
    const template = "what do ya want for nothing?"
    const terms = { template, at: "header:x-signature" }
    expect(hmacOf({ ...terms, encoding: "hex" }, request, "Jefe")).toBe(RFC_4231)
    expect(
      hmacOf({ ...terms, encoding: "base64" }, request, new TextEncoder().encode("Jefe")),
    ).toBe(Buffer.from(RFC_4231, "hex").toString("base64"))
  })

  test.each([
    ["{method}{\\n}{path}", "POST\n/v1/a%20b"],
    ["{query}", "b=2&signature=x&a=1"],
    ["{host}|{header:x-time}|{header:X-TIME}", "api.example.com|1700000000|1700000000"],
    ["{body-sha256}", request.bodyDigest ?? ""],
    ["{", "{"],
    ["a\nb", "a\nb"],
    ["über", "über"],
  ])("of %j is over %j", (template, text) => {
    expect(sign(template)).toBe(
      hmacOf({ template: text, encoding: "hex", at: "path" }, request, "Jefe"),
    )
  })

  test("is over the bytes of the body", () => {
    const same = { ...request, body: new TextEncoder().encode("what do ya want for nothing?") }
    const terms = { template: "{body}", encoding: "hex", at: "header:x" } as const
    expect(hmacOf(terms, same, "Jefe")).toBe(RFC_4231)
    expect(hmacOf(terms, { ...request, body: Buffer.from("\ufffd\u0000A") }, "Jefe")).not.toBe(
      sign("{body}"),
    )
  })

  test("is over the query without the pair that it goes into", () => {
    expect(sign("{query}", "query:signature")).toBe(sign("b=2&a=1"))
  })

  test.each([
    ["{body}", "body"],
    ["{method}{body-sha256}", "body-sha256"],
    ["{method}", "nothing"],
  ])("of %s needs %s of the body", (template, needs) => {
    expect(hmacNeeds(template)).toBe(needs)
  })

  test("is refused with a word that there is not, a header that is not there, or twice", () => {
    expect(() => sign("{key}")).toThrow(expect.objectContaining({ code: "USAGE" }))
    expect(() => sign("{header:x-none}")).toThrow(
      expect.objectContaining({ code: "PLACEHOLDER_REFUSED" }),
    )
    const twice = { ...request, headers: [...request.headers, ...request.headers] }
    expect(() => hmacOf({ template: "{host}", encoding: "hex", at: "path" }, twice, "k")).toThrow(
      /more than once/,
    )
  })
})
