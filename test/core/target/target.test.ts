import { isIP } from "node:net"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { parseAuthority } from "../../../src/core/target/target.js"

describe("an authority has one canonical target", () => {
  test.each([
    ["api.example.com:443", "api.example.com", 443],
    ["API.Example.COM:443", "api.example.com", 443],
    ["api.example.com.:8443", "api.example.com", 8443],
    ["bücher.example:443", "xn--bcher-kva.example", 443],
    ["BÜCHER。example:443", "xn--bcher-kva.example", 443],
    ["a_b.example:1", "a_b.example", 1],
    ["localhost:65535", "localhost", 65_535],
  ])("%s", (authority, host, port) => {
    expect(parseAuthority(authority)).toEqual({ host, port })
  })
})

describe("an address is one in every notation", () => {
  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["127.0.0.1.", "127.0.0.1"],
    ["2130706433", "127.0.0.1"],
    ["0x7f000001", "127.0.0.1"],
    ["0x7F.1", "127.0.0.1"],
    ["017700000001", "127.0.0.1"],
    ["0177.0.0.01", "127.0.0.1"],
    ["127.1", "127.0.0.1"],
    ["127.0.1", "127.0.0.1"],
    ["１２７.0.0.１", "127.0.0.1"],
    ["127。0。0。1", "127.0.0.1"],
    ["0", "0.0.0.0"],
    ["[::1]", "::1"],
    ["[0:0:0:0:0:0:0:1]", "::1"],
    ["[::ffff:127.0.0.1]", "::ffff:7f00:1"],
    ["[::FFFF:7F00:1]", "::ffff:7f00:1"],
    ["[::127.0.0.1]", "::7f00:1"],
  ])("%s", (host, literal) => {
    expect(parseAuthority(`${host}:443`)).toEqual({
      host: isIP(literal) === 6 ? `[${literal}]` : literal,
      port: 443,
      literal,
    })
  })
})

test.each([
  ["no port", "api.example.com"],
  ["an empty port", "api.example.com:"],
  ["port 0", "api.example.com:0"],
  ["a port above 65535", "api.example.com:65536"],
  ["a port with a zero before it", "api.example.com:0443"],
  ["a signed port", "api.example.com:+443"],
  ["two ports", "api.example.com:443:443"],
  ["a space", "api.example.com :443"],
  ["a line break", "api.example.com\n:443"],
  ["a line break at the end", "api.example.com:443\n"],
  ["a tab, which a URL drops", "api.exa\tmple.com:443"],
  ["a soft hyphen, which a URL drops", "api.exa\u00admple.com:443"],
  ["NUL", "api.example.com\0:443"],
  ["a user", "user@api.example.com:443"],
  ["a user with a password", "user:pass@api.example.com:443"],
  ["an escape", "api.ex%61mple.com:443"],
  ["an escaped slash", "evil.example%2f.example.com:443"],
  ["a path", "api.example.com/x:443"],
  ["a query", "api.example.com?x:443"],
  ["a fragment", "api.example.com#x:443"],
  ["a backslash", "evil.example\\.example.com:443"],
  ["a scheme", "https://api.example.com:443"],
  ["a wildcard", "*.example.com:443"],
  ["an empty host", ":443"],
  ["a dot", ".:443"],
  ["two trailing dots", "api.example.com..:443"],
  ["an empty label", "api..example.com:443"],
  ["a leading dot", ".example.com:443"],
  ["a hyphen before a label", "-api.example.com:443"],
  ["a broken A-label", "xn--a:443"],
  ["five numbers", "1.2.3.4.5:443"],
  ["a number too great", "4294967296:443"],
  ["no octal", "09.0.0.1:443"],
  ["IPv6 without brackets", "::1:443"],
  ["a zone", "[fe80::1%eth0]:443"],
  ["an escaped zone", "[fe80::1%25eth0]:443"],
  ["an address of the future", "[v1.a]:443"],
  ["text behind brackets", "[::1].example.com:443"],
  ["a label of 64 characters", `${"a".repeat(64)}.example:443`],
  ["a name of 254 characters", `${"a.".repeat(127)}a:443`],
  ["nothing", ""],
])("%s is refused, and not repeated", (_, authority) => {
  expect(() => parseAuthority(authority)).toThrow(
    expect.objectContaining({
      code: "TARGET_REFUSED",
      message: expect.not.stringContaining("example") as string,
    }),
  )
})

test("a port may be left out where there is one by default", () => {
  expect(parseAuthority("api.example.com", 443)).toEqual({ host: "api.example.com", port: 443 })
  expect(parseAuthority("api.example.com:80", 443).port).toBe(80)
})

test("what is canonical stays so, and is what Node's own clients would connect to", () => {
  const authority = fc.oneof(
    fc.webAuthority({ withPort: true, withIPv4: true, withIPv6: true, withIPv4Extended: true }),
    fc.tuple(fc.string({ unit: "grapheme" }), fc.nat(65_535)).map(([h, p]) => `${h}:${p}`),
  )
  fc.assert(
    fc.property(authority, (text) => {
      const target = parsed(text)
      if (target === undefined) return
      expect(parseAuthority(`${target.host}:${target.port}`)).toEqual(target)
      expect(new URL(`wss://${text}`).hostname.replace(/\.$/, "")).toBe(target.host)
    }),
    { numRuns: 2000 },
  )
})

function parsed(text: string): ReturnType<typeof parseAuthority> | undefined {
  try {
    return parseAuthority(text)
  } catch {
    return undefined
  }
}
