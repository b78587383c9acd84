/** A request, as far as a signature is over it. */
export interface SignedRequest {
  readonly method: string
  /** As it is sent, up to the query: `/a%20b`. */
  readonly path: string
  /** As it is sent, behind the question mark, which is not part of it; empty without one. */
  readonly query: string
  /** In any case and order, as they are sent; `host` among them. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** The SHA-256 of the body in lower-case hex, where a signature is over it. */
  readonly bodyDigest?: string
}

/** The values of a header, in order; `name` in lower case. */
export function valuesOf({ headers }: SignedRequest, name: string): string[] {
  return headers.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value)
}
