import { createHmac, timingSafeEqual } from "node:crypto"

/** What is looked for, in secret, and whether it may be broken into lines. */
interface Sought {
  readonly bytes: Uint8Array
  readonly wraps: boolean
}

/** The place of a secret in a text; offsets in bytes. */
interface Sighting {
  /** The secret, by its place among all. */
  readonly secret: number
  readonly start: number
  readonly end: number
}

const MAC = 16
/** The bytes of one entry: hash of a window, place of the window, length and a flag, MAC. */
const ENTRY = 12 + MAC
/** How many bytes a window has; no form is shorter. */
const WINDOW = 6
const WRAPS = 0x80000000
const [TAB, LINE_FEED, CARRIAGE_RETURN, SPACE] = [9, 10, 13, 32]
/** So much larger than its content is the filter, for few false alarms. */
const ROOM = 16

/**
 * Makes digests of forms under a key of 32 bytes: for each a hash of 6 bytes from its middle, and
 * a truncated HMAC-SHA256 of the whole. Without the key they tell nothing but lengths.
 */
export function digestsOf(forms: readonly Sought[], key: Uint8Array): Buffer {
  const { multiplier, mac } = keysOf(key)
  const entries = forms.map(({ bytes, wraps }) => {
    const entry = Buffer.alloc(ENTRY)
    const at = Math.floor((bytes.length - WINDOW) / 2)
    entry.writeUInt32LE(hashOf(bytes, at, multiplier) >>> 0, 0)
    entry.writeUInt32LE(at, 4)
    entry.writeUInt32LE((bytes.length | (wraps ? WRAPS : 0)) >>> 0, 8)
    macOf(bytes, mac).copy(entry, 12)
    return entry
  })
  return Buffer.concat(entries)
}

/** Finds values in texts by their digests alone: one pass, whatever their number. */
export class Digests {
  readonly #entries: Buffer
  /** The hash of each entry, sorted, and its secret. */
  readonly #hashes: Uint32Array
  readonly #secrets: Uint32Array
  readonly #multiplier: number
  readonly #mac: Buffer
  readonly #filter: Uint8Array
  readonly #shift: number

  /** Takes what {@link digestsOf} made for each secret, under the same key. */
  constructor(bySecret: readonly Uint8Array[], key: Uint8Array) {
    const { multiplier, mac } = keysOf(key)
    this.#multiplier = multiplier
    this.#mac = mac
    const entries = Buffer.concat(bySecret)
    const owners = bySecret.flatMap(({ length }, secret) =>
      Array.from({ length: length / ENTRY }, () => secret),
    )
    const hashes = Uint32Array.from(owners, (_, index) => entries.readUInt32LE(index * ENTRY))
    const order = Uint32Array.from(owners.keys()).sort(
      (a, b) => (hashes[a] ?? 0) - (hashes[b] ?? 0),
    )
    this.#hashes = order.map((index) => hashes[index] ?? 0)
    this.#secrets = order.map((index) => owners[index] ?? 0)
    this.#entries = Buffer.alloc(entries.length)
    for (const [to, from] of order.entries()) {
      entries.copy(this.#entries, to * ENTRY, from * ENTRY, (from + 1) * ENTRY)
    }
    const bits = Math.max(12, Math.ceil(Math.log2(order.length * ROOM + 1)))
    this.#shift = 32 - bits
    this.#filter = new Uint8Array(1 << bits)
    for (const hash of hashes) this.#filter[hash >>> this.#shift] = 1
  }

  /** Where values stand in a text, in one piece or broken into lines. */
  find(text: Uint8Array): Sighting[] {
    const found = this.#findIn(text, false)
    const { joined, origin } = withoutLineEnds(text)
    if (joined.length === text.length) return widest(found)
    const across = this.#findIn(joined, true).map(({ secret, start, end }) => ({
      secret,
      start: origin(start),
      end: origin(end - 1) + 1,
    }))
    return widest([...found, ...across])
  }

  #findIn(text: Uint8Array, onlyWraps: boolean): Sighting[] {
    const found: Sighting[] = []
    if (text.length < WINDOW || this.#hashes.length === 0) return found
    const [multiplier, filter, shift] = [this.#multiplier, this.#filter, this.#shift]
    const leaving = power(multiplier, WINDOW + 1)
    let hash = hashOf(text, 0, multiplier)
    for (let at = 0; ; at += 1) {
      if (filter[hash >>> shift] === 1) this.#confirm(text, at, hash >>> 0, onlyWraps, found)
      const next = at + WINDOW
      if (next >= text.length) return found
      hash =
        (Math.imul(hash + (text[next] ?? 0), multiplier) - Math.imul(text[at] ?? 0, leaving)) | 0
    }
  }

  /** Compares the entries of a hash with the text around the window. */
  #confirm(
    text: Uint8Array,
    at: number,
    hash: number,
    onlyWraps: boolean,
    found: Sighting[],
  ): void {
    for (let index = this.#first(hash); this.#hashes[index] === hash; index += 1) {
      const entry = index * ENTRY
      const flags = this.#entries.readUInt32LE(entry + 8)
      const [wraps, length] = [flags >= WRAPS, flags & ~WRAPS]
      const start = at - this.#entries.readUInt32LE(entry + 4)
      const end = start + length
      if (start < 0 || end > text.length || (onlyWraps && !wraps)) continue
      const mac = this.#entries.subarray(entry + 12, entry + ENTRY)
      if (!timingSafeEqual(mac, macOf(text.subarray(start, end), this.#mac))) continue
      found.push({ secret: this.#secrets[index] ?? 0, start, end })
    }
  }

  /** The first entry of a hash, or where it would be. */
  #first(hash: number): number {
    let [low, high] = [0, this.#hashes.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#hashes[middle] ?? 0) < hash) low = middle + 1
      else high = middle
    }
    return low
  }
}

function keysOf(key: Uint8Array): { multiplier: number; mac: Buffer } {
  const derive = (purpose: string): Buffer => createHmac("sha256", key).update(purpose).digest()
  // Odd, so that every byte of a window counts.
  return { multiplier: derive("window").readUInt32LE(0) | 1 | 0, mac: derive("mac") }
}

function macOf(bytes: Uint8Array, key: Buffer): Buffer {
  return createHmac("sha256", key).update(bytes).digest().subarray(0, MAC)
}

/** A polynomial over the window, modulo 2^32: the last byte is multiplied once. */
function hashOf(bytes: Uint8Array, at: number, multiplier: number): number {
  let hash = 0
  for (let index = at; index < at + WINDOW; index += 1) {
    hash = Math.imul(hash + (bytes[index] ?? 0), multiplier)
  }
  return hash
}

function power(base: number, exponent: number): number {
  let result = 1
  for (let index = 0; index < exponent; index += 1) result = Math.imul(result, base)
  return result
}

interface Joined {
  readonly joined: Uint8Array
  /** Where a byte of the joined text stood. */
  readonly origin: (at: number) => number
}

/** A text without its line ends, and the indentation behind them. */
function withoutLineEnds(text: Uint8Array): Joined {
  const pieces: Uint8Array[] = []
  /** Where each piece begins, in the joined text and in the other. */
  const starts: number[] = []
  const origins: number[] = []
  let length = 0
  for (let at = 0; at < text.length;) {
    const lineEnd = text.indexOf(LINE_FEED, at)
    const next = lineEnd === -1 ? text.length : lineEnd
    const end = next > at && text[next - 1] === CARRIAGE_RETURN ? next - 1 : next
    pieces.push(text.subarray(at, end))
    starts.push(length)
    origins.push(at)
    length += end - at
    at = next + 1
    while (text[at] === SPACE || text[at] === TAB) at += 1
  }
  const origin = (at: number): number => {
    const piece = lastNotAbove(starts, at)
    return (origins[piece] ?? 0) + at - (starts[piece] ?? 0)
  }
  return { joined: pieces.length < 2 ? text : Buffer.concat(pieces), origin }
}

function lastNotAbove(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if ((sorted[middle] ?? 0) <= value) low = middle
    else high = middle - 1
  }
  return low
}

/** Forms can lie within each other. Keeps the widest of those that overlap. */
function widest(found: readonly Sighting[]): Sighting[] {
  const kept: Sighting[] = []
  for (const each of found.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = kept.at(-1)
    if (last === undefined || last.end <= each.start) kept.push(each)
    else if (each.end - each.start > last.end - last.start) kept[kept.length - 1] = each
  }
  return kept
}
