import { decodeBech32, encodeBech32 } from "../age/bech32.js"
import { VaultError } from "../words/errors.js"

/** A share of an owner's key: for one holder, of one set. */
export interface Share {
  readonly vault: string
  /** Whose key it is a share of. */
  readonly owner: string
  readonly holder: string
  /** How many shares of the set give the key, and how many there are. */
  readonly threshold: number
  readonly count: number
  /** Tells the shares of one split from those of another: 8 hex digits. */
  readonly set: string
  /** The part of Shamir's scheme, 33 bytes: one for each of the identity, and its number. */
  readonly part: Uint8Array
}

const FORM =
  /^agent-vault-share-1:([0-9a-f]{32}):([\w.-]{1,64}):([\w.-]{1,64}):(\d+)of(\d+):([0-9a-f]{8}):s1/i
const PART_LENGTH = 33

/** Whether a text means to be a share: it is none to be repeated. */
export function looksLikeShare(text: string): boolean {
  return /^\s*agent-vault-share-/i.test(text)
}

/**
 * A share as one line. What it names, and the part, are one Bech32 text (BIP 173) whose prefix is all
 * that stands before the part: its checksum finds a slip anywhere in the line.
 */
export function formatShare({ part, ...named }: Share): string {
  const head = headOf(named)
  return head + encodeBech32(head.toLowerCase(), part).slice(head.length)
}

/** Reads a share. Throws `SHARES_INVALID`, which repeats nothing of it. `shown` says where it is. */
export function parseShare(text: string, shown: string): Share {
  // Paper and terminals break a long line.
  const line = text.replace(/\s/g, "")
  const [, vault = "", owner = "", holder = "", threshold, count, set = ""] = FORM.exec(line) ?? []
  const named = {
    vault: vault.toLowerCase(),
    owner,
    holder,
    threshold: Number(threshold),
    count: Number(count),
    set: set.toLowerCase(),
  }
  const part = decodeBech32(line.toLowerCase(), headOf(named).toLowerCase(), PART_LENGTH)
  if (part !== undefined) return { ...named, part }
  const what = looksLikeShare(text) ? "is mistyped or cut: its checksum is wrong" : "is not a share"
  throw new VaultError("SHARES_INVALID", `${shown} ${what}`, {
    hint: "a share is one line that begins with agent-vault-share-1: compare it letter by letter",
  })
}

/** The shares in a text, a line each; other lines are for people. Throws `SHARES_INVALID`. */
export function sharesIn(text: string, shown: string): Share[] {
  const lines = text.split(/\r?\n/).filter(looksLikeShare)
  if (lines.length > 0) return lines.map((line) => parseShare(line, `a share in ${shown}`))
  throw new VaultError("SHARES_INVALID", `there is no share in ${shown}`, {
    hint: "a share is one line that begins with agent-vault-share-1:",
  })
}

function headOf({ vault, owner, holder, threshold, count, set }: Omit<Share, "part">): string {
  return `agent-vault-share-1:${vault}:${owner}:${holder}:${threshold}of${count}:${set}:s`
}
