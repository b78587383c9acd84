/** How an age file is written: its bytes, or ASCII armor around them (age spec, "ASCII armor"). */
type AgeFileForm = "binary" | "armored"

// The version, and the first of the stanzas, of which a file has at least one.
const BINARY_BEGIN = "age-encryption.org/v1\n-> "
const ARMOR_BEGIN = "-----BEGIN AGE ENCRYPTED FILE-----"
/** What is wrong with an armored file in a vault, in a place of its own or not. */
export const ARMORED = "is an armored age file, and the files of a vault are binary"
const BYTES_THAT_TELL = 64

/**
 * Tells an age file by how it begins; undefined for anything else. The files of a vault are binary.
 * Nothing is verified, and age itself is not loaded.
 */
export function ageFileForm(bytes: Uint8Array): AgeFileForm | undefined {
  const start = Buffer.from(bytes.subarray(0, BYTES_THAT_TELL)).toString("latin1")
  if (start.startsWith(BINARY_BEGIN)) return "binary"
  return start.trimStart().startsWith(ARMOR_BEGIN) ? "armored" : undefined
}

/** Whether a file is to be read as armor, whatever may be wrong with it. */
export function isArmored(file: Uint8Array): boolean {
  return Buffer.from(file).toString("latin1").trimStart().startsWith(ARMOR_BEGIN)
}

/** What is wrong with the content of a file that has to be an age file; undefined if it is one. */
export function sealedProblem(bytes: Uint8Array): string | undefined {
  const form = ageFileForm(bytes)
  if (form === "binary") return undefined
  return form === "armored" ? ARMORED : "is plaintext where an age file belongs"
}
