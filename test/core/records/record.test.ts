import { readFileSync } from "node:fs"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { recipientOf } from "../../../src/core/age/age.js"
import { encodeBech32 } from "../../../src/core/age/bech32.js"
import { signOwner } from "../../../src/core/records/owners.js"
import {
  type AgentRecord,
  type SecretRecord,
  type Unsigned,
  checkSignature,
  decodeRecord,
  decodeVerifiedRecord,
  digestOf,
  encodeRecord,
  signRecord,
} from "../../../src/core/records/record.js"
import type { Use } from "../../../src/core/records/use.js"
import { signingKey, verifier } from "../../../src/core/records/signature.js"

const key = signingKey(encodeBech32("AGE-SECRET-KEY-", Buffer.alloc(32, 7)))
const other = signingKey(encodeBech32("AGE-SECRET-KEY-", Buffer.alloc(32, 8)))
const owners = new Map([[key.signer, verifier(key.signer)]])
const VAULT = "0123456789abcdef0123456789abcdef"
const PATH = "secrets/stripe/api-key.json"

const body: Unsigned<SecretRecord> = {
  kind: "secret",
  vault: VAULT,
  path: PATH,
  serial: 3,
  version: 2,
  previous: digestOf("before"),
  sealedTo: digestOf("age1…"),
  digest: digestOf("sealed"),
  created: "2026-01-01T00:00:00Z",
  changed: "2026-01-02T00:00:00Z",
  exposed: [{ agent: "old", at: "2026-01-03T00:00:00Z", why: "revoked" }],
}
const record = signRecord<SecretRecord>(body, key)
const encoded = Buffer.from(encodeRecord(record)).toString("utf8")

const invalid = (why: string | RegExp): object =>
  expect.objectContaining({
    code: "RECORD_INVALID",
    message: expect.stringMatching(why) as string,
  }) as object
const forged = expect.objectContaining({ code: "SIGNATURE_INVALID" }) as object

function decode(text: string | Uint8Array, path = PATH, vault = VAULT): SecretRecord {
  return decodeRecord("secret", path, Buffer.from(text), vault)
}

const time = fc
  .integer({ min: 0, max: 253_402_300_799 })
  .map((seconds) => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`)
const count = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const metadata = fc.record(
  {
    description: fc
      .string({ unit: "binary", maxLength: 200 })
      .map((text) => text.replace(/\p{Cc}/gu, " ")),
    expires: time,
    env: fc.constantFrom("A", "_b1", "STRIPE_KEY"),
    reveal: fc.constantFrom("never" as const, "confirm" as const, "allow" as const),
  },
  { requiredKeys: [] },
)

describe("the encoding of a record", () => {
  test("comes back as it was, whatever a record may carry", () => {
    fc.assert(
      fc.property(metadata, count, time, (more, serial, changed) => {
        const signed = signRecord<SecretRecord>({ ...body, ...more, serial, changed }, key)
        const decoded = decode(encodeRecord(signed))
        expect(decoded).toEqual(signed)
        expect(() => checkSignature(decoded, owners)).not.toThrow()
      }),
      { numRuns: 50 },
    )
  })

  test("has sorted keys, two spaces, and a newline at its end", () => {
    const keys = [...encoded.matchAll(/^ {2}"(\w+)"/gm)].map(([, name = ""]) => name)
    expect(keys).toEqual([...keys].sort((a, b) => (a < b ? -1 : 1)))
    expect(keys).toContain("format")
    expect(encoded.endsWith("\n}\n")).toBe(true)
    expect(encoded.startsWith('{\n  "changed": "2026-01-02T00:00:00Z",\n  "created"')).toBe(true)
  })

  test("omits what is undefined, from the signature too", () => {
    const { previous: _previous, ...rest } = body
    const without = signRecord<SecretRecord>(rest, key)
    const undefinedToo = { ...rest, previous: undefined } as unknown as Unsigned<SecretRecord>
    expect(signRecord<SecretRecord>(undefinedToo, key)).toStrictEqual(without)
  })

  const spellings: readonly (readonly [string, string])[] = [
    ["compact", JSON.stringify(JSON.parse(encoded))],
    ["with tabs", `${JSON.stringify(JSON.parse(encoded), null, "\t")}\n`],
    ["unsorted", `${JSON.stringify({ version: 2, ...JSON.parse(encoded) }, null, 2)}\n`],
    ["without its newline", encoded.trimEnd()],
    ["with another newline", `${encoded}\n`],
    ["with a leading space", ` ${encoded}`],
    ["with a byte order mark", `\uFEFF${encoded}`],
    ["with an escape", encoded.replace("stripe/api-key", "stripe\\/api-key")],
    ["with a fraction", encoded.replace('"version": 2', '"version": 2.0')],
    ["with an exponent", encoded.replace('"version": 2', '"version": 2e0')],
    ["with a key twice", encoded.replace('"version": 2', '"version": 2,\n  "version": 2')],
    ["with another value first", encoded.replace('"version": 2', '"version": 9,\n  "version": 2')],
  ]
  test.each(spellings)("is refused %s", (_how, text) => {
    expect(text).not.toBe(encoded)
    expect(() => decode(text)).toThrow(invalid("not in the one encoding"))
  })

  test("is refused with CRLF, which Git makes of it where it is told to", () => {
    expect(() => decode(encoded.replaceAll("\n", "\r\n"))).toThrow(invalid("line ends are CRLF"))
  })

  test("is refused when it is not valid JSON, no UTF-8, or nests without end", () => {
    const bytes = Buffer.from(encoded)
    bytes.writeUInt8(0xff, 40)
    for (const broken of ["", "{", "[]", "null", encoded.slice(1), "[".repeat(500_000), bytes]) {
      expect(() => decode(broken)).toThrow(invalid(""))
    }
  })

  test("is refused with text that is no Unicode, once it is signed or verified", () => {
    const text = "\ud800"
    expect(() => signRecord<SecretRecord>({ ...body, description: text }, key)).toThrow(
      invalid("cannot be signed"),
    )
    const lone = encoded.replace('"digest"', '"description": "\\ud800",\n  "digest"')
    expect(() => checkSignature(decode(lone), owners)).toThrow(invalid("cannot be signed"))
  })
})

describe("a record's place", () => {
  test.each([
    ["another path", "secrets/stripe/other.json", VAULT, "it was signed as"],
    ["a path in another case", "secrets/stripe/API-key.json", VAULT, "it was signed as"],
    ["another vault", PATH, VAULT.replace("0", "f"), "another vault"],
  ])("is refused at %s", (_where, path, vault, why) => {
    expect(() => decode(encoded, path, vault)).toThrow(invalid(why))
  })

  test("is refused as a record of another kind", () => {
    for (const kind of ["vault", "agent", "group"] as const) {
      expect(() => decodeRecord(kind, PATH, Buffer.from(encoded), VAULT)).toThrow(invalid(""))
    }
  })
})

describe("a record's members", () => {
  const broken: readonly (readonly [string, unknown])[] = [
    ["serial", 0],
    ["serial", 2 ** 53],
    ["version", "2"],
    ["format", 2],
    ["kind", "group"],
    ["vault", VAULT.toUpperCase()],
    ["path", "secrets/../vault.json"],
    ["path", "secrets/stripe/a/b/c/d/e.json"],
    ["sealedTo", "age1qqq"],
    ["digest", `sha256:${"A".repeat(64)}`],
    ["digest", `sha256:${"a".repeat(63)}`],
    ["created", "2026-01-01T00:00:00.000Z"],
    ["created", "2026-13-01T00:00:00Z"],
    ["changed", "2026-01-01T00:00:00Z\n"],
    ["env", "1A"],
    ["reveal", "yes"],
    ["exposed", []],
    ["exposed", [{ agent: "../x", at: "2026-01-03T00:00:00Z", why: "revoked" }]],
    ["exposed", [{ agent: "x", at: "2026-01-03T00:00:00Z", why: "because" }]],
    ["description", "x".repeat(1001)],
    ["description", null],
    ["surprise", "x"],
    ["__proto__", { a: 1 }],
  ]
  test.each(broken)("%s may not be %j", (name, value) => {
    const members = Object.entries({ ...record, [name]: value })
    const sorted = members.sort(([a], [b]) => (a < b ? -1 : 1))
    const json = sorted.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join(",")
    expect(() => decode(`{${json}}`)).toThrow(invalid(/\/|must|pattern|additional/))
  })

  test.each(["format", "vault", "path", "serial", "sealedTo", "digest", "signature"])(
    "%s may not be missing",
    (name) => {
      const rest = Object.entries(record).filter(([member]) => member !== name)
      expect(() => decode(JSON.stringify(Object.fromEntries(rest)))).toThrow(invalid(name))
    },
  )
})

describe("a record's signature", () => {
  test("covers every member", () => {
    const changed: readonly (readonly [keyof SecretRecord, unknown])[] = [
      ["vault", VAULT.replace("0", "f")],
      ["path", "secrets/stripe/other.json"],
      ["kind", "group"],
      ["serial", 4],
      ["version", 3],
      ["previous", digestOf("another")],
      ["sealedTo", digestOf("age1another")],
      ["digest", digestOf("swapped")],
      ["created", "2025-01-01T00:00:00Z"],
      ["changed", "2025-01-01T00:00:00Z"],
      ["exposed", undefined],
      ["format", 2],
      ["expires", "2027-01-01T00:00:00Z"],
    ]
    expect(new Set(Object.keys(record))).toEqual(
      new Set(["signature", ...changed.map(([name]) => name).filter((name) => name in record)]),
    )
    for (const [name, value] of changed) {
      const altered = { ...record, [name]: value } as SecretRecord
      expect(() => checkSignature(altered, owners)).toThrow(forged)
    }
  })

  test("holds only for an owner, and for the owner who is named", () => {
    const stranger = signRecord<SecretRecord>(body, other)
    expect(() => checkSignature(record, owners)).not.toThrow()
    expect(() => checkSignature(stranger, owners)).toThrow(forged)
    const both = new Map([...owners, [other.signer, verifier(other.signer)]])
    expect(() => checkSignature(stranger, both)).not.toThrow()
    const renamed = { ...record, signature: { ...record.signature, signer: other.signer } }
    expect(() => checkSignature(renamed, both)).toThrow(forged)
  })

  test("is not that of another kind with the same members", () => {
    const asAgent = key.sign("agent", {
      ...body,
      format: 1,
      signature: { signer: key.signer },
    } as never)
    const moved = { ...record, signature: { signer: key.signer, ed25519: asAgent } }
    expect(() => checkSignature(moved, owners)).toThrow(forged)
  })
})

describe("the worked example of docs/format.md", () => {
  const page = readFileSync(new URL("../../../docs/format.md", import.meta.url), "utf8")
  const owner = encodeBech32("AGE-SECRET-KEY-", Buffer.alloc(32, 7))
  const agent = encodeBech32("AGE-SECRET-KEY-", Buffer.alloc(32, 9))

  /** The body of the fenced block that begins with this text. */
  function block(start: string): string {
    const from = page.indexOf(`\n${start}`)
    expect(from).toBeGreaterThan(0)
    return page.slice(from + 1, page.indexOf("\n```", from))
  }

  test("has the record and the signature that this program makes", async () => {
    const recipient = await recipientOf(agent)
    const since = "2026-01-01T00:00:00Z"
    const example = { kind: "agent", vault: VAULT, path: "agents/ci.json", serial: 1 } as const
    const signed = signRecord<AgentRecord>({ ...example, recipient, since }, key)
    const bytes = encodeRecord(signed)
    expect(`${block('{\n  "format": 1')}\n`).toBe(Buffer.from(bytes).toString("utf8"))
    expect(page).toContain(`its digest is \`${digestOf(bytes)}\``)
  })

  test("has the bytes that are signed", async () => {
    const [kind, json = ""] = block("agent-vault/v1/agent\n").split("\n")
    expect(Buffer.byteLength(`${kind}\n${json}`)).toBe(311)
    const { ed25519 } = (JSON.parse(block('{\n  "format": 1')) as AgentRecord).signature
    expect(verifier(key.signer)("agent", JSON.parse(json) as never, ed25519)).toBe(true)
    const [, entry = ""] = block("agent-vault/v1/owner\n").split("\n")
    const recipient = await recipientOf(owner)
    const alice = { name: "alice", recipient, signer: key.signer, since: 1 }
    const { signature, ...rest } = signOwner(VAULT, alice, key)
    expect(JSON.parse(entry)).toEqual({ ...rest, vault: VAULT })
    for (const shown of [recipient, digestOf(recipient), key.signer, signature]) {
      expect(page).toContain(`\`${shown}\``)
    }
  })
})

describe("a record that says where a value may go", () => {
  const use: Use = {
    hosts: ["api.stripe.com"],
    methods: ["GET"],
    paths: ["/v1/**"],
    at: ["header:authorization"],
    scheme: "bearer",
    ask: "never",
  }
  const used = signRecord<SecretRecord>({ ...body, use: [use] }, key)
  const text = Buffer.from(encodeRecord(used)).toString("utf8")

  const unused = { use: undefined } as object

  test("has format 2, so that who knows only format 1 refuses it; all others keep format 1", () => {
    expect(used.format).toBe(2)
    expect(decode(text)).toEqual(used)
    expect(record.format).toBe(1)
    const none = signRecord<SecretRecord>({ ...body, ...unused }, key)
    expect(encodeRecord(none)).toEqual(encodeRecord(record))
  })

  test("has no other format, whoever signs it", () => {
    for (const change of [
      { use: [use], format: 1 as const },
      { format: 2 as const },
      { use: [], format: 2 as const },
      { use: Array.from({ length: 33 }, (_, n) => ({ ...use, user: `${n}` })), format: 2 as const },
      { use: [use, use], format: 2 as const },
    ]) {
      const { use: _use, ...rest } = used
      const signed = signedAs({ ...rest, ...change })
      expect(() => decode(signed)).toThrow(invalid(/is not a valid record/))
    }
  })

  test("is forged if anybody widens it, or moves it", () => {
    const wider = text.replace("api.stripe.com", "*.example.com")
    expect(() => checkSignature(decode(wider), owners)).toThrow(forged)
    expect(() => decode(text, "secrets/stripe/other.json")).toThrow(invalid("it was signed as"))
    const off = encodeRecord({ ...record, use: [use], format: 2 })
    expect(() => checkSignature(decode(off), owners)).toThrow(forged)
  })
})

test("an agent's record that tells of removed owners has format 10, and no other has it", () => {
  const escrow = digestOf("an escrow")
  const since = "2026-01-01T00:00:00Z"
  const path = "agents/ci.json"
  const agent = { kind: "agent", vault: VAULT, path, serial: 1, recipient: "age1x", since } as const
  const said = { ...agent, escrow, removedOwners: [other.signer] }
  const whole = signRecord<AgentRecord>(said, key)
  const decoded = (each: object): unknown =>
    decodeRecord("agent", path, encodeRecord(each), VAULT, owners)
  expect([whole.format, decoded(whole)]).toEqual([10, whole])
  for (const change of [
    { format: 4, sealedToOwners: [key.signer] },
    { removedOwners: undefined },
    { removedOwners: [] },
    { escrow: undefined },
  ]) {
    expect(() => decoded({ ...whole, ...change })).toThrow(invalid(/is not a valid record/))
  }
})

function read(bytes: Uint8Array, path = PATH, vault = VAULT): unknown {
  return decodeRecord("secret", path, bytes, vault, owners)
}

describe("a record of a format to come", () => {
  const newer = expect.objectContaining({
    code: "FORMAT_NEWER",
    message: expect.stringContaining("was made by a newer agent-vault") as string,
  }) as object
  const future = signedAs({ ...record, format: 1000 as 2, quota: { day: 5 } } as SecretRecord)
  test("is told as that, if an owner signed it", () => {
    expect(() => read(future)).toThrow(newer)
    expect(() => decode(future)).toThrow(newer)
    expect(() => decodeVerifiedRecord("secret", PATH, future, VAULT)).toThrow(newer)
  })

  test("is told as what it is, if no owner signed it, or not so", () => {
    const altered = Buffer.from(String(future).replace('"day": 5', '"day": 6'))
    expect(() => read(altered)).toThrow(forged)
    expect(() => read(signedAs({ ...record, format: 1000 as 2 }, other))).toThrow(forged)
    expect(() => read(future, "secrets/stripe/other.json")).toThrow(invalid("it was signed as"))
    expect(() => read(future, PATH, "f".repeat(32))).toThrow(invalid("another vault"))
    const spelled = Buffer.from(String(future).replace("\n  ", "\n   "))
    expect(() => read(spelled)).toThrow(invalid("one encoding"))
    const bare = Buffer.from('{\n  "format": 1000\n}\n')
    expect(() => read(bare)).toThrow(invalid("it has no kind"))
    for (const format of [0, -1, 3.5, "3", null]) {
      const odd = encodeRecord({ ...record, format: format as 2 })
      expect(() => read(odd)).toThrow(invalid(/format|encoding/))
    }
  })
})

/** A record as it is, signed: what a broken or a newer program of an owner's would write. */
function signedAs(whole: SecretRecord, by = key): Uint8Array {
  const content = { ...whole, signature: { signer: by.signer } }
  const ed25519 = by.sign(
    "secret",
    JSON.parse(JSON.stringify(content)) as { [key: string]: string },
  )
  return encodeRecord({ ...whole, signature: { signer: by.signer, ed25519 } })
}
