import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import { identityBytes, identityOf, recipientOf } from "../age/age.js"
import type { Key } from "../keys/key-files.js"
import { VaultError } from "../words/errors.js"
import type { ClaimedOwners } from "./combine-shares.js"

/** A key as 24 words: BIP-39 (English) of the 32 bytes of its age identity, checksum included. */
export function wordsOf(identity: string): string[] {
  return entropyToMnemonic(identityBytes(identity), wordlist).split(" ")
}

/**
 * The key that paper gives: 24 words, or the identity line of its QR code. Throws `KEY_INVALID`, which
 * repeats no word.
 */
export async function keyOfPaper(
  text: string,
  { vault, keys }: Pick<ClaimedOwners, "vault" | "keys">,
): Promise<Key> {
  const isLine = /^\s*AGE-SECRET-KEY-/i.test(text)
  const identity = isLine
    ? text.trim().toUpperCase()
    : identityOf(
        keys,
        bytesOfWords(
          text
            .trim()
            .toLowerCase()
            .split(/[\s,.\d)]+/),
        ),
      )
  return { identity, recipient: await recipientOf(identity), vault }
}

function bytesOfWords(typed: readonly string[]): Uint8Array {
  const words = typed.filter((word) => word !== "")
  if (words.length !== 24) throw invalid(`there are ${words.length} words, and not 24`)
  const at = words.findIndex((word) => !wordlist.includes(word))
  if (at !== -1) throw invalid(`word ${at + 1} is not in the list of words`)
  try {
    return mnemonicToEntropy(words.join(" "), wordlist)
  } catch {
    // The library's words could repeat ours.
    throw invalid("the checksum of the words is wrong: two are exchanged, or one is another")
  }
}

function invalid(message: string): VaultError {
  return new VaultError("KEY_INVALID", message, {
    hint: "type the 24 words in their order, a space between them; or the line of the QR code",
  })
}
