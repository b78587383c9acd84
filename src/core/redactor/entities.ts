/** What a program writes in the place of some characters. */
type Escapes = Readonly<Record<string, string>>

/** All of these replace what would begin markup; they differ in what they do to the rest. */
const MARKUP: Escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;" }
const QUOTE: Escapes = { '"': "&quot;" }
/** What ends an attribute that stands without quotes. */
const BLANKS: Escapes = {
  "\t": "&#9;",
  "\n": "&#10;",
  "\v": "&#11;",
  "\f": "&#12;",
  "\r": "&#13;",
  " ": "&#32;",
}

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
  // Attributes without quotes, of Go's templates, of OWASP's encoder for Java.
  { ...MARKUP, ...BLANKS, '"': "&#34;", "'": "&#39;", "+": "&#43;", "=": "&#61;", "`": "&#96;" },
  { ...MARKUP, ...BLANKS, '"': "&#34;", "'": "&#39;", "/": "&#47;", "=": "&#61;", "`": "&#96;" },
  // .NET; validator.js; WordPress.
  { ...MARKUP, ...QUOTE, "'": "&#x27;", "+": "&#x2B;" },
  { ...MARKUP, ...QUOTE, "'": "&#x27;", "/": "&#x2F;", "\\": "&#x5C;", "`": "&#96;" },
  { ...MARKUP, ...QUOTE, "&": "&#038;", "'": "&#039;" },
  // What else base64 has, by number.
  { ...MARKUP, ...QUOTE, "'": "&#39;", "+": "&#43;", "=": "&#61;", "/": "&#47;" },
  { ...MARKUP, ...QUOTE, "'": "&#039;", "+": "&#043;", "=": "&#061;", "/": "&#047;" },
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

/** The names of the others that are no letters. HTML, section 13.5; which of two is used varies. */
const SIGNS: Escapes = {
  ...MARKUP,
  ...QUOTE,
  "\t": "&Tab;",
  "\n": "&NewLine;",
  "!": "&excl;",
  "#": "&num;",
  $: "&dollar;",
  "%": "&percnt;",
  "'": "&apos;",
  "(": "&lpar;",
  ")": "&rpar;",
  "*": "&ast;",
  "+": "&plus;",
  ",": "&comma;",
  ".": "&period;",
  "/": "&sol;",
  ":": "&colon;",
  ";": "&semi;",
  "=": "&equals;",
  "?": "&quest;",
  "@": "&commat;",
  "[": "&lbrack;",
  "\\": "&bsol;",
  "]": "&rbrack;",
  "^": "&Hat;",
  _: "&lowbar;",
  "`": "&grave;",
  "{": "&lbrace;",
  "|": "&vert;",
  "}": "&rbrace;",
}
const OTHER_SIGNS: Escapes = {
  ...SIGNS,
  "[": "&lsqb;",
  "]": "&rsqb;",
  "{": "&lcub;",
  "|": "&verbar;",
  "}": "&rcub;",
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
const SPECIAL = /[&<>"'`=/+\\\t\n\v\f\r ]|[^\0-\x7F]/gu
const SIGN = /[^A-Za-z0-9-]/gu
/** What encoders leave that trust letters, digits and little else; some, spaces too. */
const TRUSTED = /[^A-Za-z0-9,._-]/gu
const TRUSTED_OR_SPACE = /[^A-Za-z0-9,._ -]/gu

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

/**
 * A text of which all is escaped but letters, digits and little else: by name where there is one, as
 * PHP's `htmlentities` and `he` do; by number, as Laminas, Twig and OWASP's ESAPI do.
 */
export function inSigns(text: string): string[] {
  if (text.search(SIGN) === -1) return []
  const byName = [SIGNS, OTHER_SIGNS].map((signs) =>
    text.replace(SIGN, (char) => signs[char] ?? named(char) ?? char),
  )
  if (text.search(TRUSTED) === -1) return byName
  return [
    ...byName,
    text.replace(TRUSTED, (char) => known(char) ?? paddedHexadecimal(char)),
    ...[TRUSTED, TRUSTED_OR_SPACE].map((which) =>
      text.replace(which, (char) => known(char) ?? named(char) ?? hexadecimal(char)),
    ),
  ]
}

/** The characters that every such encoder has a name for. */
function known(char: string): string | undefined {
  return MARKUP[char] ?? QUOTE[char]
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

function paddedHexadecimal(char: string): string {
  const digits = codeOf(char).toString(16).toUpperCase()
  return `&#x${digits.padStart(digits.length > 2 ? 4 : 2, "0")};`
}

function codeOf(char: string): number {
  return char.codePointAt(0) ?? 0
}
