import { basename, dirname } from "node:path"
import { buffer } from "node:stream/consumers"
import { VaultError, findVaultOrNone, isObject, meantOr, projectOf } from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { programFiles } from "../../door/own-program.js"
import { option } from "../../door/who.js"
import { DIALECTS } from "../../hooks/dialects.js"
import type { HookCall, HookDialect, HookVerdict } from "../../hooks/hook-call.js"
import { runOptions } from "../../hooks/hook-line.js"
import { type WrapCommand, judgeBefore } from "../../hooks/judge.js"
import { judgeAfter, noteSeen } from "../../hooks/seen-values.js"
import { shellOf, wrappedCommand } from "../../hooks/wrapped-command.js"
import { writeOut } from "../../terminal/terminal.js"

export async function run(door: Door): Promise<void> {
  const dialect = dialectOf(door)
  const call = dialect.read(messageOf(await buffer(door.terminal.stdin)))
  if (call === undefined) return
  const answer = dialect.answer(call, await verdictOn(door, call))
  if (answer !== undefined) await writeOut(door.terminal, `${JSON.stringify(answer)}\n`)
}

function dialectOf({ call }: Door): HookDialect {
  const [name = ""] = call.words
  const dialect = Object.entries(DIALECTS).find(([client]) => client === name)?.[1]
  if (dialect !== undefined) return dialect
  const names = Object.keys(DIALECTS)
  throw new VaultError("USAGE", `there is no client ${name} whose hooks agent-vault answers`, {
    hint: meantOr(name, names, `one of ${names.join(", ")}`),
  })
}

/** What cannot be decided is refused: before a tool it does not run, after it nothing comes of it. */
async function verdictOn(door: Door, call: HookCall): Promise<HookVerdict> {
  try {
    if (call.moment === "before") return judgeBefore(call, door.env, wrapOf(door, call.cwd))
    const verdict = await judgeAfter(call, door.env)
    const agent = option(door, "agent")
    if (verdict.is === "output" && agent !== undefined) {
      noteSeen(agent, call, door.env, verdict.names)
    }
    return verdict
  } catch (error) {
    if (!VaultError.is(error)) throw error
    const hint = error.hint === undefined ? "" : `; ${error.hint}`
    return { is: "refuse", reason: `agent-vault: ${error.message} (${error.code})${hint}` }
  }
}

/** Undefined where commands stay as they are: no secret is chosen, no vault is here, or all is blind. */
function wrapOf(door: Door, cwd: string): WrapCommand {
  const options = runOptions(door)
  if (options === undefined || isBlind(door) || !findVaultOrNone(cwd)) return undefined
  const project = projectOf(door.env) ?? cwd
  // By where it is: a login shell, as Codex starts one, has a PATH of its own.
  const how = { program: programFiles(), options, shell: shellOf(door.env), project }
  return (call, command) => wrappedCommand(call, command, how)
}

/** A client that was itself started by `run --blind` gave its hook the broker's variables. */
function isBlind({ env }: Door): boolean {
  const { HTTPS_PROXY: proxy = "", SSL_CERT_FILE: bundle = "" } = env
  return /^http:\/\/x:[^@]+@/.test(proxy) && basename(dirname(bundle)).startsWith("agent-vault-")
}

function messageOf(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const message: unknown = JSON.parse(Buffer.from(bytes).toString())
    if (isObject(message)) return message
  } catch {
    // It is told as what it is, without its text.
  }
  throw new VaultError("USAGE", "what is on stdin is not a hook's message: a JSON object", {
    hint: "a client starts this command; agent-vault hooks status tries it",
  })
}
