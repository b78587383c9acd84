import type { bringBack } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { newPassphrase } from "../../door/new-passphrase.js"
import { isSet, option } from "../../door/who.js"
import { proofLines } from "./owner-key-verify.js"

/** The passphrase of a key file that is written anew: as `init` asks for it. */
export async function passphraseForKey(door: Door): Promise<string | undefined> {
  const isAsked = option(door, "new-passphrase-fd") === undefined
  if (isAsked && (!door.terminal.stdin.isTTY || isSet(door, "json"))) return undefined
  return newPassphrase(door, {
    from: "new-passphrase-fd",
    question: "Passphrase for the owner's key (empty for none)",
    nothing: "nothing was written: repeat the command",
  })
}

/** Where a key is now that came back, and what it was proven to open. */
export function backLines({
  file,
  pinned,
  proof,
}: Awaited<ReturnType<typeof bringBack>>): string[] {
  return [
    `The key of owner ${proof.owner} is back: ${file}`,
    ...proofLines(proof),
    ...(pinned === undefined ? [] : [`This machine trusts ${pinned} from now on.`]),
    "Next: agent-vault check --owner",
  ]
}
