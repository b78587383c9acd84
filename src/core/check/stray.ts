import { ARMORED, ageFileForm } from "../age/age-file.js"
import { fileWord } from "../words/shell-word.js"

/** What is wrong with a file of a vault's folder that has no place in a vault, or no record. */
export function strayProblem(bytes: Uint8Array): string {
  const form = ageFileForm(bytes)
  if (form === "binary") return "is named in no record"
  return form === "armored" ? ARMORED : "is plaintext, and no file of a vault"
}

/** The way out for such a file, at a path in the vault. */
export function takeOut(path: string): string {
  return `move it out: git rm --cached -- ${fileWord(path)}`
}
