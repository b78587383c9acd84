import { VaultError } from "../../core/index.js"
import { askHidden, keepHidden } from "../terminal/ask.js"
import { readDescriptor } from "../terminal/input.js"
import type { Door } from "../door/door.js"
import { tell } from "../door/render.js"
import { isSet, option } from "../door/who.js"
import { typedAgain } from "../parse/typed-again.js"

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
  const flag = `from a file, say: ${typedAgain(door.call, `--${from} 3`)} 3< FILE`
  const asking = { question, what: "a passphrase", flag }
  const [first, second] = await keepHidden(door.terminal, async () => {
    const typed = await askHidden(door.terminal, asking)
    if (typed === "") return [typed, typed]
    return [typed, await askHidden(door.terminal, { ...asking, question: "The same again" })]
  })
  if (first === second) return first || undefined
  throw new VaultError("USAGE", "the two passphrases are not the same", { hint: nothing })
}

/** As ssh-keygen does it: asked twice at a terminal, empty for none; none where nobody is asked. */
export async function choosePassphrase(
  door: Door,
  { from, nothing }: { readonly from: string; readonly nothing: string },
): Promise<string | undefined> {
  const isAsked = option(door, from) === undefined
  if (isAsked && (!door.terminal.stdin.isTTY || isSet(door, "json"))) return undefined
  if (isAsked) {
    tell(
      door,
      "The owner's key opens everything. With a passphrase, no program that runs as you can use it",
      "alone, an agent's neither.",
    )
  }
  return newPassphrase(door, {
    from,
    question: "Passphrase for the owner's key (empty for none)",
    nothing,
  })
}
