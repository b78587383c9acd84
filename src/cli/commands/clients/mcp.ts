import { randomBytes } from "node:crypto"
import type { Reveal } from "../../../core/index.js"
import { runOptions } from "../../clients/mcp-program.js"
import type { Door } from "../../door/door.js"
import type { Serving } from "../../../serving/serving.js"
import { linesNoted } from "../../door/noted.js"
import { openForAgent } from "../../door/reading.js"
import { runLine } from "../../door/run-line.js"
import { identityOf, isSet, option, placeOf } from "../../door/who.js"
import { isLoopback, parseListening } from "../../listening/listening-place.js"
import { noteListening } from "../../listening/listening-mcp.js"
import { closeAll } from "../../tools/close-all.js"
import { refusalNotes, senderFor } from "../../tools/own-requests.js"
import { runnerFor } from "../../tools/own-programs.js"
import { attributed } from "../../tools/tool-call.js"
import { wishesOf } from "../../tools/own-wishes.js"
import { type SessionQuestions, questionsOfSessions } from "../../run/ask-person.js"
import { ToldToEnd } from "../../run/told-to-end.js"
import { OpenOnce } from "../../rpc/open-once.js"
import { say } from "../../terminal/terminal.js"

declare const AGENT_VAULT_VERSION: string

/** 256 bits. */
const TOKEN_BYTES = 32

/** Serves the Model Context Protocol: to the one client of its streams, or over HTTP. */
export async function run(door: Door): Promise<void> {
  const listens = option(door, "listen")
  await (listens === undefined ? overStreams(door) : overHttp(door, parseListening(listens)))
}

/** Until the client goes away. */
async function overStreams(door: Door): Promise<void> {
  const { stdin, stdout } = door.terminal
  if (stdin.isTTY) {
    say(
      door.terminal,
      "A client starts this and speaks to it: agent-vault mcp install. Ctrl-C ends it.",
    )
  }
  const server = await door.others.mcp()
  const { close, ...serving } = servingFor(door, questionsOfSessions(door)())
  await server.serve({ ...serving, stdin, stdout })
  await close()
}

/** Until it is told to end. */
async function overHttp(
  door: Door,
  place: { readonly address: string; readonly port: number },
): Promise<void> {
  const { agent } = await identityOf(door, placeOf(door), "never")
  const server = await door.others.mcpListener()
  const token = randomBytes(TOKEN_BYTES).toString("base64url")
  // From here on there is something to clean up.
  const told = new ToldToEnd()
  const sessions = new EndingSessions(door)
  const closing: (() => unknown)[] = [() => sessions.ended()]
  try {
    const { url, close } = await server.listen({ ...place, token, session: () => sessions.begin() })
    closing.push(close)
    closing.push(noteListening(door, { agent, url, token }))
    tellUse(door, agent, { ...place, url })
    await told.wait()
    say(door.terminal, "agent-vault: the MCP server has ended, and its token with it")
  } finally {
    await closeAll([...closing.toReversed(), () => told.release()])
  }
}

/** The sessions of a server, which ends when they have: a lease takes a moment to end. */
class EndingSessions {
  readonly #door: Door
  readonly #questions: ReturnType<typeof questionsOfSessions>
  readonly #ending = new Set<Promise<void>>()

  constructor(door: Door) {
    this.#door = door
    this.#questions = questionsOfSessions(door)
  }

  begin(): ReturnType<typeof servingFor> {
    const { close, ...serving } = servingFor(this.#door, this.#questions())
    const end = async (): Promise<void> => {
      const ending = close()
      this.#ending.add(ending)
      await ending.finally(() => this.#ending.delete(ending))
    }
    return { ...serving, close: end }
  }

  async ended(): Promise<void> {
    await Promise.allSettled(this.#ending)
  }
}

function tellUse(
  { terminal }: Door,
  agent: string | undefined,
  { address, url }: { readonly address: string; readonly url: string },
): void {
  const whose = agent === undefined ? "" : ` --agent ${agent}`
  say(terminal, `agent-vault: serving MCP for ${agent ?? "the agent of this key"} on ${url}`)
  say(terminal, `  its address and token: agent-vault mcp env${whose}`)
  if (!isLoopback(address)) {
    say(
      terminal,
      `agent-vault: ${address} is open to the network: its token passes there in plain text`,
    )
  }
  say(terminal, "  Ctrl-C ends it")
}

/** What one client's session works with. */
function servingFor(
  door: Door,
  questions: SessionQuestions,
): Serving & { readonly close: () => Promise<void> } {
  const vault = new OpenOnce()
  const reveal = (option(door, "reveal") ?? "confirm") as Reveal
  const mayRun = runOptions(door).length > 0
  return {
    vault: (client, isAgreed) =>
      vault.get(() => {
        // Each read names its own call.
        const by = attributed({ program: client }, door.env)
        const outlet = { surface: "mcp", reveal: { atLeast: reveal, isAgreed } } as const
        return openForAgent(door, outlet, { program: by.program, by })
      }),
    reveal,
    blind: isSet(door, "blind"),
    sender: (byClient) => senderFor(door, () => questions(byClient)),
    noteRefused: refusalNotes(door),
    wishes: wishesOf(door, questions),
    runner: mayRun ? (byClient) => runnerFor(door, () => questions(byClient)) : undefined,
    auditLines: () => linesNoted(door),
    runLine: () => runLine(door),
    version: AGENT_VAULT_VERSION,
    stderr: door.terminal.stderr,
    close: () => vault.close(),
  }
}
