/** How an age file is written: its bytes, or ASCII armor around them (age spec, "ASCII armor"). */
export type AgeFileForm = "binary" | "armored"

const FIRST_LINE = "age-encryption.org/v1\n"
export const ARMOR_BEGIN = "-----BEGIN AGE ENCRYPTED FILE-----"
const BYTES_THAT_TELL = 64

/**
 * Tells an age file by how it begins; undefined for anything else. The files of a vault are binary.
 * Nothing is verified, and age itself is not loaded.
 */
export function ageFileForm(bytes: Uint8Array): AgeFileForm | undefined {
  const start = Buffer.from(bytes.subarray(0, BYTES_THAT_TELL)).toString("latin1")
  if (start.startsWith(FIRST_LINE)) return "binary"
  return start.trimStart().startsWith(ARMOR_BEGIN) ? "armored" : undefined
}
