import { type Place, shellWord } from "../../../core/index.js"
import { type ClientConfig, writeConfig } from "../../clients/client-config.js"
import { agentFor, missingKey, programFor, programNotes } from "../../clients/mcp-program.js"
import type { Door } from "../../door/door.js"
import { print, tell } from "../../door/render.js"
import { isSet, option, placeOf } from "../../door/who.js"
import { keyCommand, withKeyCommand } from "../../hooks/api-key.js"
import { codexConfig, otherProvider, withCodexKey } from "../../hooks/codex-key.js"
import { withHooks } from "../../hooks/hook-entries.js"
import { hookLine, hookOptions, runOptions } from "../../hooks/hook-line.js"
import { type HookSpot, spotMeant } from "../../hooks/hook-spot.js"
import { allowedHosts } from "../../run/brokered.js"
import { diffLines } from "../../terminal/diff.js"

export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const spot = spotMeant(door, place)
  const isRunning = runOptions(door) !== undefined
  allowedHosts(door)
  const { agent, hasKey } = agentFor(door, place)
  const program = programFor(spot.config.spot, place)
  const words = [program.command, ...program.args]
  const line = hookLine(spot.client.name, words, hookOptions(door, agent))
  const hooked = withHooks(spot.config, spot.client, line)
  const keyed = await withClientsKey(door, place, spot, { agent, words, text: hooked })
  if (!(await write(door, spot.config, keyed.text))) return
  if (keyed.codex !== undefined) await writeCodexKey(door, keyed.codex)
  tell(
    door,
    ...(isRunning ? [] : [withoutSecrets(door, spot)]),
    ...(hasKey ? [] : [missingKey(agent)]),
    ...programNotes(program, door.env),
    ...(spot.config.spot.scope === "project"
      ? [
          "The file holds no key: commit it. Whoever works here without agent-vault then has no tools; --global keeps the hooks yours.",
        ]
      : []),
    spot.client.nextStep,
  )
}

interface Keyed {
  /** Of the file with the hooks. */
  readonly text: string
  /** The file that Codex has besides, for its key. */
  readonly codex?: { readonly config: ClientConfig; readonly text: string }
}

/** The text with the client's own key too, where the call asks for it, and the client has it there. */
async function withClientsKey(
  door: Door,
  place: Place,
  spot: HookSpot,
  { agent, words, text }: { agent: string; words: readonly string[]; text: string },
): Promise<Keyed> {
  const secret = option(door, "api-key")
  if (secret === undefined) return { text }
  const { host, args } = await keyCommand(door, place, spot, { secret, agent })
  if (spot.client.name === "codex") {
    const config = codexConfig(door, place)
    const program = programFor(config.spot, place)
    const command = [program.command, ...program.args, ...args]
    return { text, codex: { config, text: withCodexKey(config, command, host) } }
  }
  const line = [...words, ...args].map(shellWord).join(" ")
  return { text: withKeyCommand({ ...spot.config, text }, line) }
}

async function writeCodexKey(
  door: Door,
  { config, text }: Required<Keyed>["codex"],
): Promise<void> {
  await write(door, config, text)
  const other = otherProvider(config)
  if (other === undefined) return
  tell(
    door,
    `Your ${config.spot.file} chooses the provider ${other}, and keeps it. With this key: codex -c model_provider=agent-vault`,
  )
}

/** Shows what changes, and writes it. Whether it is there now. */
async function write(door: Door, config: ClientConfig, edited: string): Promise<boolean> {
  const { file } = config.spot
  if (edited === config.text) {
    tell(door, `${file} has them already. Nothing changed.`)
    return true
  }
  await print(door, diffLines(linesOf(config.text), linesOf(edited)))
  if (isSet(door, "dry-run")) {
    tell(door, `Dry run: this would be written to ${file}`)
    return false
  }
  writeConfig(config, edited)
  tell(door, `Written to ${file}`)
  return true
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n")
}

function withoutSecrets(door: Door, { client }: HookSpot): string {
  const again = `agent-vault hooks install --client ${client.name}${isSet(door, "global") ? " --global" : ""} -g GROUP`
  return `Commands run as they are, with no secrets: to let them use some, ${again}`
}
