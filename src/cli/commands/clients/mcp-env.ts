import type { Door } from "../../door/door.js"
import { option } from "../../door/who.js"
import { choice } from "../../run/brokered.js"
import { listeningMcp } from "../../listening/listening-mcp.js"
import { addressElsewhere } from "../../listening/listening-place.js"
import { LINE_FORMATS, variableLines } from "../../run/variable-lines.js"
import { writeOut } from "../../terminal/terminal.js"

/** Prints how a client reaches the MCP server that listens. */
export async function run(door: Door): Promise<void> {
  const at = addressElsewhere(door)
  const agent = option(door, "agent") ?? door.env["AGENT_VAULT_AGENT"]
  const { url, token } = listeningMcp(door, agent)
  const reached = at === undefined ? url : url.replace(new URL(url).host, at)
  const variables = { AGENT_VAULT_MCP_URL: reached, AGENT_VAULT_MCP_TOKEN: token }
  await writeOut(door.terminal, variableLines(variables, choice(door, "format", LINE_FORMATS)))
}
