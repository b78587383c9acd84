import type { VALUE_NAMES } from "../parse/table/export.js"

type ValueFormat = (typeof VALUE_NAMES)[number]

/** How values are printed for other programs, by the name of the format. */
export const VALUE_FORMATS: Readonly<
  Record<ValueFormat, (values: ReadonlyMap<string, string>) => string>
> = {
  dotenv: (values) => lines(values, (variable, value) => `${variable}=${quoted(value)}`),
  json: (values) => `${JSON.stringify(Object.fromEntries(values), null, 2)}\n`,
  shell: (values) =>
    lines(values, (variable, value) => `export ${variable}=${inSingleQuotes(value)}`),
}

/** Whatever it holds: a shell takes nothing in single quotes for anything but itself. */
function inSingleQuotes(value: string): string {
  return `'${value.replaceAll("'", String.raw`'\''`)}'`
}

function lines(
  values: ReadonlyMap<string, string>,
  line: (variable: string, value: string) => string,
): string {
  return [...values].map(([variable, value]) => `${line(variable, value)}\n`).join("")
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
