/** Nearly all text is no more than this. V8 takes long, once, to make what tells the rest. */
const PLAIN = /^[\x20-\x7e]*$/

/** Control characters, and those that reorder or hide text, from people or from models. */
const harmful = (): RegExp => /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Makes text from the repository harmless: what could do more than be read is shown escaped. */
export function harmless(text: string): string {
  if (PLAIN.test(text)) return text
  return text.replace(
    harmful(),
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

/** JSON that is harmless as well: the same document, with JSON's own escapes. */
export function toJson(document: unknown, indent = 0): string {
  return JSON.stringify(document, null, indent).replace(harmful(), (character) =>
    character === "\n" ? character : character.replace(/[^]/g, unitEscaped),
  )
}

function unitEscaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
}
