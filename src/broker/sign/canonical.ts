import { createHash } from "node:crypto"
import { type SignedRequest, valuesOf } from "./signed-request.js"

/**
 * How a client writes the request that it signs. Clients and services differ here, and agree with
 * each other: S3 takes the path as it is, the others encode it once more. So which form it is, is
 * found out by verifying, and kept for signing.
 */
export interface CanonicalForm {
  readonly path: "as sent" | "encoded again" | "encoded anew"
  /** What a plus sign in the query stands for. */
  readonly plus: "+" | " "
  readonly payload: string
}

/** All forms that a request may have been signed in, with the payload's hash as one of these. */
export function* formsOf(
  { query }: SignedRequest,
  payloads: readonly string[],
): Generator<CanonicalForm> {
  for (const payload of payloads) {
    for (const plus of query.includes("+") ? (["+", " "] as const) : (["+"] as const)) {
      yield { path: "as sent", plus, payload }
      yield { path: "encoded again", plus, payload }
      yield { path: "encoded anew", plus, payload }
    }
  }
}

/** The SHA-256, in hex, of the canonical request (AWS, "Create a canonical request"). */
export function canonicalHash(
  request: SignedRequest,
  signedHeaders: readonly string[],
  form: CanonicalForm,
): string {
  const text = [
    request.method,
    canonicalPath(request.path, form),
    canonicalQuery(request.query, form),
    ...signedHeaders.map((name) => `${name}:${headerText(request, name)}`),
    "",
    signedHeaders.join(";"),
    form.payload,
  ].join("\n")
  return createHash("sha256").update(text, "latin1").digest("hex")
}

function canonicalPath(path: string, form: CanonicalForm): string {
  if (form.path === "as sent") return path || "/"
  const segments = (path || "/").split("/")
  return segments
    .map((segment) => encoded(form.path === "encoded anew" ? decoded(segment) : segment))
    .join("/")
}

/** Names and values encoded, and sorted by their code; the signature itself is not in it. */
function canonicalQuery(query: string, { plus }: CanonicalForm): string {
  return query
    .split("&")
    .filter((pair) => pair !== "" && !pair.startsWith("X-Amz-Signature="))
    .map((pair) => {
      const [name = "", ...value] = pair.replaceAll("+", plus).split("=")
      return [encoded(decoded(name)), encoded(decoded(value.join("=")))] as const
    })
    .toSorted(([name, value], [other, otherValue]) =>
      name === other ? compare(value, otherValue) : compare(name, other),
    )
    .map((pair) => pair.join("="))
    .join("&")
}

/** All values of a header, trimmed, with one space for many. */
function headerText(request: SignedRequest, name: string): string {
  return valuesOf(request, name)
    .map((value) => value.trim().replaceAll(/\s+/g, " "))
    .join(",")
}

function compare(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}

/** The bytes that a percent-encoded text stands for, one character for each. */
function decoded(text: string): string {
  return text.replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  )
}

/** Percent-encodes all bytes but letters, digits and `-._~` (RFC 3986, section 2.3). */
function encoded(bytes: string): string {
  return bytes.replaceAll(
    /[^A-Za-z0-9._~-]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  )
}
