import { type Place, type Reveal, decidingSource, findVault } from "../../core/index.js"
import type { Door } from "../door/door.js"
import { OpenOnce } from "../rpc/open-once.js"
import { shellWord } from "../terminal/shell-word.js"
import { say } from "../terminal/terminal.js"
import { openForAgent } from "../door/reading.js"
import { isSet, option, placeOf, userPath } from "../door/who.js"

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
    runAs: () => runAs(door),
    version: AGENT_VAULT_VERSION,
    stdin,
    stdout,
    stderr,
  })
  await vault.close()
}

/** How the person, or the model in a shell, starts `run` as the same agent in the same vault. */
function runAs(door: Door): string {
  const words = ["agent-vault", "run"]
  const file = option(door, "identity")
  const agent = option(door, "agent")
  const decided = decidingSource({ identityFile: file, agent }, door.env) ?? ""
  const [, named] = /^(?:--agent|AGENT_VAULT_AGENT) (.+)$/.exec(decided) ?? []
  if (named !== undefined) words.push("--agent", named)
  else if (file !== undefined) words.push("--identity", userPath(door, file))
  const dir = option(door, "dir")
  if (dir !== undefined && !isHere(door, placeOf(door))) words.push("--dir", userPath(door, dir))
  return words.map(shellWord).join(" ")
}

function isHere(door: Door, place: Place): boolean {
  try {
    return findVault(door.cwd).root === place.root
  } catch {
    return false
  }
}
