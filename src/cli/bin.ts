#!/usr/bin/env node
// The composition root: the one place that knows the process, and every door.
import { main } from "./main.js"

// A reader that closes the pipe (`agent-vault list | head -1`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error
})

async function start(): Promise<void> {
  // Not process.exit(): what is still on its way to a pipe would be cut off.
  process.exitCode = await main(process.argv.slice(2), process)
}

void start()
