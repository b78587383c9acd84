import { VaultError } from "../words/errors.js"
import { classify } from "../words/layout.js"
import { everyVerifier } from "./owners.js"
import { type Reach, reachIn, reachOf } from "./reach.js"
import {
  type AgentRecord,
  type GroupRecord,
  type SecretRecord,
  type VaultRecord,
  decodeRecord,
} from "./record.js"
import type { Verifier } from "./signature.js"

/** A vault, and whoever was an owner of it at any time, by signer. */
export interface OwnersOfPast {
  readonly vault: string
  readonly verifiers: ReadonlyMap<string, Verifier>
  /** Those who were removed. */
  readonly ended: ReadonlySet<string>
}

/** A record out of the history that an owner signed. */
export interface SignedPastRecord {
  readonly reach: Reach
  /** Absent where it is of a newer format. */
  readonly record?: AgentRecord | GroupRecord | SecretRecord
}

/** Further than anybody comes by counting. */
const BEYOND = 2 ** 40

/** Whoever was an owner by one of these versions of a vault.json. */
export function ownersOfPast(...versions: readonly VaultRecord[]): OwnersOfPast {
  const entries = versions.flatMap(({ owners }) => owners)
  return {
    vault: versions[0]?.vault ?? "",
    verifiers: new Map(versions.flatMap((version) => [...everyVerifier(version)])),
    ended: new Set(entries.filter(({ ended }) => ended !== undefined).map(({ signer }) => signer)),
  }
}

/**
 * What a commit has at a record's path, if somebody signed it who was an owner at any time. Whoever
 * can push can commit others, with any number in them: these count for nothing. So does what a
 * removed owner signed with a number that leaves none to go on with: they still have their key. One
 * of a newer format counts as far as it came.
 */
export function signedPastRecord(
  { vault, verifiers, ended }: OwnersOfPast,
  path: string,
  bytes: Uint8Array | undefined,
): SignedPastRecord | undefined {
  const { is } = classify(path)
  if (bytes === undefined || (is !== "agent" && is !== "group" && is !== "secret")) return undefined
  try {
    const record = decodeRecord(is, path, bytes, vault, verifiers)
    const reach = reachOf(record)
    return isBeyond(reach) && ended.has(record.signature.signer) ? undefined : { reach, record }
  } catch (error) {
    if (!(error instanceof VaultError)) throw error
    const reach = error.code === "FORMAT_NEWER" ? reachIn(bytes) : undefined
    return reach === undefined || isBeyond(reach) ? undefined : { reach }
  }
}

function isBeyond({ epoch, serial }: Reach): boolean {
  return Math.max(epoch, serial) > BEYOND
}
