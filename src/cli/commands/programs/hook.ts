import { argv, execPath } from "node:process"
import { VaultError } from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { proxiesFolder } from "../../listening/running-proxy.js"
import { allowancesFile } from "../../shell/allowances.js"
import { HOOK_SCRIPTS, SHELLS, type Shell, quoted } from "../../shell/hook-scripts.js"
import { writeOut } from "../../terminal/terminal.js"

/** Prints what a shell evaluates at its start. */
export async function run(door: Door): Promise<void> {
  const shell = shellNamed(door.call.words[0])
  const word = (text: string): string => quoted(shell, text)
  const script = HOOK_SCRIPTS[shell]({
    // A name would lead elsewhere in a repository whose folder is on PATH.
    program: ["command", word(execPath), word(argv[1] ?? "")].join(" "),
    allowances: word(allowancesFile(door.env)),
    proxies: word(proxiesFolder(door)),
  })
  await writeOut(door.terminal, script)
}

/** Throws `USAGE`. */
export function shellNamed(name: string | undefined): Shell {
  const shell = SHELLS.find((each) => each === name)
  if (shell !== undefined) return shell
  throw new VaultError("USAGE", "there is a hook for bash, zsh and fish", {
    hint: "agent-vault help hook",
  })
}
