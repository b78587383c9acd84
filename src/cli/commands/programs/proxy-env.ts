import { VaultError } from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { option, userPath } from "../../door/who.js"
import { agentOfProxy, controlSocket } from "../../listening/running-proxy.js"
import { choice } from "../../run/brokered.js"
import { addressElsewhere } from "../../listening/listening-place.js"
import { LINE_FORMATS, variableLines } from "../../run/variable-lines.js"
import { writeOut } from "../../terminal/terminal.js"

/** Prints how programs use the running proxy. */
export async function run(door: Door): Promise<void> {
  const at = addressElsewhere(door)
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
  await writeOut(door.terminal, variableLines(variables, choice(door, "format", LINE_FORMATS)))
}
