import { VaultError } from "./errors.js"

const TAG = /^[a-z0-9][a-z0-9._-]{0,63}$/
const MOST = 32

/**
 * The tags of a secret as its record holds them, `pci,prod`: each once, sorted, a comma between
 * them. `text` has them in any order, with commas or blanks. Throws `USAGE`.
 */
export function parseTags(text: string): string {
  const tags = [...new Set(text.split(/[\s,]+/).filter((tag) => tag !== ""))].toSorted()
  const wrong = tags.find((tag) => !TAG.test(tag))
  if (wrong !== undefined || tags.length === 0 || tags.length > MOST) throw notTags(wrong)
  return tags.join(",")
}

/** Throws `USAGE` unless a text is as {@link parseTags} writes it. */
export function checkTags(text: string): void {
  if (parseTags(text) !== text) throw notTags(undefined)
}

/** Each of the tags that a record holds; none where it says nothing. */
export function tagsOf(text: string | undefined): readonly string[] {
  return text === undefined ? [] : text.split(",")
}

function notTags(wrong: string | undefined): VaultError {
  const which = wrong === undefined ? "the tags are" : `${JSON.stringify(wrong.slice(0, 80))} is`
  return new VaultError("USAGE", `${which} not as tags are`, {
    hint: `write 1 to ${MOST} words of lower-case letters, digits, . _ and -, sorted: pci,prod`,
  })
}
