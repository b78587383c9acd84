import { createCipheriv, createHmac, randomBytes } from "node:crypto"
import { inflateSync } from "node:zlib"
import * as cctv from "cctv-age"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { generateIdentity, identityBytes, recipientOf, seal } from "../../../src/core/age/age.js"
import { openingWith, sealingTo } from "../../../src/core/age/age-library.js"
import { openX25519File } from "../../../src/core/age/x25519-file.js"
import {
  type X25519Identity,
  hkdf,
  x25519Identity,
  x25519PublicKey,
} from "../../../src/core/age/x25519.js"
import { sealX25519File, x25519Recipient } from "../../../src/core/age/x25519-sealing.js"

// age-encryption says what an age file is: what opens here is what opens there, and the same.

const NOTHING = new Uint8Array(0)

async function byLibrary(
  file: Uint8Array,
  identities: readonly X25519Identity[],
): Promise<Uint8Array | undefined> {
  return openingWith(identities)(file).catch(() => undefined)
}

/** Whether it opened; then age-encryption must have opened it too. */
async function opensAlike(
  file: Uint8Array,
  identities: readonly X25519Identity[],
): Promise<boolean> {
  const value = openX25519File(file, identities)
  if (value === undefined) return false
  expect(await byLibrary(file, identities)).toEqual(value)
  return true
}

async function newKey(): Promise<{ identity: X25519Identity; recipient: string }> {
  const line = await generateIdentity("x25519")
  return { identity: x25519Identity(identityBytes(line)), recipient: await recipientOf(line) }
}

describe("a file that is sealed here", () => {
  test.each([0, 1, 300, 2 ** 16 - 1, 2 ** 16])(
    "of %i bytes is what age-encryption opens, with each key and with no other",
    async (size) => {
      const keys = Array.from({ length: 3 }, () => randomBytes(32))
      const recipients = keys.map((key) => x25519Recipient(x25519PublicKey(key)))
      const value = new Uint8Array(randomBytes(size))
      const file = sealX25519File(value, recipients) ?? NOTHING
      for (const key of keys) expect(await byLibrary(file, [x25519Identity(key)])).toEqual(value)
      expect(await byLibrary(file, [x25519Identity(randomBytes(32))])).toBeUndefined()
      expect(file.length).toBe((await sealingTo(recipients)(value)).length)
    },
  )

  test("has another file key, nonce and share each time, and a buffer of its own", () => {
    const recipient = x25519Recipient(x25519PublicKey(randomBytes(32)))
    const made = Array.from({ length: 50 }, () => sealX25519File(NOTHING, [recipient]) ?? NOTHING)
    const texts = made.map((file) => Buffer.from(file).toString("latin1"))
    for (const part of [/X25519 (.*)/, /\n([^\n]*)\n---/, /--- (.*)/, /--- .*\n([^]{16})/]) {
      expect(new Set(texts.map((text) => part.exec(text)?.[1])).size).toBe(made.length)
    }
    for (const file of made) expect(file.buffer.byteLength).toBe(file.length)
  })

  test("has one chunk: larger values, and those for nobody, are left to age-encryption", () => {
    const recipient = x25519Recipient(x25519PublicKey(randomBytes(32)))
    expect(sealX25519File(new Uint8Array(2 ** 16 + 1), [recipient])).toBeUndefined()
    expect(sealX25519File(NOTHING, [])).toBeUndefined()
  })
})

describe("a file as seal() makes it", () => {
  test.each([0, 1, 2 ** 16 - 1, 2 ** 16])("of one chunk, %i bytes, opens", async (size) => {
    const [reader, other, stranger] = await Promise.all([newKey(), newKey(), newKey()])
    const value = new Uint8Array(randomBytes(size))
    const file = await seal(value, [other.recipient, reader.recipient])
    expect(openX25519File(file, [stranger.identity, reader.identity])).toEqual(value)
    expect(openX25519File(file, [stranger.identity])).toBeUndefined()
    expect(openX25519File(file, [])).toBeUndefined()
  })

  test("of more than one chunk is left to age-encryption", async () => {
    const { identity, recipient } = await newKey()
    const file = await seal(new Uint8Array(2 ** 16 + 1), [recipient])
    expect(openX25519File(file, [identity])).toBeUndefined()
  })

  test("is read where it lies, in a larger buffer too, and its value is in one of its own", async () => {
    const { identity, recipient } = await newKey()
    const file = await seal(Buffer.from("a value"), [recipient])
    const within = new Uint8Array(file.length + 20).fill(0x20)
    within.set(file, 7)
    const value = openX25519File(within.subarray(7, 7 + file.length), [identity])
    expect(Buffer.from(value ?? NOTHING).toString()).toBe("a value")
    expect(value?.buffer.byteLength).toBeLessThan(64)
  })
})

test("of the CCTV vectors those open that open with age-encryption, and the same comes out", async () => {
  const opened: string[] = []
  for (const [name, content] of Object.entries(cctv)) {
    const end = Buffer.from(content).indexOf("\n\n")
    const fields = Buffer.from(content.subarray(0, end)).toString().split("\n")
    const keys = fields.filter((line) => line.startsWith("identity: AGE-SECRET-KEY-1"))
    const identities = keys.map((line) =>
      x25519Identity(identityBytes(line.slice("identity: ".length))),
    )
    const body = content.slice(end + 2)
    const isPacked = fields.some((line) => line.startsWith("compressed: "))
    const file = isPacked ? new Uint8Array(inflateSync(body)) : body
    if (await opensAlike(file, identities)) opened.push(name)
  }
  expect(opened).toContain("x25519")
  expect(opened.length).toBeGreaterThan(3)
})

/** A file with this header, authentic whatever it says, as who knows the file key can make it. */
function fileWith(header: string, fileKey: Uint8Array): Uint8Array {
  const mac = createHmac("sha256", hkdf(fileKey, NOTHING, "header"))
    .update(header)
    .digest("base64")
  const nonce = randomBytes(16)
  const chunk = Uint8Array.of(...new Uint8Array(11), 1)
  const key = hkdf(fileKey, nonce, "payload")
  const cipher = createCipheriv("chacha20-poly1305", key, chunk, { authTagLength: 16 })
  const sealed = [cipher.update("value"), cipher.final(), cipher.getAuthTag()]
  return Buffer.concat([Buffer.from(`${header} ${mac.replace("=", "")}\n`), nonce, ...sealed])
}

async function headerFor(fileKey: Uint8Array, keys: readonly Uint8Array[]): Promise<string> {
  let header = "age-encryption.org/v1\n"
  for (const key of keys) {
    for (const { args, body } of await x25519Recipient(x25519PublicKey(key)).wrapFileKey(fileKey)) {
      const line = Buffer.from(body).toString("base64").replace("=", "")
      header += `-> ${args.join(" ")}\n${line}\n`
    }
  }
  return `${header}---`
}

test("an authentic header with anything else in it opens only if it does with age-encryption", async () => {
  const [fileKey, key] = [randomBytes(16), randomBytes(32)]
  const header = await headerFor(fileKey, [key, randomBytes(32), randomBytes(32)])
  const identities = [x25519Identity(key)]
  expect(await opensAlike(fileWith(header, fileKey), identities)).toBe(true)
  const piece = fc.oneof(
    fc.constantFrom("", "\n", " ", "=", "A", "-> ", "-> X25519 ", "--- ", "-> grease\n\n", "\r\n"),
    fc.string({ minLength: 1, maxLength: 3 }),
  )
  const at = fc.nat(header.length)
  let refused = 0
  await fc.assert(
    fc.asyncProperty(at, fc.nat(3), piece, async (from, cut, text) => {
      const other = header.slice(0, from) + text + header.slice(from + cut)
      if (!(await opensAlike(fileWith(other, fileKey), identities))) refused += 1
    }),
    { numRuns: 400 },
  )
  expect(refused).toBeGreaterThan(100)
})

test("a second spelling of base64 in any line opens nothing", async () => {
  const [fileKey, key] = [randomBytes(16), randomBytes(32)]
  const header = await headerFor(fileKey, [key, randomBytes(32)])
  // 32 bytes leave two bits over in the last letter, which are zero.
  const lines = header.split("\n")
  for (const [at, line] of lines.entries()) {
    if (!/[A-Za-z0-9+/]{43}$/.test(line)) continue
    const last = line.charCodeAt(line.length - 1)
    const other = lines.with(at, line.slice(0, -1) + String.fromCharCode(last + 1)).join("\n")
    expect(openX25519File(fileWith(other, fileKey), [x25519Identity(key)])).toBeUndefined()
  }
})
