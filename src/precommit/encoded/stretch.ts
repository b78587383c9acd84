/** Characters, as a table by their codes: 1 for each that belongs. */
export type Alphabet = Uint8Array

/** The alphabet of these characters, which are ASCII. */
export function alphabetOf(letters: string): Alphabet {
  const alphabet = new Uint8Array(128)
  for (const letter of letters) alphabet[letter.charCodeAt(0)] = 1
  return alphabet
}

/**
 * Where the next stretch of characters of an alphabet begins, from an offset on, if it has at least
 * `shortest` of them; undefined without one. It looks at one character in many, since most texts
 * hold none.
 */
export function nextStretch(
  text: string,
  offset: number,
  alphabet: Alphabet,
  shortest: number,
): number | undefined {
  let from = offset
  while (from + shortest <= text.length) {
    let at = from + shortest - 1
    while (at >= from && isOf(alphabet, text.charCodeAt(at))) at -= 1
    if (at < from) return from
    from = at + 1
  }
  return undefined
}

/** Where a stretch ends that goes on at an offset. */
export function endOfStretch(text: string, offset: number, alphabet: Alphabet): number {
  let end = offset
  while (end < text.length && isOf(alphabet, text.charCodeAt(end))) end += 1
  return end
}

function isOf(alphabet: Alphabet, code: number): boolean {
  return code < 128 && alphabet[code] === 1
}
