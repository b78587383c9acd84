import type { Reveal } from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { linesNoted, openForAgent } from "../../door/reading.js"
import { runLine } from "../../door/run-line.js"
import { isSet, option } from "../../door/who.js"
import { senderFor } from "../../run/own-requests.js"
import { wishesOf } from "../../run/own-wishes.js"
import { OpenOnce } from "../../rpc/open-once.js"
import { say } from "../../terminal/terminal.js"

declare const AGENT_VAULT_VERSION: string

/** Characters of the client's name that the audit notes. */
const CLIENT_NAME = 100

/** Serves the Model Context Protocol until the client goes away. */
export async function run(door: Door): Promise<void> {
  const { stdin, stdout, stderr } = door.terminal
  if (stdin.isTTY) {
    say(
      door.terminal,
      "A client starts this and speaks to it: agent-vault mcp install. Ctrl-C ends it.",
    )
  }
  const server = await door.others.mcp()
  const vault = new OpenOnce()
  const reveal = (option(door, "reveal") ?? "confirm") as Reveal
  await server.serve({
    vault: (client, isAgreed) =>
      vault.get(() =>
        openForAgent(
          door,
          { surface: "mcp", reveal: { atLeast: reveal, isAgreed } },
          { program: client?.slice(0, CLIENT_NAME) },
        ),
      ),
    reveal,
    blind: isSet(door, "blind"),
    sender: (byClient) => senderFor(door, byClient),
    wishes: wishesOf(door),
    auditLines: () => linesNoted(door),
    runLine: () => runLine(door),
    version: AGENT_VAULT_VERSION,
    stdin,
    stdout,
    stderr,
  })
  await vault.close()
}
