import { VaultError } from "../words/errors.js"
import { classify } from "../words/layout.js"
import { type Reach, reachIn, reachOf } from "./reach.js"
import { type AgentRecord, type GroupRecord, type SecretRecord, decodeRecord } from "./record.js"
import type { Verifier } from "./signature.js"

/** A vault, and whoever was an owner of it at any time, by signer. */
export interface OwnersOfPast {
  readonly vault: string
  readonly verifiers: ReadonlyMap<string, Verifier>
}

/** A record out of the history that an owner signed. */
export interface SignedPastRecord {
  readonly reach: Reach
  /** Absent where it is of a newer format. */
  readonly record?: AgentRecord | GroupRecord | SecretRecord
}

/**
 * What a commit has at a record's path, if somebody signed it who was an owner at any time. Whoever
 * can push can commit others, with any number in them: these count for nothing. One of a newer format
 * counts as far as it came.
 */
export function signedPastRecord(
  { vault, verifiers }: OwnersOfPast,
  path: string,
  bytes: Uint8Array | undefined,
): SignedPastRecord | undefined {
  const { is } = classify(path)
  if (bytes === undefined || (is !== "agent" && is !== "group" && is !== "secret")) return undefined
  try {
    const record = decodeRecord(is, path, bytes, vault, verifiers)
    return { reach: reachOf(record), record }
  } catch (error) {
    if (!(error instanceof VaultError)) throw error
    const reach = error.code === "FORMAT_NEWER" ? reachIn(bytes) : undefined
    return reach && { reach }
  }
}
