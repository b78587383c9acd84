import { VaultError } from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { candidates } from "../../completion/complete.js"
import { SCRIPTS } from "../../completion/completion-scripts.js"
import { writeOut } from "../../terminal/terminal.js"

/**
 * `completion SHELL` prints the script of a shell; `completion words -- WORD…` is what the scripts
 * call: it prints what the last word may become, a line each, and whatever is wrong, nothing.
 */
export async function run(door: Door): Promise<void> {
  const [shell = "", ...words] = door.call.words
  if (shell === "words") {
    const found = await candidates(door, words)
    if (found.length > 0) await writeOut(door.terminal, `${found.join("\n")}\n`)
    return
  }
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell as keyof typeof SCRIPTS] : undefined
  if (script === undefined || words.length > 0) {
    throw new VaultError("USAGE", "completion takes the name of one shell: bash, zsh or fish", {
      hint: "agent-vault help completion",
    })
  }
  await writeOut(door.terminal, script)
}
