import { type Key, agentKeyFile, utc } from "../../core/index.js"
import { checkKeyFilePlace, formatKeyFile, inHome, writeKeyFile } from "../../core/owner.js"
import type { Door } from "../door/door.js"
import { writeOut } from "../terminal/terminal.js"
import { option, userPath } from "../door/who.js"

/** Where a key goes: to the key home of this machine, to a file of the user's choice, or to stdout. */
export type KeyOutput =
  { readonly to: "home" | "file"; readonly file: string } | { readonly to: "stdout" }

/** Where `--out` wants the key file of an agent; refused before anything is changed. */
export function keyOutput(door: Door, vault: string, agent: string): KeyOutput {
  const out = option(door, "out")
  if (out === "-") return { to: "stdout" }
  const output =
    out === undefined
      ? ({ to: "home", file: agentKeyFile(vault, agent, door.env) } as const)
      : ({ to: "file", file: userPath(door, out) } as const)
  checkKeyFilePlace(output.file)
  return output
}

/** Writes or prints the key file of an agent. */
export async function deliverKey(door: Door, key: Key, output: KeyOutput): Promise<void> {
  const text = formatKeyFile(key, utc(door.now))
  if (output.to === "stdout") await writeOut(door.terminal, text)
  else if (output.to === "file") writeKeyFile(output.file, text)
  else inHome("keys", () => writeKeyFile(output.file, text))
}

/** How the key gets to where the agent runs. */
export function deliveryLines(agent: string, output: KeyOutput): string[] {
  if (output.to === "stdout") {
    return [`The key of ${agent} is on stdout; an owner can bring it back from escrow.`]
  }
  const here =
    output.to === "home" ? `AGENT_VAULT_AGENT=${agent}` : "AGENT_VAULT_IDENTITY_FILE to that path"
  return [
    `The key of ${agent}: ${output.file}`,
    `  Where it runs on this machine, set ${here}.`,
    "  Elsewhere: bring the file there by a safe way (scp, your CI's secret store), then type",
    "  agent-vault key add FILE, or set AGENT_VAULT_IDENTITY_FILE to its path.",
  ]
}
