/** Control characters, and those that reorder or hide text, from people or from models. */
const HARMFUL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Makes text from the repository harmless: what could do more than be read is shown escaped. */
export function harmless(text: string): string {
  return text.replace(
    HARMFUL,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

/** JSON that is harmless as well: the same document, with JSON's own escapes. */
export function toJson(document: unknown, indent = 0): string {
  return JSON.stringify(document, null, indent).replace(HARMFUL, (character) =>
    character === "\n" ? character : character.replace(/[^]/g, unitEscaped),
  )
}

function unitEscaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
}
