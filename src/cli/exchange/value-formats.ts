import type { VALUE_NAMES } from "../parse/table/export.js"
import { variableLines } from "../run/variable-lines.js"

type ValueFormat = (typeof VALUE_NAMES)[number]

/** How values are printed for other programs, by the name of the format. */
export const VALUE_FORMATS: Readonly<
  Record<ValueFormat, (values: ReadonlyMap<string, string>) => string>
> = {
  dotenv: (values) =>
    [...values].map(([variable, value]) => `${variable}=${inFile(value)}\n`).join(""),
  json: (values) => `${JSON.stringify(Object.fromEntries(values), null, 2)}\n`,
  shell: (values) => variableLines(Object.fromEntries(values), "sh"),
}

/**
 * As most readers of such files agree on: Docker keeps quotes, and Node and Compose know few escapes.
 * For python-dotenv a backslash before the quote that ends a value goes on with it, into what follows.
 */
function inFile(value: string): string {
  if (/^[\w@%+=:,./-]*$/.test(value)) return value
  return /['\n\r]|\\$/.test(value) ? quoted(value) : `'${value}'`
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\n": String.raw`\n`,
  "\r": String.raw`\r`,
  '"': String.raw`\"`,
  "\\": "\\\\",
  $: String.raw`\$`,
}

/** In double quotes, with the escapes that env-file.ts reads. */
function quoted(value: string): string {
  return `"${value.replaceAll(/[\n\r"\\$]/g, (character) => ESCAPES[character] ?? character)}"`
}
