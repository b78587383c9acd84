#!/usr/bin/env node
// The composition root: the one place that knows the process, and every door.
import { main } from "./main.js"

// What cannot be written is told to whoever writes, and a reader that closes the pipe
// (`agent-vault list | head -1`) is no error.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})

// By default Node opens a debugger's port on this signal, to whoever can connect.
process.on("SIGUSR1", () => {})

async function start(): Promise<void> {
  // Not process.exit(): what is still on its way to a pipe would be cut off.
  process.exitCode = await main(process.argv.slice(2), process, {
    mcp: () => import("../mcp/main.js"),
  })
}

void start()
