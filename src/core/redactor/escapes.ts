/** How one kind of program writes a text: what it replaces, and by what. */
interface Style {
  readonly escaped: RegExp
  /** Characters with an escape of their own. */
  readonly named: Readonly<Record<string, string>>
  /** The escape of any other, from its UTF-16 code unit. */
  readonly other: (unit: number) => string
}

const JSON_NAMED = {
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\f": "\\f",
  "\r": "\\r",
  '"': '\\"',
  "\\": "\\\\",
}
const { '"': _quote, ...JSON_NAMED_BUT_QUOTE } = JSON_NAMED
const PYTHON_NAMED = { "\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\", "'": "\\'" }
const BASH_NAMED = {
  ...PYTHON_NAMED,
  "\u0007": "\\a",
  "\b": "\\b",
  "\u001B": "\\E",
  "\f": "\\f",
  "\v": "\\v",
}

const lower = (unit: number): string => `\\u${hex(unit, 4)}`
const upper = (unit: number): string => `\\u${hex(unit, 4).toUpperCase()}`
const octal = (unit: number): string => `\\${unit.toString(8).padStart(3, "0")}`
const backslash = (unit: number): string => `\\${String.fromCharCode(unit)}`

/* eslint-disable-next-line -- placeholder */
const style = (
  escaped: RegExp,
  named: Style["named"],
  other: Style["other"],
): ((text: string) => string) => {
  return (text) => text.replace(escaped, (found) => named[found] ?? other(found.charCodeAt(0)))
}
