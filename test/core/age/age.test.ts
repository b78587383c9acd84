import { createHash } from "node:crypto"
import { inspect } from "node:util"
import { inflateSync } from "node:zlib"
import { Decrypter, Encrypter, identityToRecipient } from "age-encryption"
import * as cctv from "cctv-age"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  generateIdentity,
  identityBytes,
  isPassphraseSealed,
  kindOfIdentity,
  kindOfRecipient,
  recipientOf,
  seal,
  sealer,
  sealWithPassphrase,
  unlocker,
  unseal,
  unsealWithPassphrase,
  type KeyKind,
} from "../../../src/core/age/age.js"
import { sealedQuickly } from "./sealed-quickly.js"
import { encodeBech32 } from "../../../src/core/age/bech32.js"
import { VaultError, type ErrorCode } from "../../../src/core/words/errors.js"

const KINDS: readonly KeyKind[] = ["x25519", "mlkem768x25519"]
const PLAINTEXT = Buffer.from("a value that no error may show")
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

async function keyPair(kind: KeyKind): Promise<{ identity: string; recipient: string }> {
  const identity = await generateIdentity(kind)
  return { identity, recipient: await recipientOf(identity) }
}

async function failure(action: () => unknown): Promise<VaultError> {
  try {
    await action()
  } catch (error) {
    if (VaultError.is(error)) return error
    throw error
  }
  throw new Error("it did not fail")
}

async function codeOf(action: () => unknown): Promise<ErrorCode> {
  return (await failure(action)).code
}

interface Vector {
  readonly name: string
  readonly expected: string
  readonly isArmored: boolean
  readonly identities: string[]
  readonly passphrase: string | undefined
  readonly digest: string | undefined
  readonly file: Uint8Array
}

function parseVector(name: string, content: Uint8Array): Vector {
  const end = Buffer.from(content).indexOf("\n\n")
  const fields = Buffer.from(content.subarray(0, end)).toString().split("\n")
  const all = (key: string): string[] =>
    fields.filter((line) => line.startsWith(`${key}: `)).map((line) => line.slice(key.length + 2))
  const body = content.slice(end + 2)
  return {
    name,
    expected: all("expect")[0] ?? "",
    isArmored: all("armored").length > 0,
    identities: all("identity"),
    passphrase: all("passphrase")[0],
    digest: all("payload")[0],
    file: all("compressed").length > 0 ? new Uint8Array(inflateSync(body)) : body,
  }
}

async function expectOutcome(
  { expected, digest }: Vector,
  open: () => Promise<Uint8Array>,
  unmatched: ErrorCode,
): Promise<void> {
  if (expected === "success") {
    const plaintext = await open()
    expect(createHash("sha256").update(plaintext).digest("hex")).toBe(digest)
  } else {
    expect(await codeOf(open)).toBe(expected === "no match" ? unmatched : "CIPHERTEXT_DAMAGED")
  }
}

describe("the CCTV vectors of the age format", () => {
  const vectors = Object.entries(cctv).map(([name, content]) => parseVector(name, content))
  const sealedToPassphrase = vectors.filter(({ passphrase }) => passphrase !== undefined)
  const sealedToIdentity = vectors.filter(({ passphrase }) => passphrase === undefined)
  const binary = sealedToIdentity.filter(({ isArmored }) => !isArmored)
  const armored = sealedToIdentity.filter(({ isArmored }) => isArmored)

  test("are all run, in the three groups below", () => {
    expect(vectors).toHaveLength(143)
    expect([binary.length, sealedToPassphrase.length, armored.length]).toEqual([85, 26, 32])
  })

  test.each(binary)("$name, by identity: $expected", async (vector) => {
    await expectOutcome(vector, () => unseal(vector.file, vector.identities), "NOT_A_READER")
  })

  test.each(sealedToPassphrase)("$name, by passphrase: $expected", async (vector) => {
    // Its only stanza is "Scrypt", another type than "scrypt": such a file has no passphrase.
    const unmatched = vector.name === "scrypt_uppercase" ? "CIPHERTEXT_DAMAGED" : "PASSPHRASE_WRONG"
    const passphrase = vector.passphrase ?? ""
    await expectOutcome(vector, () => unsealWithPassphrase(vector.file, passphrase), unmatched)
  })

  // A vault's files are binary, so only a passphrase-sealed file may be armored. These files are
  // sealed to identities: `unseal` refuses them all; the passphrase's path reads their armor, then
  // either refuses it or gets as far as the stanzas; and what was inside opens without the armor.
  test.each(armored)("$name, armored, by identity: $expected", async (vector) => {
    const { file, identities, expected } = vector
    expect(await codeOf(() => unseal(file, identities))).toBe("CIPHERTEXT_DAMAGED")

    const error = await failure(() => unsealWithPassphrase(file, "any"))
    expect(error.code).toBe("CIPHERTEXT_DAMAGED")
    const armorAccepted = error.message === "the file is not sealed to one passphrase"
    expect(armorAccepted).toBe(!/^(armor|header) failure$/.test(expected))
    if (!armorAccepted) return

    const base64 = Buffer.from(file).toString().trim().split(/\r?\n/).slice(1, -1).join("")
    const inside = new Uint8Array(Buffer.from(base64, "base64"))
    await expectOutcome(vector, () => unseal(inside, identities), "NOT_A_READER")
  })
})

describe("keys", () => {
  test.each(KINDS)("a new %s identity has its kind, 32 bytes and a recipient", async (kind) => {
    const { identity, recipient } = await keyPair(kind)
    expect(kindOfIdentity(identity)).toBe(kind)
    expect(kindOfRecipient(recipient)).toBe(kind)
    expect(identityBytes(identity)).toHaveLength(32)
    expect(identity).not.toBe(await generateIdentity(kind))
  })

  test.each(KINDS)(
    "age-encryption computes the same recipient of any %s identity",
    async (kind) => {
      const prefix = kind === "x25519" ? "AGE-SECRET-KEY-" : "AGE-SECRET-KEY-PQ-"
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), async (raw) => {
          const identity = encodeBech32(prefix, raw)
          expect(identityBytes(identity)).toEqual(raw)
          expect(await recipientOf(identity)).toBe(await identityToRecipient(identity))
        }),
        { numRuns: 20 },
      )
    },
  )

  test.each(KINDS)("one wrong character makes a %s key invalid", async (kind) => {
    const { identity, recipient } = await keyPair(kind)
    for (const [key, code, check] of [
      [identity, "KEY_INVALID", kindOfIdentity],
      [recipient, "RECIPIENT_INVALID", kindOfRecipient],
    ] as const) {
      const step = Math.ceil(key.length / 60)
      for (let at = 0; at < key.length; at += step) {
        const other = key[at] === "q" || key[at] === "Q" ? "p" : "q"
        const wrong = key.slice(0, at) + other + key.slice(at + 1)
        expect(await codeOf(() => check(wrong))).toBe(code)
      }
    }
  })

  test("an identity is refused in another form, and never repeated", async () => {
    const { identity, recipient } = await keyPair("x25519")
    const short = encodeBech32("AGE-SECRET-KEY-", identityBytes(identity).subarray(1))
    const foreign = encodeBech32("AGE-PLUGIN-YUBIKEY-", identityBytes(identity))
    const forms = [identity.toLowerCase(), `${identity}\n`, ` ${identity}`, identity.slice(0, -1)]
    for (const wrong of ["", recipient, short, foreign, ...forms]) {
      const error = await failure(() => kindOfIdentity(wrong))
      expect(error.code).toBe("KEY_INVALID")
      if (wrong !== "") expect(inspect(error)).not.toContain(wrong.trim())
      expect(await codeOf(() => unseal(PLAINTEXT, [wrong]))).toBe("KEY_INVALID")
    }
  })

  test("a recipient is refused in another form, or of another type", async () => {
    const { identity, recipient } = await keyPair("x25519")
    const raw = identityBytes(identity)
    const tagged = [
      encodeBech32("age1tag", new Uint8Array(33)),
      encodeBech32("age1tagpq", new Uint8Array(1249)),
      encodeBech32("age1yubikey", new Uint8Array(33)),
      encodeBech32("age1pq", new Uint8Array(1215)),
      encodeBech32("age", raw.subarray(1)),
      encodeBech32("agf", raw),
    ]
    const ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN"
    const forms = [recipient.toUpperCase(), `${recipient} `, recipient.slice(0, -1), "", ssh]
    for (const wrong of [identity, ...tagged, ...forms]) {
      const error = await failure(() => kindOfRecipient(wrong))
      expect(error.code).toBe("RECIPIENT_INVALID")
      expect(inspect(error)).not.toContain(identity)
      expect(await codeOf(() => seal(PLAINTEXT, [wrong]))).toBe("RECIPIENT_INVALID")
    }
  })

  test("a recipient that is not a usable public key is refused when it is sealed to", async () => {
    const lowOrder = encodeBech32("age", new Uint8Array(32))
    const lowOrderHybrid = encodeBech32("age1pq", new Uint8Array(1216))
    for (const recipient of [lowOrder, lowOrderHybrid]) {
      expect(await codeOf(() => seal(PLAINTEXT, [recipient]))).toBe("RECIPIENT_INVALID")
    }
  })
})

describe.each(KINDS)("sealing to %s recipients", (kind) => {
  const sizes = [0, 1, 2 ** 16 - 1, 2 ** 16, 2 ** 16 + 1, 2 ** 17, 2 ** 17 + 1]

  test("any bytes come back, for each of the recipients and for nobody else", async () => {
    const pairs = await Promise.all([1, 2, 3].map(() => keyPair(kind)))
    const stranger = await keyPair(kind)
    const readers = fc.subarray(pairs, { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(readers, fc.uint8Array({ maxLength: 300 }), async (chosen, plaintext) => {
        const recipients = chosen.map(({ recipient }) => recipient)
        const file = await seal(plaintext, recipients)
        for (const { identity } of chosen) {
          expect(await unseal(file, [stranger.identity, identity])).toEqual(plaintext)
        }
        expect(await codeOf(() => unseal(file, [stranger.identity]))).toBe("NOT_A_READER")
        expect(await codeOf(() => unseal(file, []))).toBe("NOT_A_READER")
      }),
      { numRuns: kind === "x25519" ? 50 : 5 },
    )
  })

  test.each(sizes)("%i bytes come back, and agree with age-encryption both ways", async (size) => {
    const { identity, recipient } = await keyPair(kind)
    const plaintext = new Uint8Array(size).map((_, at) => at * 7)
    const encrypter = new Encrypter()
    encrypter.addRecipient(recipient)
    const decrypter = new Decrypter()
    decrypter.addIdentity(identity)
    const file = await seal(plaintext, [recipient])
    for (const opened of [
      await unseal(file, [identity]),
      await unseal(await encrypter.encrypt(plaintext), [identity]),
      await decrypter.decrypt(file),
    ]) {
      expect(Buffer.compare(opened, plaintext)).toBe(0)
    }
  })

  test("a sealer and an unlocker serve many files, also at once", async () => {
    const { identity, recipient } = await keyPair(kind)
    const [sealTo, open] = [sealer([recipient]), unlocker([identity])]
    const plaintexts = ["one", "two", "three"].map(bytes)
    const files = await Promise.all(plaintexts.map(sealTo))
    expect(await Promise.all(files.map(open))).toEqual(plaintexts)
    expect(new Set(files.map((file) => Buffer.from(file).toString("hex"))).size).toBe(3)
  })

  test("a file cut anywhere, with a bit flipped anywhere, or with more behind never opens", async () => {
    const { identity, recipient } = await keyPair(kind)
    const open = unlocker([identity])
    const file = await seal(bytes("value"), [recipient])
    const refusals: ErrorCode[] = ["CIPHERTEXT_DAMAGED", "NOT_A_READER"]
    const step = kind === "x25519" ? 1 : 7
    for (let at = 0; at < file.length; at += step) {
      expect(await codeOf(() => open(file.slice(0, at)))).toBe("CIPHERTEXT_DAMAGED")
      const flipped = file.slice()
      flipped[at] = (file[at] ?? 0) ^ (1 << (at % 8))
      expect(refusals).toContain(await codeOf(() => open(flipped)))
    }
    expect(await codeOf(() => open(Buffer.concat([file, bytes("\n")])))).toBe("CIPHERTEXT_DAMAGED")
    expect(await codeOf(() => open(Buffer.concat([file, file])))).toBe("CIPHERTEXT_DAMAGED")
  })
})

describe("the edges of sealing", () => {
  test("classic and post-quantum recipients do not mix", async () => {
    const recipients = await Promise.all(KINDS.map(async (kind) => (await keyPair(kind)).recipient))
    expect(await codeOf(() => seal(PLAINTEXT, recipients))).toBe("KEYS_MIXED")
    expect(await codeOf(() => sealer(recipients.toReversed()))).toBe("KEYS_MIXED")
  })

  test("to seal to nobody is a bug of the caller", async () => {
    expect(await codeOf(() => seal(PLAINTEXT, []))).toBe("BUG")
  })

  test("an unlocker may hold identities of both kinds", async () => {
    const pairs = await Promise.all(KINDS.map(keyPair))
    const open = unlocker(pairs.map(({ identity }) => identity))
    for (const { recipient } of pairs) {
      expect(await open(await seal(bytes("value"), [recipient]))).toEqual(bytes("value"))
    }
  })

  test("age-encryption still says in these words that no identity matched", async () => {
    const { recipient } = await keyPair("x25519")
    const decrypter = new Decrypter()
    await expect(decrypter.decrypt(await seal(PLAINTEXT, [recipient]))).rejects.toThrow(
      /^no identity matched any of the file's recipients$/,
    )
  })
})

describe("passphrases", () => {
  test("a sealed file is armored, at work factor 18, and opens with its passphrase only", async () => {
    const file = await sealWithPassphrase(PLAINTEXT, "correct horse – ü")
    const text = Buffer.from(file).toString()
    expect(text).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/)
    expect(
      Buffer.from(text.split("\n").slice(1, -2).join(""), "base64").toString("latin1"),
    ).toMatch(/^age-encryption\.org\/v1\n-> scrypt \S{22} 18\n/)
    expect(await isPassphraseSealed(file)).toBe(true)
    expect(Buffer.from(await unsealWithPassphrase(file, "correct horse – ü"))).toEqual(PLAINTEXT)
    expect(await codeOf(() => unsealWithPassphrase(file, "correct horse"))).toBe("PASSPHRASE_WRONG")
  })

  test("an empty passphrase seals nothing, and opens nothing", async () => {
    expect(await codeOf(() => sealWithPassphrase(PLAINTEXT, ""))).toBe("USAGE")
    const file = await sealedQuickly(PLAINTEXT, "x")
    expect(await codeOf(() => unsealWithPassphrase(file, ""))).toBe("PASSPHRASE_WRONG")
  })

  test("a file cut anywhere, or with a bit flipped anywhere, never opens", async () => {
    const file = await sealedQuickly(PLAINTEXT, "passphrase")
    expect(Buffer.from(await unsealWithPassphrase(file, "passphrase"))).toEqual(PLAINTEXT)
    const workFactor = Buffer.from(file).indexOf(" 3\n") + 1
    for (let at = 0; at < file.length; at++) {
      const cut = file.slice(0, at)
      expect(await codeOf(() => unsealWithPassphrase(cut, "passphrase"))).toBe("CIPHERTEXT_DAMAGED")
      const flipped = file.slice()
      flipped[at] = (file[at] ?? 0) ^ (at === workFactor ? 1 : 1 << (at % 8))
      const code = await codeOf(() => unsealWithPassphrase(flipped, "passphrase"))
      expect(["CIPHERTEXT_DAMAGED", "PASSPHRASE_WRONG"]).toContain(code)
    }
  })

  test("what is sealed to a recipient, plain, cut or empty is not passphrase-sealed", async () => {
    const { identity, recipient } = await keyPair("x25519")
    const sealed = await seal(PLAINTEXT, [recipient])
    const cut = (await sealWithPassphrase(PLAINTEXT, "x")).subarray(0, 100)
    for (const file of [sealed, bytes(identity), cut, new Uint8Array()]) {
      expect(await isPassphraseSealed(file)).toBe(false)
    }
    expect(await codeOf(() => unsealWithPassphrase(sealed, "x"))).toBe("CIPHERTEXT_DAMAGED")
    expect(await isPassphraseSealed(await sealedQuickly(PLAINTEXT, "x"))).toBe(true)
  })

  test("the event loop lives on while a passphrase is stretched", async () => {
    let isSealed = false
    const sealing = sealWithPassphrase(PLAINTEXT, "x").then(() => (isSealed = true))
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
    // Stretched by this thread itself, it would be sealed by the first turn.
    expect(isSealed).toBe(false)
    await sealing
  })
})

test("no error shows a secret: not its message, its stack, nor any of its causes", async () => {
  const passphrase = "the passphrase itself"
  const [classic, hybrid] = await Promise.all([keyPair("x25519"), keyPair("mlkem768x25519")])
  const secrets = [PLAINTEXT.toString(), PLAINTEXT.toString("hex"), passphrase].concat(
    [classic.identity, hybrid.identity].flatMap((identity) => [
      identity.slice(0, 40),
      identity.slice(0, 40).toLowerCase(),
      Buffer.from(identityBytes(identity)).toString("hex"),
    ]),
  )
  const file = await seal(PLAINTEXT, [classic.recipient])
  const errors = [
    () => kindOfIdentity(`${classic.identity}x`),
    () => identityBytes(hybrid.identity.toLowerCase()),
    () => recipientOf(classic.identity.replace("KEY-1", "KEY-PQ-1")),
    () => kindOfRecipient(classic.identity),
    () => seal(PLAINTEXT, [hybrid.identity]),
    () => seal(PLAINTEXT, [classic.recipient, hybrid.recipient]),
    () => seal(PLAINTEXT, [encodeBech32("age", new Uint8Array(32))]),
    () => unseal(file, [hybrid.identity]),
    () => unseal(file.subarray(0, -1), [classic.identity]),
    () => unseal(bytes(classic.identity), [classic.identity]),
    () => unseal(Buffer.concat([PLAINTEXT, bytes("\n")]), [classic.identity]),
    () => unseal(bytes(`age-encryption.org/v1${classic.identity}\n`), [classic.identity]),
    () => unsealWithPassphrase(file, passphrase),
    () => unsealWithPassphrase(bytes(`${classic.identity}\n`), passphrase),
    () => unsealWithPassphrase(bytes(hybrid.identity), passphrase),
  ]
  for (const action of errors) {
    const error = await failure(action)
    const shown = inspect(error, { depth: null, showHidden: true }) + JSON.stringify(error)
    for (const secret of secrets) expect(shown).not.toContain(secret)
  }
})
