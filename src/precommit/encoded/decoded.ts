/** What a run of Base64 stands for, and where in the text it is. */
export interface Base64Run {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

/** A shorter run holds no key and no file. */
const SHORTEST = 48
/** Of a longer run, only so much is looked at. */
const LONGEST = 128 * 1024
/** A run that goes on in lines, as `base64` writes them; in quotes, the line ends are escaped. */
const RUN =
  /[A-Za-z0-9+/]{16,131072}(?:(?:\r?\n|\\r\\n|\\n)[ \t]{0,40}[A-Za-z0-9+/]{1,256}(?=={0,2}[ \t]{0,8}(?:["'\\\r\n]|$))){0,2000}={0,2}/y

const ALPHABET = new Uint8Array(128)
for (const letter of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
  ALPHABET[letter.charCodeAt(0)] = 1
}

/**
 * The runs of Base64 in a text, decoded. It looks at one character in many, since most texts hold
 * no run, and never twice at the same run.
 */
export function* decodedIn(text: string): Generator<Base64Run> {
  let from = 0
  while (from + SHORTEST <= text.length) {
    let at = from + SHORTEST - 1
    while (at >= from && isDigit(text, at)) at -= 1
    if (at >= from) {
      from = at + 1
      continue
    }
    RUN.lastIndex = from
    const run = RUN.exec(text)?.[0] ?? ""
    const bytes = Buffer.from(run.slice(0, LONGEST).replace(/\\[rn]|\s/g, ""), "base64")
    yield { bytes, start: from, end: from + run.length }
    from += Math.max(run.length, 1)
  }
}

/** The text that bytes are, if they begin as one. */
export function textIn(bytes: Buffer): string | undefined {
  const isText = /^[\t\n\r\x20-\x7e]{30}/.test(bytes.toString("latin1", 0, 30))
  return isText ? bytes.toString("utf8") : undefined
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code < 128 && ALPHABET[code] === 1
}
