import { type KeyObject, createHash, randomBytes, sign } from "node:crypto"
import { isIP } from "node:net"
import {
  bitString,
  booleanTrue,
  implicit,
  integer,
  octetString,
  oid,
  sequence,
  setOf,
  tagged,
  time,
  utf8String,
} from "./der.js"

/** Who is named, and by which key. */
interface CertifiedKey {
  /** The common name. */
  readonly name: string
  readonly publicKey: KeyObject
}

/** Who signs. */
export interface Issuer extends CertifiedKey {
  readonly privateKey: KeyObject
}

/** What a certificate says. */
interface Certification {
  readonly subject: CertifiedKey
  readonly notBefore: Date
  readonly notAfter: Date
  /** From {@link authorityExtensions} or {@link hostExtensions}. */
  readonly extensions: readonly Uint8Array[]
}

/** Names and addresses that an authority may sign for: names of hosts with all below them. */
export interface NameConstraints {
  readonly names: readonly string[]
  readonly addresses: readonly string[]
}

const ECDSA_WITH_SHA256 = sequence(oid("1.2.840.10045.4.3.2"))

/** A certificate of X.509 v3 (RFC 5280) over a P-256 key, signed with one, as PEM. */
export function certify(certification: Certification, issuer: Issuer): string {
  const { subject, notBefore, notAfter, extensions } = certification
  const toBeSigned = sequence(
    tagged(0, integer(2)),
    // Positive, and of 127 random bits.
    integer(0x40 | (randomBytes(1).readUInt8() >>> 2), ...randomBytes(15)),
    ECDSA_WITH_SHA256,
    nameOf(issuer.name),
    sequence(time(notBefore), time(notAfter)),
    nameOf(subject.name),
    spki(subject.publicKey),
    tagged(
      3,
      sequence(
        extension("2.5.29.14", octetString(keyId(subject.publicKey))),
        extension("2.5.29.35", sequence(implicit(0, keyId(issuer.publicKey)))),
        ...extensions,
      ),
    ),
  )
  const signature = sign("sha256", toBeSigned, issuer.privateKey)
  return pem(sequence(toBeSigned, ECDSA_WITH_SHA256, bitString(signature)))
}

/**
 * The extensions of an authority that signs for these names only, with `below` authorities below
 * it. All that limits it is critical: a client that does not understand a limit refuses.
 */
export function authorityExtensions(below: number, constraints: NameConstraints): Buffer[] {
  return [
    critical("2.5.29.19", sequence(booleanTrue(), integer(below))),
    critical("2.5.29.15", KEY_CERT_SIGN),
    extension("2.5.29.37", sequence(SERVER_AUTH)),
    critical("2.5.29.30", nameConstraints(constraints)),
  ]
}

/** The extensions of a server at one host: a name, or an address. */
export function hostExtensions(host: string): Buffer[] {
  const name = isIP(host) === 0 ? dnsName(host) : ipAddress(addressBytes(host))
  return [
    critical("2.5.29.19", sequence()),
    critical("2.5.29.15", DIGITAL_SIGNATURE),
    extension("2.5.29.37", sequence(SERVER_AUTH)),
    extension("2.5.29.17", sequence(name)),
  ]
}

const SERVER_AUTH = oid("1.3.6.1.5.5.7.3.1")
const KEY_CERT_SIGN = bitString(Buffer.of(0b0000_0100), 2)
const DIGITAL_SIGNATURE = bitString(Buffer.of(0b1000_0000), 7)

/**
 * A constraint limits the kinds of names that it mentions and no other, so both kinds are always
 * mentioned: without names, only what is below `invalid` (RFC 6761), where nothing is; without
 * addresses, none.
 */
function nameConstraints({ names, addresses }: NameConstraints): Buffer {
  const permitted = [
    ...(names.length > 0 ? names : ["invalid"]).map(dnsName),
    ...addresses.map((address) => ipAddress(withMask(addressBytes(address), 0xff))),
  ]
  const excluded =
    addresses.length > 0
      ? []
      : [4, 16].map((length) => ipAddress(withMask(Buffer.alloc(length), 0)))
  return sequence(
    tagged(0, ...permitted.map((name) => sequence(name))),
    ...(excluded.length > 0 ? [tagged(1, ...excluded.map((name) => sequence(name)))] : []),
  )
}

function dnsName(name: string): Buffer {
  return implicit(2, Buffer.from(name, "ascii"))
}

function ipAddress(bytes: Uint8Array): Buffer {
  return implicit(7, bytes)
}

function withMask(address: Buffer, byte: number): Buffer {
  return Buffer.concat([address, Buffer.alloc(address.length, byte)])
}

/** The bytes of an address in its canonical notation, 4 or 16. */
function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split(".").map(Number))
  const [before = "", after] = address.split("::")
  const [left, right] = [groupsOf(before), groupsOf(after)]
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0")
  const all = [...left, ...zeros, ...right]
  return Buffer.from(all.map((group) => group.padStart(4, "0")).join(""), "hex")
}

function groupsOf(text = ""): string[] {
  return text.split(":").filter(Boolean)
}

function extension(id: string, value: Uint8Array): Buffer {
  return sequence(oid(id), octetString(value))
}

function critical(id: string, value: Uint8Array): Buffer {
  return sequence(oid(id), booleanTrue(), octetString(value))
}

function nameOf(commonName: string): Buffer {
  return sequence(setOf(sequence(oid("2.5.4.3"), utf8String(commonName))))
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: "spki", format: "der" })
}

/** 160 bits of the key's digest (RFC 7093, section 2, method 1). A point of P-256 has 65 bytes. */
function keyId(key: KeyObject): Buffer {
  return createHash("sha256").update(spki(key).subarray(-65)).digest().subarray(0, 20)
}

function pem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`
}
