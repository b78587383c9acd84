import { VaultError } from "../../core/index.js"
import { askLine } from "../terminal/ask.js"
import type { Door } from "../door/door.js"
import { isSet } from "../door/who.js"

/** Nothing of it stays: not on the screen, and not above it. */
const CLEARED = "\u001b[2J\u001b[3J\u001b[H"

/** What gives a key is never handed to a pipe or a file by accident. Throws `NO_TERMINAL`. */
export function requireTerminal(door: Door, what: string, hint: string): void {
  const { stdin, stdout, stderr } = door.terminal
  if (stdin.isTTY && stdout.isTTY && stderr.isTTY && !isSet(door, "json")) return
  throw new VaultError("NO_TERMINAL", `${what} shown at a terminal only`, { hint })
}

/**
 * Shows pages at the terminal, each until the Return key, and clears them away. Throws `INTERRUPTED`.
 */
export async function showOnce(door: Door, pages: readonly string[]): Promise<void> {
  try {
    for (const [at, page] of pages.entries()) {
      const next = at + 1 === pages.length ? "end" : "next"
      // A page is part of the question, so that an interrupt finds the terminal in our hands.
      const question = `${CLEARED}${page}\nWhen it is noted, press the Return key`
      await askLine(door.terminal, question, next, "")
    }
  } finally {
    door.terminal.stderr.write(CLEARED)
  }
}
