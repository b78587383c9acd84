import { confirm } from "../terminal/ask.js"
import { typedAgain } from "../parse/typed-again.js"
import type { Door } from "./door.js"
import { tell } from "./render.js"
import { isSet } from "./who.js"

/**
 * Whether something may be changed: `--yes` says so, or the person at the terminal. Says it if nothing
 * was. Throws `NO_TERMINAL`.
 */
export async function isAgreed(door: Door, question: string): Promise<boolean> {
  if (isSet(door, "yes")) return true
  const isYes = await confirm(door.terminal, question, typedAgain(door.call, "--yes"))
  if (!isYes) tell(door, "Nothing was changed.")
  return isYes
}
