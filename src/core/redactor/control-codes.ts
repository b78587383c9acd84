const [BELL, CANCEL, SUBSTITUTE, ESCAPE, SPACE, DELETE] = [0x07, 0x18, 0x1a, 0x1b, 0x20, 0x7f]
const [INTRODUCER, BACKSLASH] = [0x5b, 0x5c]
/** What begins a string that a terminal takes to itself: DCS, SOS, OSC, PM, APC. */
const STRINGS = new Set([0x50, 0x58, 0x5d, 0x5e, 0x5f])

/** Between escape sequences. */
const TEXT = 0
const IN_ESCAPE = 1
/** Behind an escape and what stands between it and its last byte. */
const IN_DESIGNATION = 2
const IN_SEQUENCE = 3
const IN_STRING = 4
/** Behind an escape in a string, which may end it. */
const AT_STRING_END = 5

/**
 * Tells, byte by byte, what a terminal shows from what moves its cursor, colours, or is told to it
 * otherwise: control characters and escape sequences.
 */
export class ControlCodes {
  #state: number = TEXT

  /** Whether the next byte is shown. */
  isText(byte: number): boolean {
    if (this.#state === TEXT && byte >= SPACE) return byte !== DELETE
    this.#state = next(this.#state, byte)
    return false
  }

  /** The same, where the next byte is only looked at. */
  wouldBeText(byte: number): boolean {
    return this.#state === TEXT && byte >= SPACE && byte !== DELETE
  }

  copy(other: ControlCodes): void {
    this.#state = other.#state
  }

  /** All of the next bytes that is shown; the very same bytes if all are. */
  textOf(bytes: Uint8Array): Uint8Array {
    let at = 0
    while (at < bytes.length && this.isText(bytes[at] ?? 0)) at += 1
    if (at === bytes.length) return bytes
    const text = new Uint8Array(bytes.length)
    text.set(bytes.subarray(0, at))
    let length = at
    for (at += 1; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0
      if (!this.isText(byte)) continue
      text[length] = byte
      length += 1
    }
    return text.subarray(0, length)
  }
}

/** A value as a terminal shows it: without control characters. The same if it has none. */
export function shownOf(value: Uint8Array): Uint8Array {
  const shown = value.filter((byte) => byte >= SPACE && byte !== DELETE)
  return shown.length === value.length ? value : shown
}

/** As ECMA-48 has it, and xterm: an escape begins anew anywhere, and two characters cancel. */
function next(state: number, byte: number): number {
  if (byte === CANCEL || byte === SUBSTITUTE) return TEXT
  if (byte === ESCAPE) return state === IN_STRING ? AT_STRING_END : IN_ESCAPE
  if (state === IN_STRING) return byte === BELL ? TEXT : IN_STRING
  if (state === AT_STRING_END && byte === BACKSLASH) return TEXT
  if (state === TEXT) return TEXT
  if (byte < SPACE || byte === DELETE) return state === AT_STRING_END ? IN_ESCAPE : state
  if (state === IN_SEQUENCE) return byte < 0x40 ? IN_SEQUENCE : TEXT
  if (byte < 0x30) return IN_DESIGNATION
  if (state === IN_DESIGNATION) return TEXT
  if (byte === INTRODUCER) return IN_SEQUENCE
  return STRINGS.has(byte) ? IN_STRING : TEXT
}
