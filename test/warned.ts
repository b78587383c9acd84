import { setImmediate as soon } from "node:timers/promises"

/** Does something, and takes the warnings of this process meanwhile, which Node would print. */
export async function warningsOf(work: () => Promise<unknown>): Promise<readonly string[]> {
  const printers = process.listeners("warning")
  const said: string[] = []
  process.removeAllListeners("warning").on("warning", ({ message }) => said.push(message))
  try {
    await work()
    // Node tells of a warning after the code that gave it.
    await soon()
  } finally {
    process.removeAllListeners("warning")
    for (const printer of printers) process.on("warning", printer)
  }
  return said
}
