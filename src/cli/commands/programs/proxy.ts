import { isIP } from "node:net"
import { VaultError } from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { option, userPath } from "../../door/who.js"
import { questionsInFront } from "../../run/ask-person.js"
import { controlSocket } from "../../listening/running-proxy.js"
import { brokeredOf, strictnessOf, tellServed, variablesOf } from "../../run/brokered.js"
import { isLoopback } from "../../listening/listening-place.js"
import { tellUnreached } from "../../run/unreached.js"
import { ToldToEnd } from "../../run/told-to-end.js"
import { say } from "../../terminal/terminal.js"
import { closeAll } from "../../tools/close-all.js"

const LOOPBACK = "127.0.0.1"
const HIGHEST_PORT = 65_535

/** Serves the broker to programs elsewhere, until it is told to end. */
export async function run(door: Door): Promise<void> {
  const listens = listensAt(door)
  const serving = await brokeredOf(door, "proxy")
  const agent = serving.key.agent ?? ""
  const control = controlSocket(door, agent)
  const broker = await door.others.proxy()
  const strictness = strictnessOf(door)
  const tell = tellUnreached(door.terminal)
  const terms = {
    vault: serving.vault,
    env: door.env,
    ...strictness,
    onRefused: (error: VaultError) => {
      strictness.onRefused(error)
      tell(error)
    },
    ask: (await questionsInFront(door)).choose,
    who: `a program that uses the proxy of ${agent}`,
  }
  // From here on there is something to clean up.
  const told = new ToldToEnd()
  let ready: Awaited<ReturnType<typeof broker.prepareProxy>> | undefined
  try {
    ready = await broker.prepareProxy(terms)
    const given = await variablesOf(serving.assignments, ready)
    const at = await ready.serve({ listens, control }, given)
    tellServed(door, given, ready, (named) => `the proxy of ${agent} serves ${named} on ${at}`)
    tellUse(door, agent, listens)
    await told.wait()
    say(door.terminal, "agent-vault: the proxy has ended, and its token with it")
  } finally {
    // The leases end also where the audit cannot be closed.
    await closeAll([() => ready?.close(), () => serving.vault.endLeases(), () => told.release()])
  }
}

function tellUse({ terminal }: Door, agent: string, listens: ReturnType<typeof listensAt>): void {
  say(terminal, `  in another terminal: eval "$(agent-vault proxy env --agent ${agent})"`)
  say(terminal, `  for a container:     agent-vault proxy env --agent ${agent} --write DIR`)
  if ("address" in listens && !isLoopback(listens.address)) {
    say(
      terminal,
      `agent-vault: ${listens.address} is open to the network: its token passes there in plain text`,
    )
  }
  say(terminal, "  Ctrl-C ends it")
}

/** Throws `USAGE`. */
function listensAt(door: Door): { address: string; port: number } | { socket: string } {
  const [port, address, socket] = ["port", "listen", "socket"].map((name) => option(door, name))
  if (socket !== undefined) {
    if (port === undefined && address === undefined) return { socket: userPath(door, socket) }
    throw new VaultError("USAGE", "--socket takes the place of --port and --listen", {
      hint: "give one of them",
    })
  }
  if (address !== undefined && isIP(address) === 0) {
    throw new VaultError("USAGE", "--listen takes an IP address of this machine", {
      hint: "to this machine alone: leave it out",
    })
  }
  return { address: address ?? LOOPBACK, port: parsePort(port) }
}

function parsePort(text = "0"): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= HIGHEST_PORT) return Number(text)
  throw new VaultError("USAGE", "--port takes a number up to 65535", {
    hint: "leave it out for any that is free",
  })
}
