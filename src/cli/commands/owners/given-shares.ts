import { VaultError } from "../../../core/index.js"
import {
  type Share,
  looksLikeShare,
  parseShare,
  readShares,
  refuseMisfit,
  sharesIn,
} from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { tell } from "../../door/render.js"
import { userPath } from "../../door/who.js"
import { askHidden, keepHidden } from "../../terminal/ask.js"
import { readAll } from "../../terminal/input.js"
import { typedAgain } from "../../parse/typed-again.js"

/**
 * The shares that a call names: those of its files, of stdin for `-`, or those that people type at
 * hidden prompts, one after the other. Throws `VALUE_AS_ARGUMENT`, `SHARES_INVALID`, `KEY_NOT_FOUND`,
 * `NO_TERMINAL`.
 */
export async function givenShares(door: Door, vault: string): Promise<readonly Share[]> {
  const { words } = door.call
  if (words.some(looksLikeShare)) {
    throw new VaultError("VALUE_AS_ARGUMENT", "a share is never taken from the arguments", {
      hint: "arguments end up in the shell's history: name files, - for stdin, or nothing to be asked",
    })
  }
  if (words.length === 0) return keepHidden(door.terminal, () => askedShares(door, vault))
  const read = words.map((word) => sharesNamed(door, word))
  return (await Promise.all(read)).flat()
}

async function sharesNamed(door: Door, word: string): Promise<Share[]> {
  if (word !== "-") return readShares(userPath(door, word))
  return sharesIn((await readAll(door.terminal)).toString("utf8"), "what came on stdin")
}

/** Asks until there are enough. A slip is told, and asked for again. */
async function askedShares(door: Door, vault: string): Promise<readonly Share[]> {
  const flag = `from files, or - for stdin: ${typedAgain(door.call, "FILE…")}`
  const shares: Share[] = []
  let again = ""
  for (;;) {
    const [first] = shares
    if (first !== undefined && shares.length === first.threshold) return shares
    const of = first === undefined ? "" : ` of ${first.threshold}`
    const question = `Share ${shares.length + 1}${of}${again}`
    const typed = await askHidden(door.terminal, { question, what: "shares", flag })
    again = ""
    try {
      const share = parseShare(typed, "what was typed")
      refuseMisfit(share, shares, vault)
      shares.push(share)
      tell(door, `The share of ${share.holder} is whole.`)
    } catch (error) {
      if (!VaultError.is(error, "SHARES_INVALID")) throw error
      tell(door, `${error.message}: ${error.hint ?? ""}`)
      again = ", again"
    }
  }
}
