import { ageFileForm } from "../age/age-file.js"

/** What is wrong with a file of a vault's folder that has no place in a vault, or no record. */
export function strayProblem(bytes: Uint8Array): string {
  const form = ageFileForm(bytes)
  if (form === "binary") return "is named in no record"
  return form === "armored" ? ARMORED : "is plaintext, and no file of a vault"
}

/** What is wrong with the content of a file that has to be an age file; undefined if it is one. */
export function sealedProblem(bytes: Uint8Array): string | undefined {
  const form = ageFileForm(bytes)
  if (form === "binary") return undefined
  return form === "armored" ? ARMORED : "is plaintext where an age file belongs"
}

const ARMORED = "is an armored age file, and the files of a vault are binary"
