import { type BodyPlace, VaultError } from "../../core/index.js"
import { headerValues, type RequestHead } from "./request-head.js"

/** How large a body may be in which a value is put, in bytes: it is held as a whole. */
export const BODY_LIMIT = 16 * 2 ** 20

/**
 * Where in its body a rule may send a value, by the request's one Content-Type; undefined if
 * nowhere. Such a body passes as it is.
 */
export function bodyPlaceOf(head: RequestHead): BodyPlace | undefined {
  const [type = "", ...others] = headerValues(head, "content-type")
  if (others.length > 0) return undefined
  const [media = ""] = type.toLowerCase().split(";", 1)
  if (/^application\/(?:[\w.-]+\+)?json$/.test(media.trim())) return "body:json"
  return media.trim() === "application/x-www-form-urlencoded" ? "body:form" : undefined
}

/**
 * A body in which a rule may put a value, as a whole. Throws `PLACEHOLDER_REFUSED` if it is
 * compressed, so that nobody can look into it, or larger than {@link BODY_LIMIT}.
 */
export async function gatherBody(
  head: RequestHead,
  stream: AsyncIterable<Uint8Array>,
): Promise<Buffer> {
  const codings = headerValues(head, "content-encoding").filter(
    (c) => c.toLowerCase() !== "identity",
  )
  if (codings.length > 0) throw refusedBody("it is compressed", "send it without Content-Encoding")
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of stream) {
    length += chunk.length
    if (length > BODY_LIMIT) {
      throw refusedBody("it has more than 16 MiB", "send less at once, or the key in a header")
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, length)
}

function refusedBody(why: string, hint: string): VaultError {
  return new VaultError(
    "PLACEHOLDER_REFUSED",
    `the body of the request, where a use may put a value, is refused: ${why}`,
    { hint },
  )
}
