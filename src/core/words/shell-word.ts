import { VAULT_FOLDER } from "./layout.js"

/** A word as a shell takes it for one, in a line that somebody may copy. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./…-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}

/** A file of the vault, whoever named it, as such a word: from where the vault's folder is. */
export function fileWord(path: string): string {
  return shellWord(`${VAULT_FOLDER}/${path}`)
}
