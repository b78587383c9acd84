import type { IssuerReply, IssuerRequest } from "../leases/lease-issuer.js"
import { VaultError } from "../words/errors.js"
import { meantOr } from "../words/names.js"
import { CLOUDFLARE_TOKEN } from "./cloudflare-token.js"
import { GITLAB_TOKEN } from "./gitlab-token.js"

/** A request with a value that the service knows. Rejects with an `IssuerFailure`. */
export type AskService = (request: Omit<IssuerRequest, "endpoint">) => Promise<IssuerReply>

/** A service at which a value buys its successor, by an endpoint that it documents. */
export interface SelfRotation {
  /** Which values, and what these must be allowed to do. */
  readonly about: string
  /** Where it is, unless somebody runs it elsewhere. */
  readonly endpoint: string
  /** Whether the one who asks says when the new value ends. */
  readonly takesEnd: boolean
  /** The new value; undefined where the service gave none. The old one has ended then. */
  readonly roll: (
    value: string,
    ask: AskService,
    until: string | undefined,
  ) => Promise<string | undefined>
  /** Whether the service takes this value. */
  readonly try: (value: string, ask: AskService) => Promise<boolean>
}

/** The services: one row, and one file, for each. */
export const SELF_ROTATIONS: Readonly<Record<string, SelfRotation>> = {
  cloudflare: CLOUDFLARE_TOKEN,
  gitlab: GITLAB_TOKEN,
}

/** The one of this name. Throws `SERVICE_NOT_FOUND`. */
export function selfRotationNamed(name: string): SelfRotation {
  const known = Object.hasOwn(SELF_ROTATIONS, name) ? SELF_ROTATIONS[name] : undefined
  if (known !== undefined) return known
  const names = Object.keys(SELF_ROTATIONS)
  throw new VaultError("SERVICE_NOT_FOUND", `there is no built-in rotation for ${name}`, {
    hint: meantOr(name, names, `there is ${names.join(", ")}`),
  })
}
