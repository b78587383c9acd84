// The composition root: the one place that knows the process, and every door.
import { type CommandProcess, main } from "./command-line.js"
import { earlyStreams } from "./terminal/early-streams.js"

/** Whether anything was written, or may be. */
let hasSpoken = false

/** The process, whose streams are made when they are first used: a clean commit needs none. */
const surroundings: CommandProcess = {
  get stdin() {
    return process.stdin
  },
  get stdout() {
    return withoutEnd(process.stdout)
  },
  get stderr() {
    return withoutEnd(process.stderr)
  },
  early: earlyStreams(() => hasSpoken),
  env: process.env,
  cwd: () => process.cwd(),
}

/**
 * A failed write is reported to the writer. A reader that closes the pipe
 * (`agent-vault list | head -1`) is not an error.
 */
function withoutEnd(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  hasSpoken = true
  return stream.listenerCount("error", ignore) === 0 ? stream.on("error", ignore) : stream
}

function ignore(): void {}

// By default Node opens a debugger's port on this signal, to whoever can connect.
process.on("SIGUSR1", () => {})

/** Of a process that ends with its work undone, since nothing is left that it could wait for. */
const UNDONE = 70

async function start(): Promise<void> {
  process.exitCode = UNDONE
  process.exitCode = await main(process.argv.slice(2), surroundings, {
    mcp: () => import("../mcp/serve.js"),
    mcpListener: () => import("../mcp/listen.js"),
    guard: () => import("../precommit/run-guard.js"),
    broker: () => import("../broker/blind-run.js"),
    proxy: () => import("../broker/serve-proxy.js"),
    trial: () => import("../broker/try-client.js"),
    ownRequests: () => import("../broker/own-request.js"),
  })
  // What is still on its way to a pipe would be cut off. If nothing is, a commit need not wait until
  // git is gone.
  if (!hasSpoken) process.exit()
}

void start()
