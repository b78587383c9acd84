/**
 * The Distinguished Encoding Rules of ASN.1 (ITU-T X.690), as far as certificates need them.
 * Each function gives the bytes of one element.
 */

const SEQUENCE = 0x30
const CONTEXT = 0x80
const CONSTRUCTED = 0x20

/** An element of a tag: its length, then what it holds. */
function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const length = contents.reduce((sum, each) => sum + each.length, 0)
  const header = headerOf(tag, length)
  return Buffer.concat([header, ...contents], header.length + length)
}

function headerOf(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.of(tag, length)
  const significant: number[] = []
  for (let left = length; left > 0; left >>>= 8) significant.unshift(left & 0xff)
  return Buffer.of(tag, 0x80 | significant.length, ...significant)
}

export function sequence(...contents: readonly Uint8Array[]): Buffer {
  return element(SEQUENCE, ...contents)
}

/** Whether bytes are one sequence, as long as it says; what is in it is not looked at. */
export function isSequence(der: Buffer): boolean {
  const [, length = 0] = der
  const header = length < 0x80 ? 2 : length - 0x80 + 2
  return (
    der.length > header && headerOf(SEQUENCE, der.length - header).equals(der.subarray(0, header))
  )
}

export function setOf(content: Uint8Array): Buffer {
  return element(0x31, content)
}

export function booleanTrue(): Buffer {
  return element(0x01, Buffer.of(0xff))
}

/** A positive number, its bytes from the greatest on. */
export function integer(...bytes: readonly number[]): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0)
  const significant = Buffer.from(first < 0 ? [0] : bytes.slice(first))
  const isNegative = (significant[0] ?? 0) >= 0x80
  return element(0x02, isNegative ? Buffer.of(0) : Buffer.of(), significant)
}

/** Bits, of which the last `unused` say nothing. */
export function bitString(bytes: Uint8Array, unused = 0): Buffer {
  return element(0x03, Buffer.of(unused), bytes)
}

export function octetString(bytes: Uint8Array): Buffer {
  return element(0x04, bytes)
}

export function utf8String(text: string): Buffer {
  return element(0x0c, Buffer.from(text, "utf8"))
}

/** An object identifier, in dotted notation. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number)
  return element(0x06, Buffer.from([40 * first + second, ...rest].flatMap(base128)))
}

/** A time in UTC, to the second: two digits of the year until 2049 (RFC 5280, section 4.1.2.5). */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, "")
  return date.getUTCFullYear() < 2050
    ? element(0x17, Buffer.from(digits.slice(2)))
    : element(0x18, Buffer.from(digits))
}

/** Elements inside a tag of their own, `[number]`. */
export function tagged(number: number, ...contents: readonly Uint8Array[]): Buffer {
  return element(CONTEXT | CONSTRUCTED | number, ...contents)
}

/** Bytes in a tag instead of their type's, `[number] IMPLICIT`. */
export function implicit(number: number, bytes: Uint8Array): Buffer {
  return element(CONTEXT | number, bytes)
}

function base128(number: number): number[] {
  const bytes = [number & 0x7f]
  for (let left = number >>> 7; left > 0; left >>>= 7) bytes.unshift(0x80 | (left & 0x7f))
  return bytes
}
