// Sends requests on to an MCP server with its token, for tools that can show none; all else stays as
// it is, Host and Origin too. `node with-token.mjs` reads AGENT_VAULT_MCP_URL and _TOKEN, and prints
// its own address.
import { createServer, request } from "node:http"
import { env, stdout } from "node:process"

const { AGENT_VAULT_MCP_URL: target = "", AGENT_VAULT_MCP_TOKEN: token = "" } = env

const server = createServer((incoming, outgoing) => {
  const { method, headers } = incoming
  const all = { ...headers, authorization: `Bearer ${token}` }
  const sent = request(target, { method, headers: all, agent: false }, (response) => {
    outgoing.writeHead(response.statusCode ?? 502, response.headers)
    response.pipe(outgoing)
  })
  sent.once("error", () => outgoing.destroy())
  outgoing.once("close", () => sent.destroy())
  incoming.pipe(sent)
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  const port = typeof address === "object" ? address?.port : address
  stdout.write(`http://127.0.0.1:${port}/mcp\n`)
})
