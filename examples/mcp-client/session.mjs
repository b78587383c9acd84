// What an MCP client does with the vault: lists what there is, asks for a value, and learns how
// to do without it. The person at the client decides: here it is a function.
//
//   AGENT_VAULT_AGENT=ci node session.mjs weather/api-key once|session|no
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js"

const [name = "weather/api-key", choice = "once"] = process.argv.slice(2)
const { AGENT_VAULT_BIN = "agent-vault" } = process.env

const client = new Client(
  { name: "example-client", version: "1.0.0" },
  { capabilities: { elicitation: {} } },
)
client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
  console.log(`the server asks: ${params.message}`)
  return { action: "accept", content: { show: choice } }
})

await client.connect(
  new StdioClientTransport({
    command: AGENT_VAULT_BIN,
    args: ["mcp", "--dir", import.meta.dirname],
    env: /** @type {Record<string, string>} */ (process.env),
  }),
)
try {
  console.log("I may read:", JSON.stringify((await call("describe_access")).structuredContent))

  const { secrets } = (await call("list_secrets")).structuredContent
  for (const secret of secrets) {
    // What is closed to this agent has no `use`; it has the line that an owner would type.
    console.log(`${secret.name}: ${secret.use?.command ?? `closed; ask an owner: ${secret.ask}`}`)
  }

  const { isError, structuredContent } = await call("get_secret", { name })
  console.log(isError ? "refused:" : "got:", JSON.stringify(structuredContent))
} finally {
  await client.close()
}

/**
 * @typedef {{ name: string, use?: { command: string }, ask?: string }} Secret
 *
 * @param {string} tool
 * @param {Record<string, unknown>} [given]
 * @returns {Promise<{ isError?: boolean, structuredContent: { secrets: Secret[] } }>}
 */
async function call(tool, given) {
  const answer = await client.callTool({ name: tool, arguments: given })
  return /** @type {never} */ (answer)
}
