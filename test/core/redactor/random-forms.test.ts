import { spawnSync } from "node:child_process"
import { generateKeyPairSync, randomBytes, randomUUID } from "node:crypto"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { Redactor, compilePatterns } from "../../../src/core/index.js"

// Forms by the programs that write them, of values that nobody chose, in chunks of every size.

const MARKER = "[REDACTED test/value]"

/** Texts of the bytes that are escaped somewhere, and of those that are not. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(..."abcXYZ019._-=+/&<>\"'`\\\t\n %;#".split("")),
      // No newer ones: a Python that does not know a character yet escapes it.
      fc.constantFrom(
        ...Array.from("éÜßøñ€–“…Ωλключ中文한😀🚀\u00A0\u200B\u2028\uFEFF\u0007\u0085"),
      ),
    ),
    { minLength: 6, maxLength: 40 },
  )
  .map((parts) => `k${parts.join("")}k`)
  .filter((value) => value.isWellFormed() && Buffer.byteLength(value) >= 8)

const PYTHON = `
import sys, json, html, html.entities, base64
for line in sys.stdin:
    raw = base64.b64decode(line)
    forms = {"repr of bytes": repr(raw)[2:-1]}
    try:
        value = raw.decode()
    except UnicodeDecodeError:
        value = None
    if value is not None:
        forms["repr"] = repr(value)[1:-1]
        forms["ascii"] = ascii(value)[1:-1]
        forms["html.escape"] = html.escape(value)
        forms["html.escape without quotes"] = html.escape(value, quote=False)
        forms["xmlcharrefreplace"] = value.encode("ascii", "xmlcharrefreplace").decode()
        forms["both"] = html.escape(value).encode("ascii", "xmlcharrefreplace").decode()
        forms["decimal"] = "".join(f"&#{ord(c)};" for c in value)
        forms["hex"] = "".join(f"&#x{ord(c):x};" for c in value)
        forms["HEX"] = "".join(f"&#x{ord(c):X};" for c in value)
    print(json.dumps(forms))
`

test("what Python makes of random texts and bytes", () => {
  const values = [
    ...fc.sample(text, 60).map((value) => Buffer.from(value)),
    ...Array.from({ length: 30 }, (_, size) => randomBytes(8 + size)).filter(notBlankAround),
  ]
  const input = values.map((value) => `${value.toString("base64")}\n`).join("")
  const { stdout, stderr } = spawnSync("python3", ["-c", PYTHON], { input, encoding: "utf8" })
  expect(stderr).toBe("")
  const written = stdout.trimEnd().split("\n")
  expect(written.length).toBe(values.length)
  for (const [at, value] of values.entries()) {
    const forms = JSON.parse(written[at] ?? "") as Record<string, string>
    for (const [form, printed] of Object.entries(forms)) expectRedacted(value, form, printed)
  }
})

describe("what means the same in upper and lower case", () => {
  const kinds: Readonly<Record<string, () => string>> = {
    "hex digits": () => randomBytes(20).toString("hex"),
    "hex digits of both cases": () =>
      Array.from(randomBytes(20).toString("hex"), (digit, at) =>
        at % 2 === 0 ? digit.toUpperCase() : digit,
      ).join(""),
    "a number in hex": () => `0x${randomBytes(20).toString("hex")}`,
    "a UUID": randomUUID,
    "a fingerprint": () => randomBytes(20).toString("hex").replace(/..\B/g, "$&:"),
    base32: () => `2${base32(31)}`,
    "base32 with padding": () => `7${base32(25)}======`,
  }

  test.each(Object.entries(kinds))("%s", (kind, make) => {
    for (let times = 0; times < 20; times += 1) {
      const value = make()
      for (const printed of [value.toUpperCase(), value.toLowerCase()]) {
        expectRedacted(Buffer.from(value), kind, printed)
      }
    }
  })

  test("but not a word, nor a password", () => {
    for (const value of ["correcthorse", "Tr0ub4dor-and-3", "fake_live_9aB3xK7mQ2wE5rT8"]) {
      const printed = value.toUpperCase()
      expect(redacted(Buffer.from(value), Buffer.from(printed), 100)).toBe(printed)
    }
  })
})

describe("a key in PEM, printed otherwise", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey
  const ed25519 = generateKeyPairSync("ed25519").privateKey
  const armor = { format: "pem", type: "pkcs8" } as const
  const passphrase = { cipher: "aes-256-cbc", passphrase: "fake" } as const
  const keys: Readonly<Record<string, string>> = {
    RSA: String(rsa.export(armor)),
    "RSA, as PKCS #1": String(rsa.export({ format: "pem", type: "pkcs1" })),
    "RSA with headers": String(rsa.export({ format: "pem", type: "pkcs1", ...passphrase })),
    Ed25519: String(ed25519.export(armor)),
    "in JSON": JSON.stringify({ type: "fake_account", private_key: String(rsa.export(armor)) }),
    "a certificate's place before it": `-----BEGIN FAKE-----\nAAAA\n-----END FAKE-----\n${String(rsa.export(armor))}`,
  }

  test.each(Object.entries(keys))("%s", (kind, pem) => {
    const block = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----([^]*)-----END/.exec(pem)?.[2] ?? ""
    const digits = block.replaceAll("\\n", "\n").split(/\n\n|\n/)
    const body = digits.filter((line) => /^[A-Za-z0-9+/=]+$/.test(line)).join("")
    const der = Buffer.from(body, "base64")
    for (const width of [6, 19, 76, 100, 1000]) {
      // Padding in a line of its own would stay: it says nothing of the key.
      const lines = body.match(new RegExp(`.{1,${width}}(?:=+$)?`, "g")) ?? []
      expectRedacted(Buffer.from(pem), `${kind} ${width}`, lines.join("\n"))
    }
    for (const encoding of ["base64", "base64url", "hex"] as const) {
      expectRedacted(Buffer.from(pem), `${kind} ${encoding}`, der.toString(encoding))
    }
  })
})

function base32(size: number): string {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
  return Array.from(randomBytes(size), (byte) => digits[byte % 32]).join("")
}

/** Expects that nothing but the marker is left, however the stream is cut, and whichever way. */
function expectRedacted(value: Buffer, form: string, printed: string): void {
  for (const size of [1, 7, 64, 1 << 20]) {
    const stream = Buffer.from(`{ ${printed} }\n`)
    expect([form, redacted(value, stream, size)]).toEqual([form, `{ ${MARKER} }\n`])
    expect([form, redacted(value, stream, size, -1)]).toEqual([form, `{ ${MARKER} }\n`])
  }
}

const compiled = new WeakMap<Buffer, ReturnType<typeof compilePatterns>>()

function redacted(value: Buffer, stream: Buffer, size: number, patience?: number): string {
  const patterns = compiled.get(value) ?? compilePatterns([{ name: "test/value", value }])
  compiled.set(value, patterns)
  const redactor = new Redactor(patterns, patience)
  const pieces: Uint8Array[] = []
  for (let at = 0; at < stream.length; at += size) {
    pieces.push(Buffer.from(redactor.push(stream.subarray(at, at + size))))
  }
  return Buffer.concat([...pieces, redactor.end()]).toString()
}

/** Spaces and line ends around a value do not count, and stay in its forms. */
function notBlankAround(value: Buffer): boolean {
  return !/^[\r\n ]|[\r\n ]$/.test(value.toString("latin1"))
}
