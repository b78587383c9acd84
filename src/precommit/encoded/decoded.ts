import { alphabetOf, nextStretch } from "./stretch.js"

/** What a run of Base64 stands for, and where in the text it is. */
interface Base64Run {
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

const ALPHABET = alphabetOf("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")

/** The runs of Base64 in a text, decoded; never twice the same run. */
export function* decodedIn(text: string): Generator<Base64Run> {
  let from = nextStretch(text, 0, ALPHABET, SHORTEST)
  while (from !== undefined) {
    RUN.lastIndex = from
    const run = RUN.exec(text)?.[0] ?? ""
    const bytes = Buffer.from(run.slice(0, LONGEST).replace(/\\[rn]|\s/g, ""), "base64")
    yield { bytes, start: from, end: from + run.length }
    from = nextStretch(text, from + Math.max(run.length, 1), ALPHABET, SHORTEST)
  }
}

/** The text that bytes are, if they begin as one. */
export function textIn(bytes: Buffer): string | undefined {
  const isText = /^[\t\n\r\x20-\x7e]{30}/.test(bytes.toString("latin1", 0, 30))
  return isText ? bytes.toString("utf8") : undefined
}
