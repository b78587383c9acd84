/** What a program writes in the place of some characters. */
type Escapes = Readonly<Record<string, string>>

/** All of these replace what would begin markup; they differ in what they do to the rest. */
const MARKUP: Escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;" }
const QUOTE: Escapes = { '"': "&quot;" }

/** The characters that HTML and XML libraries escape, and how; each is one that is in use. */
const WRITERS: readonly Escapes[] = [
  // What escapes only what is not ASCII, as Python's xmlcharrefreplace.
  {},
  // A browser's text, and its attributes.
  MARKUP,
  { ...MARKUP, ...QUOTE },
  // XML.
  { ...MARKUP, ...QUOTE, "'": "&apos;" },
  // Python, Django, React; PHP; lodash, jq, Rails; Go, Jinja.
  { ...MARKUP, ...QUOTE, "'": "&#x27;" },
  { ...MARKUP, ...QUOTE, "'": "&#039;" },
  { ...MARKUP, ...QUOTE, "'": "&#39;" },
  { ...MARKUP, '"': "&#34;", "'": "&#39;" },
  // Underscore; Handlebars; Mustache; Go's templates.
  { ...MARKUP, ...QUOTE, "'": "&#x27;", "`": "&#x60;" },
  { ...MARKUP, ...QUOTE, "'": "&#x27;", "`": "&#x60;", "=": "&#x3D;" },
  { ...MARKUP, ...QUOTE, "'": "&#39;", "`": "&#x60;", "=": "&#x3D;", "/": "&#x2F;" },
  { ...MARKUP, '"': "&#34;", "'": "&#39;", "+": "&#43;" },
  // By number alone, as `he` does.
  { "&": "&#x26;", "<": "&#x3C;", ">": "&#x3E;", '"': "&#x22;", "'": "&#x27;", "`": "&#x60;" },
  { "&": "&#38;", "<": "&#60;", ">": "&#62;", '"': "&#34;", "'": "&#39;" },
]

/** The names of the characters from U+00A0 to U+00FF. HTML 4.01, section 24.2.1. */
const LATIN_1 = [
  "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr",
  "deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest",
  "Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc",
  "Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute",
  "THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave",
  "iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc",
  "uuml yacute thorn yuml",
].flatMap((line) => line.split(" "))
/** And of those beyond, which word processors and Windows write. Section 24.4.1, in part. */
const BEYOND_LATIN_1: Readonly<Record<string, string>> = {
  "€": "euro",
  "–": "ndash",
  "—": "mdash",
  "‘": "lsquo",
  "’": "rsquo",
  "‚": "sbquo",
  "“": "ldquo",
  "”": "rdquo",
  "„": "bdquo",
  "†": "dagger",
  "‡": "Dagger",
  "•": "bull",
  "…": "hellip",
  "‰": "permil",
  "‹": "lsaquo",
  "›": "rsaquo",
  "™": "trade",
  Œ: "OElig",
  œ: "oelig",
  Š: "Scaron",
  š: "scaron",
  Ÿ: "Yuml",
  ƒ: "fnof",
  ˆ: "circ",
  "˜": "tilde",
}

/** How characters beyond ASCII are written: as they are, by their number, or by their name. */
const BEYOND_ASCII: readonly ((char: string) => string)[] = [
  (char) => char,
  decimal,
  hexadecimal,
  upperHexadecimal,
  (char) => named(char) ?? char,
  (char) => named(char) ?? decimal(char),
]
const SPECIAL = /[&<>"'`=/+]|[^\0-\x7F]/gu

/** A text as HTML and XML libraries write it: what must be escaped, and what they escape besides. */
export function inMarkup(text: string): string[] {
  if (text.search(SPECIAL) === -1) return []
  const isAscii = /^[\0-\x7F]*$/.test(text)
  const written = BEYOND_ASCII.slice(0, isAscii ? 1 : undefined).flatMap((beyond) =>
    WRITERS.map((escapes) =>
      text.replace(SPECIAL, (char) => (char > "\x7F" ? beyond(char) : (escapes[char] ?? char))),
    ),
  )
  return [...new Set(written)]
}

/** A text each of whose characters is written by its number. */
export function inNumbers(text: string): string[] {
  return [decimal, hexadecimal, upperHexadecimal].map((write) => Array.from(text, write).join(""))
}

function named(char: string): string | undefined {
  const name = BEYOND_LATIN_1[char] ?? LATIN_1[codeOf(char) - 0xa0]
  return name === undefined ? undefined : `&${name};`
}

function decimal(char: string): string {
  return `&#${codeOf(char)};`
}

function hexadecimal(char: string): string {
  return `&#x${codeOf(char).toString(16)};`
}

function upperHexadecimal(char: string): string {
  return `&#x${codeOf(char).toString(16).toUpperCase()};`
}

function codeOf(char: string): number {
  return char.codePointAt(0) ?? 0
}
