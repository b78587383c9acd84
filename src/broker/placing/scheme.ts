import { type Use, type UseScheme, VaultError } from "../../core/index.js"
import { BASIC, PLAIN } from "./notation.js"
import type { Occurrence } from "./occurrences.js"

/** What a use says of how a value is written at its place. */
type Wording = Pick<Use, "scheme" | "user">

/**
 * Whether a placeholder is written as a use's scheme has it: `raw` anywhere in the text of its
 * place; `bearer` as all of it, after `Bearer` or `token` (which GitHub's clients send); `basic`
 * as the password of `user`, or, if the use names no user, as the whole user name or password.
 * The schemes that sign put nothing in the place of a placeholder.
 */
export function isWorded(
  { placeholder, notation, read, index }: Occurrence,
  use: Wording,
): boolean {
  const before = read.slice(0, index)
  const after = read.slice(index + placeholder.text.length)
  const isBasic = notation === BASIC
  if (use.scheme === "raw") return !isBasic
  if (use.scheme === "bearer") {
    return !isBasic && /^(?:Bearer|token) +$/i.test(before) && after === ""
  }
  if (use.scheme !== "basic" || !isBasic) return false
  if (use.user !== undefined) return before === `${latin1Of(use.user)}:` && after === ""
  return (before === "" && after.startsWith(":")) || (/^[^:]*:$/.test(before) && after === "")
}

/** The refusal of a placeholder that is at the place of a use, and not in its scheme. */
export function misworded({ placeholder, at, notation }: Occurrence, use: Wording): VaultError {
  const written = notation === BASIC ? "in Basic" : notation === PLAIN ? "as text" : "escaped"
  return new VaultError(
    "PLACEHOLDER_REFUSED",
    `the placeholder of ${placeholder.secret} is refused: at ${at} its use says ${use.scheme}, and it is ${written}`,
    { hint: HINTS[use.scheme] },
  )
}

const HINTS: Readonly<Record<UseScheme, string>> = {
  raw: "send it as it is, or an owner gives the use another --scheme",
  bearer: "send Bearer PLACEHOLDER, or an owner gives the use another --scheme",
  basic: "send it as the password of the use's user, or an owner gives the use another --scheme",
  sigv4: "let the program sign with it: it is not sent",
  "hmac-sha256": "let the program sign with it: it is not sent",
}

/** As the bytes of UTF-8 are in what was decoded. */
function latin1Of(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1")
}
