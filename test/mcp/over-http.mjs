// Puts an MCP server that speaks over stdio behind HTTP, for tools that know only that: forwards
// each message as it is. `node over-http.mjs COMMAND ARG…` prints the address.
import { randomUUID } from "node:crypto"
import { createServer } from "node:http"
import { argv, env, stdout } from "node:process"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"

const [command = "", ...args] = argv.slice(2)

/** @type {Map<unknown, StreamableHTTPServerTransport>} */
const sessions = new Map()

/** A session is a process of its own, as with stdio. */
async function open() {
  const http = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void sessions.set(id, http),
  })
  const stdio = new StdioClientTransport({
    command,
    args,
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value ?? ""])),
  })
  Object.assign(stdio, { onmessage: http.send.bind(http) })
  Object.assign(http, { onmessage: stdio.send.bind(stdio), onclose: stdio.close.bind(stdio) })
  await stdio.start()
  await http.start()
  return http
}

const server = createServer((request, response) => {
  const known = sessions.get(request.headers["mcp-session-id"])
  void Promise.resolve(known ?? open()).then((http) => http.handleRequest(request, response))
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  const port = typeof address === "object" ? address?.port : address
  stdout.write(`http://127.0.0.1:${port}/mcp\n`)
})
