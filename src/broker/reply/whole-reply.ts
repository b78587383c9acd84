import { VaultError } from "../../core/index.js"
import { valuesOf, withoutHeaders } from "../coding/coding.js"

/**
 * The headers of a request, as they may ask for a reply: one that asks for a part is refused, since
 * whoever chooses where a part begins gets a value in halves, in which nobody finds it. To ask for
 * everything from the first byte on is to ask for all. To leave the header out would be sound as well,
 * but some clients write what comes to the place in a file that they asked for.
 *
 * Throws `REPLY_REFUSED`.
 */
export function requireWhole(rawHeaders: readonly string[]): string[] {
  const isForAll = valuesOf(rawHeaders, "range").every((range) => /^bytes=0-$/i.test(range.trim()))
  if (isForAll) return withoutHeaders(rawHeaders, (name) => name === "range" || name === "if-range")
  throw new VaultError(
    "REPLY_REFUSED",
    "the request is for a part, which may cut a value in half",
    {
      hint: "ask for all of it, without Range (the AWS CLI: raise s3.multipart_threshold)",
    },
  )
}
