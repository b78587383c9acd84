import { execFileSync, spawnSync } from "node:child_process"
import { generateKeyPairSync, randomBytes } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { findCredentials } from "../../../src/precommit/detect/detect.js"
import { scanBytes } from "../../../src/precommit/look/scan.js"

const BARE = "der-private-key"
const LOCKED = "der-private-key, encrypted"
const STORE = "keystore-private-key, encrypted"

/** What is found in a file, and whether a passphrase is needed to use it. */
function foundIn(bytes: Buffer): string[] {
  return scanBytes("a.bin", bytes, {}).findings.map(
    ({ rule, encrypted = false }) => `${rule}${encrypted ? ", encrypted" : ""}`,
  )
}

const pairs = {
  rsa: () => generateKeyPairSync("rsa", { modulusLength: 1024 }),
  ec: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  ed25519: () => generateKeyPairSync("ed25519"),
  x25519: () => generateKeyPairSync("x25519"),
}

describe("a private key in DER", () => {
  test.each(Object.entries(pairs))("of %s is found, and its public half is not", (_, make) => {
    const { privateKey, publicKey } = make()
    expect(foundIn(privateKey.export({ type: "pkcs8", format: "der" }))).toEqual([BARE])
    const locked = { cipher: "aes-256-cbc", passphrase: "x", format: "der" } as const
    expect(foundIn(privateKey.export({ type: "pkcs8", ...locked }))).toEqual([LOCKED])
    expect(foundIn(publicKey.export({ type: "spki", format: "der" }))).toEqual([])
  })

  test("is found in the forms before PKCS #8", () => {
    const [rsa, ec] = [pairs.rsa(), pairs.ec()]
    expect(foundIn(rsa.privateKey.export({ type: "pkcs1", format: "der" }))).toEqual([BARE])
    expect(foundIn(rsa.publicKey.export({ type: "pkcs1", format: "der" }))).toEqual([])
    expect(foundIn(ec.privateKey.export({ type: "sec1", format: "der" }))).toEqual([BARE])
  })

  test("is found in Base64, on one line and in lines", () => {
    for (const make of Object.values(pairs)) {
      const { privateKey, publicKey } = make()
      const key = privateKey.export({ type: "pkcs8", format: "der" }).toString("base64")
      const open = publicKey.export({ type: "spki", format: "der" }).toString("base64")
      for (const write of [
        (text: string) => `private_key: ${text}\nname: x\n`,
        (text: string) => JSON.stringify({ cert: text }),
        (text: string) => `cert: |\n${text.replace(/.{1,60}/g, "  $&\n")}name: x\n`,
      ]) {
        expect(findCredentials(write(key)).map(({ rule }) => rule)).toContain(BARE)
        expect(findCredentials(write(open).replace("private", "public"))).toEqual([])
      }
    }
  })

  test("is not seen in bytes of another kind, nor in what is cut off", () => {
    const key = pairs.rsa().privateKey.export({ type: "pkcs8", format: "der" })
    for (let length = 0; length < 60; length += 1) foundIn(key.subarray(0, length))
    for (let round = 0; round < 2000; round += 1) {
      const bytes = randomBytes(64)
      bytes[0] = 0x30
      bytes[9] = 0
      expect(foundIn(bytes)).toEqual([])
    }
  })
})

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255])
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
const name = (text: string): Buffer => Buffer.concat([u16(text.length), Buffer.from(text)])
const sized = (bytes: Buffer): Buffer => Buffer.concat([u32(bytes.length), bytes])

/** A keystore as Java writes one: docs of sun.security.provider.JavaKeyStore. */
function java(magic: number, ...entries: readonly Buffer[]): Buffer {
  return Buffer.concat([u32(magic), u32(2), u32(entries.length), ...entries, randomBytes(20)])
}
const certificate = (): Buffer =>
  Buffer.concat([u32(2), name("ca"), randomBytes(8), name("X.509"), sized(randomBytes(700))])
const key = (): Buffer =>
  Buffer.concat([u32(1), name("me"), randomBytes(8), sized(randomBytes(900)), u32(0)])

/** A keystore as Bouncy Castle writes one: BcKeyStoreSpi. */
function castle(...entries: readonly Buffer[]): Buffer {
  const head = [u32(2), u32(20), randomBytes(20), u32(1400)]
  return Buffer.concat([...head, ...entries, Buffer.from([0]), randomBytes(20)])
}
const castleEntry = (kind: number, body: Buffer): Buffer =>
  Buffer.concat([Buffer.from([kind]), name("x"), randomBytes(8), u32(0), body])
const castleCertificate = (): Buffer =>
  castleEntry(1, Buffer.concat([name("X.509"), sized(randomBytes(500))]))

describe("a keystore", () => {
  test("of Java is found if a key is in it, wherever", () => {
    for (const magic of [0xfeedfeed, 0xcececece]) {
      expect(foundIn(java(magic, key()))).toEqual([STORE])
      expect(foundIn(java(magic, certificate(), certificate(), key()))).toEqual([STORE])
      expect(foundIn(java(magic, certificate(), certificate()))).toEqual([])
      expect(foundIn(java(magic))).toEqual([])
    }
  })

  test("of Bouncy Castle is found if a key is in it", () => {
    const sealed = castleEntry(4, sized(randomBytes(900)))
    expect(foundIn(castle(castleCertificate(), sealed))).toEqual([STORE])
    expect(foundIn(castle(castleCertificate(), castleCertificate()))).toEqual([])
  })

  test("that says more than it has ends", () => {
    const bytes = java(0xfeedfeed, certificate())
    bytes.writeUInt32BE(0xffffffff, 8)
    expect(foundIn(bytes)).toEqual([])
  })
})

const has = (program: string, argument: string): boolean =>
  spawnSync(program, [argument], { stdio: "ignore" }).error === undefined

function inFolder(make: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "agent-vault-keys-"))
  try {
    make(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test.runIf(has("openssl", "version"))(
  "a .p12 of openssl is found, one of certificates is not",
  () => {
    inFolder((cwd) => {
      const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd, stdio: "pipe" })
      const names = ["-subj", "/CN=x", "-keyout", "key.pem", "-out", "cert.pem"]
      openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", ...names)
      const files = ["-in", "cert.pem", "-passout", "pass:x", "-out", "a.p12"]
      openssl("pkcs12", "-export", "-inkey", "key.pem", ...files)
      const store = readFileSync(join(cwd, "a.p12"))
      expect(foundIn(store)).toEqual([STORE])
      writeFileSync(join(cwd, "a.b64"), store.toString("base64"))
      expect(foundIn(Buffer.from(`keystore: ${store.toString("base64")}\n`))).toEqual([STORE])
      openssl("pkcs12", "-export", "-inkey", "key.pem", "-keypbe", "NONE", ...files)
      expect(foundIn(readFileSync(join(cwd, "a.p12")))).toEqual(["keystore-private-key"])
      openssl("pkcs12", "-export", "-nokeys", ...files)
      expect(foundIn(readFileSync(join(cwd, "a.p12")))).toEqual([])
      openssl("x509", "-in", "cert.pem", "-outform", "DER", "-out", "cert.der")
      expect(foundIn(readFileSync(join(cwd, "cert.der")))).toEqual([])
    })
  },
)

test.runIf(has("keytool", "-help"))("the keystores of keytool", { timeout: 120_000 }, () => {
  inFolder((cwd) => {
    const keytool = (...args: string[]) => execFileSync("keytool", args, { cwd, stdio: "pipe" })
    for (const type of ["JKS", "JCEKS", "PKCS12"]) {
      const pass = ["-storetype", type, "-storepass", "fake-pass", "-alias", "me"]
      const at = [...pass, "-keystore", `${type}.store`]
      keytool("-genkeypair", ...at, "-keypass", "fake-pass", "-keyalg", "EC", "-dname", "CN=x")
      keytool("-exportcert", ...at, "-file", `${type}.cer`)
      const trust = [...pass, "-keystore", `${type}.trust`, "-file", `${type}.cer`]
      keytool("-importcert", "-noprompt", ...trust)
      expect(foundIn(readFileSync(join(cwd, `${type}.store`))), type).toEqual([STORE])
      expect(foundIn(readFileSync(join(cwd, `${type}.trust`))), type).toEqual([])
      expect(foundIn(readFileSync(join(cwd, `${type}.cer`))), type).toEqual([])
    }
  })
})

test("what Base64 hides in a text is searched, and Base64 in that", () => {
  const { privateKey } = pairs.rsa()
  const account = {
    type: "service_account",
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
    client_email: "ci@acme.iam.gserviceaccount.com",
  }
  const once = Buffer.from(JSON.stringify(account, undefined, 2)).toString("base64")
  const twice = Buffer.from(JSON.stringify({ data: once })).toString("base64")
  for (const text of [
    once,
    `creds: ${once}\n`,
    `creds: |\n${once.replace(/.{1,76}/g, "  $&\n")}`,
    once.replace(/.{1,76}/g, "$&\n"),
    JSON.stringify({ creds: once.replace(/.{1,76}/g, "$&\n") }),
    `creds: ${twice}\n`,
  ]) {
    expect(findCredentials(text).map(({ kind }) => kind)).toEqual(["private-key"])
  }
  const harmless = Buffer.from(JSON.stringify({ ...account, private_key: "${KEY}" }))
  expect(findCredentials(`creds: ${harmless.toString("base64")}\n`)).toEqual([])
})

test("a run of very many lines is read in pieces", () => {
  expect(findCredentials(`${"a".repeat(99)}\n`.repeat(90_000))).toEqual([])
})
