// Prints where the Python is whose packages are clients of MCP, which the tests try the server with:
// the official SDK, fastmcp, the Agents SDK of OpenAI and pydantic-ai; installs them on the first
// call, in the versions and with the digests that mcp-clients/ names. Exit code 3: they cannot be had
// here.
import { fileURLToPath } from "node:url"
import { pinnedPython, printFound } from "./pinned.mjs"

const pins = new URL("mcp-clients/", import.meta.url)

/** Finds the Python. */
export function mcpClients() {
  return pinnedPython({ name: "mcp-clients", what: "which the MCP server is tried with", pins })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) printFound([await mcpClients()])
