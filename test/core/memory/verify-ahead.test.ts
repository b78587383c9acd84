import { expect, test } from "vitest"
import { generateIdentity, recipientOf } from "../../../src/core/age/age.js"
import { VerifiedRecords } from "../../../src/core/memory/verified-records.js"
import { type Verifying, verifyAhead } from "../../../src/core/memory/verify-ahead.js"
import {
  type SecretRecord,
  digestOf,
  encodeRecord,
  signRecord,
} from "../../../src/core/records/record.js"
import { type SigningKey, signingKey, verifier } from "../../../src/core/records/signature.js"

const VAULT = "0123456789abcdef0123456789abcdef"
const TIME = "2026-01-01T00:00:00Z"
const identity = await generateIdentity("x25519")
const [owner, stranger] = [signingKey(identity), signingKey(await generateIdentity("x25519"))]
const sealedTo = digestOf(await recipientOf(identity))

function signed(path: string, key: SigningKey): SecretRecord {
  return signRecord<SecretRecord>(
    {
      kind: "secret",
      vault: VAULT,
      path,
      serial: 1,
      version: 1,
      sealedTo,
      digest: digestOf("a ciphertext"),
      created: TIME,
      changed: TIME,
    },
    key,
  )
}

let made = 0

/** A vault of these files that nobody has read yet. */
function unread(files: ReadonlyMap<string, Uint8Array>): Verifying {
  return {
    id: VAULT,
    files: { read: (path) => files.get(path), list: () => [...files.keys()] },
    verifiers: new Map([[owner.signer, verifier(owner.signer)]]),
    verifiedBefore: new VerifiedRecords(`sha256-${made++}`, undefined),
  }
}

function filesOf(count: number): Map<string, Uint8Array> {
  const paths = Array.from({ length: count }, (_, at) => `secrets/many/s${at}.json`)
  return new Map(paths.map((path) => [path, encodeRecord(signed(path, owner))]))
}

/** What stands for the key of an owner who was removed. */
function refuser(): boolean {
  throw new Error("asked")
}

function isVerified({ verifiedBefore }: Verifying, bytes: Uint8Array): boolean {
  return verifiedBefore.has(digestOf(bytes))
}

test("many are verified, and none that a reader would refuse", async () => {
  const files = filesOf(520)
  const [changed = "", foreign = "", moved = "", odd = "", broken = ""] = files.keys()
  files.set(changed, encodeRecord({ ...signed(changed, owner), version: 2 }))
  files.set(foreign, encodeRecord(signed(foreign, stranger)))
  files.set(moved, encodeRecord(signed("secrets/other/name.json", owner)))
  files.set(odd, Buffer.concat([encodeRecord(signed(odd, owner)), Buffer.from("\n")]))
  files.set(broken, Buffer.from("{"))
  const vault = unread(files)
  await verifyAhead(vault, ["secrets/many/gone.json", ...files.keys()])
  const refused = [...files].filter(([, bytes]) => !isVerified(vault, bytes))
  expect(refused.map(([path]) => path)).toEqual([changed, foreign, moved, odd, broken])
})

test("few are left to whoever reads them", async () => {
  const files = filesOf(29)
  const vault = unread(files)
  await verifyAhead(vault, [...files.keys()])
  expect([...files.values()].some((bytes) => isVerified(vault, bytes))).toBe(false)
})

test("nobody verifies for a signer from whom nothing is accepted", async () => {
  const files = filesOf(500)
  const vault = { ...unread(files), verifiers: new Map([[owner.signer, refuser]]) }
  await verifyAhead(vault, [...files.keys()])
  expect([...files.values()].some((bytes) => isVerified(vault, bytes))).toBe(false)
})
