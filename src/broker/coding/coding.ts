import {
  type BrotliDecompress,
  type Gunzip,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
} from "node:zlib"

/** A coding of a body that can be taken off (RFC 9110, section 8.4.1; RFC 7932). */
export type Coding = "gzip" | "br" | "deflate"

/** How many codings one body may have. */
const MOST_CODINGS = 2

const CODINGS: Readonly<Record<string, Coding>> = {
  gzip: "gzip",
  "x-gzip": "gzip",
  br: "br",
  deflate: "deflate",
}

/**
 * The codings of these names, in the order in which they were put on; or, where one is not known or
 * there are more than {@link MOST_CODINGS}, what is wrong with them.
 */
export function codingsOf(names: readonly string[]): readonly Coding[] | { readonly why: string } {
  if (names.length > MOST_CODINGS) return { why: `it has ${names.length} encodings` }
  const codings = names.map((name) => (Object.hasOwn(CODINGS, name) ? CODINGS[name] : undefined))
  const known = codings.filter((coding) => coding !== undefined)
  return known.length === names.length ? known : { why: "its encoding is not gzip, br or deflate" }
}

/** What its headers call the codings of a body, known here or not, in lower case. */
export function codingNames(rawHeaders: readonly string[]): readonly string[] {
  return valuesOf(rawHeaders, "content-encoding")
    .flatMap((value) => value.split(","))
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "" && name !== "identity")
}

/** The values of a header; its name in lower case. */
export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name)
}

/** The headers without those that `isGone` names, in lower case. */
export function withoutHeaders(
  rawHeaders: readonly string[],
  isGone: (name: string) => boolean,
): string[] {
  return rawHeaders.filter((_, at) => !isGone((rawHeaders[at - (at % 2)] ?? "").toLowerCase()))
}

/**
 * What takes a coding off, for a body that begins with a byte. `deflate` is the zlib format (RFC
 * 1950), but some send bare deflate (RFC 1951), which does not begin as zlib does.
 */
export function decoderOf(coding: Coding, firstByte: number): Gunzip | BrotliDecompress {
  if (coding === "gzip") return createGunzip()
  if (coding === "br") return createBrotliDecompress()
  return (firstByte & 0x0f) === 8 ? createInflate() : createInflateRaw()
}
