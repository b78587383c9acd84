import { VaultError } from "../../core/index.js"
import { askHidden } from "../terminal/ask.js"
import { readDescriptor } from "../terminal/input.js"
import type { Door } from "./door.js"
import { option } from "./who.js"

/**
 * A new passphrase for a key, asked twice at a terminal as ssh-keygen does it, or from the descriptor
 * that an option names; undefined for the empty one. `nothing` says what did not happen if the two
 * differ. Throws `NO_TERMINAL`, `USAGE`, `INTERRUPTED`.
 */
export async function newPassphrase(
  door: Door,
  { from, question, nothing }: { from: string; question: string; nothing: string },
): Promise<string | undefined> {
  const descriptor = option(door, from)
  if (descriptor !== undefined) return (await readDescriptor(descriptor)) || undefined
  const flag = `give it through --${from} FD`
  const first = await askHidden(door.terminal, question, flag)
  if (first === "") return undefined
  const second = await askHidden(door.terminal, "The same again", flag)
  if (first === second) return first
  throw new VaultError("USAGE", "the two passphrases are not the same", { hint: nothing })
}
