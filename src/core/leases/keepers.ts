import type { Lease } from "../records/lease.js"

/** The agent that keeps what succeeds a refresh token; undefined where none is named. */
export function keeperOf(lease: Lease): string | undefined {
  if (lease.kind !== "oauth") return undefined
  return /^agent:(.+)$/.exec(lease.successors ?? "")?.[1]
}
