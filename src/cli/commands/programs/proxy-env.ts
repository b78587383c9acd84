import { VaultError, shellWord } from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { option, userPath } from "../../door/who.js"
import { agentOfProxy, controlSocket } from "../../run/running-proxy.js"
import { choice } from "../../run/brokered.js"
import { writeOut } from "../../terminal/terminal.js"

/** What every reader of such files takes for itself: no quotes, no escapes, no references. */
const PLAIN = /^[\w@%+=:,./ -]*$/
const ADDRESS = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/

/** Prints how programs use the running proxy. */
export async function run(door: Door): Promise<void> {
  const at = option(door, "address")
  if (at !== undefined && !ADDRESS.test(at)) {
    throw new VaultError("USAGE", "--address takes HOST:PORT", {
      hint: "for example: --address host.docker.internal:8118",
    })
  }
  const [folder, mount] = [option(door, "write"), option(door, "mount")]
  if (mount !== undefined && folder === undefined) {
    throw new VaultError("USAGE", "--mount says where a container has the files of --write", {
      hint: "add --write DIR",
    })
  }
  const proxy = await door.others.proxy()
  const chosen = option(door, "agent") ?? door.env["AGENT_VAULT_AGENT"]
  const agent = await agentOfProxy(door, proxy, chosen)
  const variables = await proxy.offeredVariables({
    control: controlSocket(door, agent),
    at,
    folder: folder === undefined ? undefined : userPath(door, folder),
    mount,
  })
  const line = choice(door, "format", ["sh", "dotenv"]) === "sh" ? forShell : forFile
  const lines = Object.entries(variables).map(([name, value]) => line(name, value))
  await writeOut(door.terminal, `${lines.join("\n")}\n`)
}

function forShell(name: string, value: string): string {
  return `export ${name}=${value === "" ? "''" : shellWord(value)}`
}

/** Docker takes quotes literally, and Compose replaces what follows `$`. */
function forFile(name: string, value: string): string {
  if (PLAIN.test(value)) return `${name}=${value}`
  throw new VaultError("USAGE", `${name} cannot stand in a file of variables`, {
    hint: "use --format sh, or name folders without blanks or quotes: --mount PATH",
  })
}
