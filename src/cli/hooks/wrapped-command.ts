import { existsSync } from "node:fs"
import { basename } from "node:path"
import { type Environment, harmless, shellWord } from "../../core/index.js"
import type { HookCall } from "./hook-call.js"

/** How commands are to run, as the hook was installed. */
interface HowToRun {
  /** The words that start this program. */
  readonly program: readonly string[]
  /** The options of `run`, without the command. */
  readonly options: readonly string[]
  /** The shell that understands the command. */
  readonly shell: string
  /** The folder of the client's project. */
  readonly project?: string | undefined
}

/** What the audit takes of a client's names. */
const NAME = /^[\w.:-]{1,128}$/

/** A command line that runs another by `agent-vault run`, and says whose it is, to audit and policy. */
export function wrappedCommand(
  { session, turn, call }: HookCall,
  command: string,
  { program, options, shell, project }: HowToRun,
): string {
  const isShown = project !== undefined && project === harmless(project)
  const folder = isShown ? [`AGENT_VAULT_PROJECT=${shellWord(project)}`] : []
  const names = [
    ["AGENT_VAULT_SESSION", session],
    ["AGENT_VAULT_TURN", turn],
    ["AGENT_VAULT_CALL", call],
  ].flatMap(([name, value]) =>
    value !== undefined && NAME.test(value) ? [`${name}=${shellWord(value)}`] : [],
  )
  const words = [...program, "run", ...options, "--", shell, "-c", command]
  // Plain words only: a client may refuse what it cannot tell before it runs.
  return [...names, ...folder, ...words.map(shellWord)].join(" ")
}

/** The shell that clients run commands with: the user's, if it is one that models write for. */
export function shellOf({ SHELL: own = "" }: Environment): string {
  if (["bash", "zsh"].includes(basename(own))) return own
  return existsSync("/bin/bash") ? "/bin/bash" : "/bin/sh"
}
