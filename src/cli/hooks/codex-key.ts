import { type Place, isObject } from "../../core/index.js"
import {
  type ClientConfig,
  type ServerEntry,
  contentOf,
  meaning,
  readConfig,
} from "../clients/client-config.js"
import { fileSpot } from "../clients/client-files.js"
import { surroundingOf } from "../clients/mcp-program.js"
import type { Door } from "../door/door.js"

/** Codex takes no provider from a repository's file: https://developers.openai.com/codex/config-reference */
const FILE = {
  below: "home",
  folder: ".codex",
  folderVariable: "CODEX_HOME",
  name: "config.toml",
} as const
const PROVIDER = "agent-vault"
const FIRST = "# By agent-vault hooks install; agent-vault hooks uninstall takes it out again."
const OURS = /^(?:model_provider = "agent-vault"|model_providers\.agent-vault\.)/

/** The user's own file of Codex. Throws as reading it does. */
export function codexConfig(door: Door, place: Place): ClientConfig {
  return readConfig({ ...fileSpot(FILE, surroundingOf(door, place)), format: "toml" })
}

/**
 * The text with a provider of ours, whose key the command prints, in place of any before. It is Codex's
 * provider where the file chooses none. Only whole lines come and go: they stand first, where keys are
 * of no table. Throws `CONFIG_INVALID` where they cannot.
 */
export function withCodexKey(
  config: ClientConfig,
  command: readonly string[],
  host: string,
): string {
  const without = { ...config, text: withoutCodexKey(config) }
  const content = contentOf(without)
  const chosen = "model_provider" in content ? {} : { model_provider: PROVIDER }
  const [program = "", ...args] = command
  const provider = {
    name: `${host}, with a key of agent-vault`,
    base_url: `https://${host}/v1`,
    wire_api: "responses",
    auth: { command: program, args },
  }
  const added = { ...chosen, model_providers: { [PROVIDER]: provider } }
  const newline = without.text.includes("\r\n") ? "\r\n" : "\n"
  const behind = without.text === "" ? "" : `${newline}${without.text}`
  const edited = `${[FIRST, ...linesOf(added)].join(newline)}${newline}${behind}`
  const model_providers = { ...providersIn(content), [PROVIDER]: provider }
  return meaning(without, edited, { ...content, ...chosen, model_providers })
}

/** The provider that the file chooses, if it is another. */
export function otherProvider(config: ClientConfig): string | undefined {
  const { model_provider: chosen } = contentOf(config)
  return typeof chosen === "string" && chosen !== PROVIDER ? chosen : undefined
}

/** The words of the command that prints the key, as the file has them. */
export function codexKeyWords(config: ClientConfig): readonly string[] | undefined {
  const provider = providersIn(contentOf(config))[PROVIDER]
  const auth = isObject(provider) ? provider["auth"] : undefined
  if (!isObject(auth)) return undefined
  const words = [auth["command"], auth["args"]].flat()
  return words.every((word) => typeof word === "string") ? words : undefined
}

/** The text without what {@link withCodexKey} wrote, and the empty line behind it. */
export function withoutCodexKey({ text }: ClientConfig): string {
  const lines = text.split(/(?<=\n)/)
  const at = lines.findIndex((line) => line.trimEnd() === FIRST)
  if (at === -1) return text
  let end = at + 1
  while (OURS.test(lines[end] ?? "")) end += 1
  if (lines[end]?.trim() === "") end += 1
  return lines.toSpliced(at, end - at).join("")
}

/** Each value by the whole path of its key, so that no table begins. */
function linesOf(entry: ServerEntry, above = ""): string[] {
  return Object.entries(entry).flatMap(([key, value]) =>
    isObject(value)
      ? linesOf(value, `${above}${key}.`)
      : [`${above}${key} = ${JSON.stringify(value)}`],
  )
}

function providersIn(content: ServerEntry): ServerEntry {
  const { model_providers: providers } = content
  return isObject(providers) ? providers : {}
}
