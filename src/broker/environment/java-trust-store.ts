import { integer, isSequence, octetString, oid, sequence, setOf, tagged } from "../authority/der.js"

const DATA = oid("1.2.840.113549.1.7.1")
const CERT_BAG = oid("1.2.840.113549.1.12.10.1.3")
const X509 = oid("1.2.840.113549.1.9.22.1")
/** Java's own attribute: without it, the entry is not one that is trusted. */
const TRUSTED_KEY_USAGE = oid("2.16.840.1.113894.746875.1.1")
const ANY_USAGE = oid("2.5.29.37.0")
const TRUSTED = setOf(sequence(TRUSTED_KEY_USAGE, setOf(ANY_USAGE)))
const VERSION = 3
const PEM = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g

/**
 * A trust store for Java from certificates in PEM: PKCS #12 (RFC 7292) without encryption and
 * without a password, as `keytool` would import them. They are not looked into, which would take
 * 0.2 ms each and is Java's to do; but what is not one whole element of DER would make the store
 * unreadable, and is left out.
 */
export function javaTrustStore(pem: string): Buffer {
  const certificates = [...pem.matchAll(PEM)].map(([, body = ""]) => Buffer.from(body, "base64"))
  const bags = certificates.filter(isSequence).map(bagOf)
  const contents = contentInfo(sequence(...bags))
  return sequence(integer(VERSION), contentInfo(sequence(contents)))
}

function contentInfo(data: Uint8Array): Buffer {
  return sequence(DATA, tagged(0, octetString(data)))
}

function bagOf(certificate: Uint8Array): Buffer {
  const value = sequence(X509, tagged(0, octetString(certificate)))
  return sequence(CERT_BAG, tagged(0, value), TRUSTED)
}
