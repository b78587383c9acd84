import { closeSync, openSync, readSync } from "node:fs"

/** So many bytes are read at once; what a device or a pipe says of its size is nothing. */
const PIECE = 64 * 1024

/**
 * The bytes of a file, a pipe (`<(command)`) or a device; undefined where there are more than
 * `limit`. Of an endless one it reads no more than tells so. Throws as the system does.
 */
export function readLimited(path: string, limit: number): Buffer | undefined {
  const descriptor = openSync(path, "r")
  try {
    const piece = Buffer.alloc(PIECE)
    const pieces: Buffer[] = []
    for (let length = 0; length <= limit;) {
      const count = readSync(descriptor, piece)
      if (count === 0) return Buffer.concat(pieces)
      // A copy: a pipe may give a byte at a time, and each would keep a whole piece.
      pieces.push(Buffer.from(piece.subarray(0, count)))
      length += count
    }
    return undefined
  } finally {
    closeSync(descriptor)
  }
}
