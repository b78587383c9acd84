import type { Writable } from "node:stream"
import { answeringFor } from "./answering.js"
import type { Serving } from "../serving/serving.js"
import { startServer } from "./server.js"
import { transportOver } from "./transports.js"
import { Wire } from "./wire.js"

/** Where the one client of a process is. */
interface ClientStreams {
  readonly stdin: NodeJS.ReadableStream & { destroy(): unknown }
  readonly stdout: Writable
}

/**
 * Serves the Model Context Protocol until the client goes away, and resolves then. Whatever fails is
 * an answer: nothing that a client sends, and nothing that is wrong with the vault, ends it.
 */
export async function serve(serving: Serving & ClientStreams): Promise<void> {
  const output = takeOver(serving.stdout, serving.stderr)
  const wire = new Wire({ input: serving.stdin, write: output.write })
  serving.stdout.once("error", () => wire.close())
  serving.stdout.once("close", () => wire.close())
  try {
    await startServer(transportOver(wire), answeringFor(serving))
    await wire.done
  } finally {
    output.giveBack()
  }
}

/** stdout is the protocol's alone: whatever else in this process writes there goes to stderr. */
function takeOver(stdout: Writable, stderr: Writable) {
  const own = stdout.write.bind(stdout)
  stdout.write = stderr.write.bind(stderr)
  return {
    /** Resolves when the line is taken, rejects when it cannot be. */
    write: (line: string): Promise<void> =>
      new Promise((resolve, reject) => {
        own(line, (error) => (error ? reject(error) : resolve()))
      }),
    giveBack: (): void => {
      stdout.write = own
    },
  }
}
