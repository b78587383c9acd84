import { type SpawnOptions, spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"

/** How a server is started. */
interface ServerCommand {
  readonly program: string
  readonly args: readonly string[]
  readonly options: SpawnOptions
  /** What it prints when it listens. */
  readonly ready: RegExp
}

/** A server of others that a test started on loopback. */
export interface StartedServer {
  readonly port: number
  readonly stop: () => Promise<void>
}

/** Starts a server that has to be told its port. Another program may take a port that was free. */
export async function startServer(
  commandFor: (port: number) => ServerCommand,
): Promise<StartedServer> {
  for (let tries = 1; ; tries += 1) {
    const port = await freePort()
    try {
      return { port, stop: await listening(commandFor(port)) }
    } catch (error) {
      if (tries === 3) throw error
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, "127.0.0.1"), "listening")
  const { port } = server.address() as AddressInfo
  await once(server.close(), "close")
  return port
}

/** Resolves with what ends it. Rejects with what it printed, if it ended by itself. */
function listening({ program, args, options, ready }: ServerCommand): Promise<() => Promise<void>> {
  const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] })
  const endWithUs = (): void => void child.kill("SIGKILL")
  process.once("exit", endWithUs)
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  const stop = async (): Promise<void> => {
    process.off("exit", endWithUs)
    child.kill("SIGINT")
    await ended
  }
  return new Promise((resolve, reject) => {
    let said = ""
    const read = (chunk: Buffer): void => {
      if (ready.test(said)) return
      said += chunk.toString()
      if (ready.test(said)) resolve(stop)
    }
    child.stdout?.on("data", read)
    child.stderr?.on("data", read)
    child.once("error", reject)
    child.once("exit", () => reject(new Error(`${program} ended: ${said}`)))
  })
}
