// Prints where the Pythons are whose packages are clients of MCP, which the tests try the server with:
// one with the official SDK, fastmcp, the Agents SDK of OpenAI and pydantic-ai, and one with LangChain's
// adapters, which take an older SDK; installs them on the first call, in the versions and with the
// digests that mcp-clients/ names. Exit code 3: they cannot be had here.
import { fileURLToPath } from "node:url"
import { pinnedPython, printFound } from "./pinned.mjs"

const what = "which the MCP server is tried with"

/** Finds the Python of most. */
export function mcpClients() {
  const pins = new URL("mcp-clients/", import.meta.url)
  return pinnedPython({ name: "mcp-clients", what, pins })
}

/** Finds the Python of LangChain's adapters. */
export function langchainAdapters() {
  const pins = new URL("mcp-clients/langchain/", import.meta.url)
  return pinnedPython({ name: "langchain-adapters", what, pins })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  printFound(await Promise.all([mcpClients(), langchainAdapters()]))
}
