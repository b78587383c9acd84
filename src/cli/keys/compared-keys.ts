import { VaultError } from "../../core/index.js"
import type { Door } from "../door/door.js"
import { tell } from "../door/render.js"
import { option } from "../door/who.js"
import { typedAgain } from "../parse/typed-again.js"
import { confirm } from "../terminal/ask.js"

/**
 * Whether keys are those that were made where they say. What opens something at once is compared
 * before, and not by the line alone. Throws `RECIPIENT_INVALID`, `NO_TERMINAL`.
 */
export async function isCompared(
  door: Door,
  name: string,
  fingerprint: string,
  teller: string,
): Promise<boolean> {
  const said = option(door, "fingerprint")
  if (said === undefined) {
    tell(door, `The fingerprint of ${name}: ${fingerprint}`)
    const question = `Is it the same where the key of ${name} was made, told by another way than the line?`
    const told = typedAgain(door.call, "--fingerprint FINGERPRINT")
    return confirm(door.terminal, question, `${teller} tells it to you: ${told}`)
  }
  if (said.trim().toLowerCase() === fingerprint) return true
  throw new VaultError(
    "RECIPIENT_INVALID",
    `what is in the line has the fingerprint ${fingerprint}, not ${said}`,
    { hint: "somebody changed the line on its way, or it is another one: get it anew" },
  )
}
