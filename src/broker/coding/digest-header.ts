/**
 * Headers that hold a digest of the body: RFC 9530, and before it RFC 3230 and RFC 1864; and those of
 * the storage of Amazon, Google and Microsoft.
 */
const DIGESTS = new Set([
  "content-digest",
  "content-md5",
  "digest",
  "repr-digest",
  "x-goog-hash",
  "x-ms-content-crc64",
  "x-ms-content-md5",
  "x-ms-content-sha256",
])

/** Whether a header, by its name in lower case, holds a digest, which no longer fits. */
export function isDigest(name: string): boolean {
  return DIGESTS.has(name) || name.startsWith("x-amz-checksum-")
}
