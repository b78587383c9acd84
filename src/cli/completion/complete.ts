import { resolve } from "node:path"
import {
  type VaultNames,
  claimedId,
  findVault,
  loadServices,
  localAgents,
  namesIn,
} from "../../core/index.js"
import type { CommandSpec, OptionSpec } from "../parse/call.js"
import type { Door } from "../door/door.js"
import { COMMANDS, commandOf } from "../parse/table.js"

/** What the last of `words` may become. Whatever goes wrong, there is just nothing to say. */
export async function candidates(
  door: Pick<Door, "cwd" | "env">,
  words: readonly string[],
): Promise<string[]> {
  try {
    const current = words.at(-1) ?? ""
    const before = words.slice(0, -1)
    const all =
      before[0] === "help"
        ? nextWordsOfCommands(before.slice(1))
        : await meant(door, before, current)
    return [...new Set(all)].filter((word) => word.startsWith(current) && word !== "")
  } catch {
    return []
  }
}

async function meant(
  door: Pick<Door, "cwd" | "env">,
  before: readonly string[],
  current: string,
): Promise<readonly string[]> {
  const spec = commandOf(before)
  if (spec === undefined) return nextWordsOfCommands(before)
  const given = before.slice(spec.name.split(" ").length)
  // Another program's command line: the shell completes files.
  if (given.includes("--")) return []
  const waiting = optionAt(spec, given.at(-1))
  if (waiting?.value !== undefined && waiting.implied === undefined) {
    return waiting.choices ?? valuesOf(door, given, waiting.value)
  }
  if (current.startsWith("-")) {
    const free = Object.entries<OptionSpec>(spec.options).filter(
      ([name, { many }]) => many === true || !given.includes(`--${name}`),
    )
    return [...free.map(([name]) => `--${name}`), "--help"]
  }
  const placeholders = spec.words.split(" ").map((word) => word.replace(/[<>[\].]/g, ""))
  const position = countWords(spec, given)
  const last = spec.words.endsWith("..>") || spec.words.endsWith("..]") ? placeholders.at(-1) : ""
  const taken = new Set(given)
  // `mcp` is a command, and so is `mcp install`.
  const longer = given.length === 0 ? nextWordsOfCommands(before) : []
  const values = await valuesOf(door, given, placeholders[position] ?? last ?? "")
  return [...longer, ...values].filter((word) => !taken.has(word))
}

/** `a` may become `agent`, and after that `add`. */
function nextWordsOfCommands(before: readonly string[]): string[] {
  const path = before.join(" ")
  const below = COMMANDS.filter(({ name }) => path === "" || name.startsWith(`${path} `))
  const words = below.map(({ name }) => name.split(" ")[before.length] ?? "")
  return path === "" ? [...words, "help"] : words
}

function optionAt(spec: CommandSpec, word: string | undefined): OptionSpec | undefined {
  if (word?.startsWith("--") === true) return spec.options[word.slice(2)]
  return Object.values(spec.options).find(({ short }) => word === `-${short ?? ""}`)
}

/** How many words stand before, options and their values left out. */
function countWords(spec: CommandSpec, given: readonly string[]): number {
  const isValue = (at: number): boolean => {
    const option = optionAt(spec, given[at - 1])
    return option?.value !== undefined && option.implied === undefined
  }
  return given.filter((word, at) => !word.startsWith("--") && !isValue(at)).length
}

/** The values of a placeholder, in help and here: `agent`, `group/name`, `service` and the like. */
async function valuesOf(
  door: Pick<Door, "cwd" | "env">,
  given: readonly string[],
  placeholder: string,
): Promise<readonly string[]> {
  const kind = KINDS[placeholder.toLowerCase().replace(/\[.*$/, "")]
  if (kind === undefined) return []
  if (kind === "issuers") return Object.keys((await import("../../core/owner.js")).SELF_ROTATIONS)
  if (kind === "shells") return ["bash", "zsh", "fish"]
  if (kind === "services") {
    const { listServices } = await loadServices()
    return listServices().map(({ name }) => name)
  }
  const at = given.indexOf("--dir")
  const place = findVault(resolve(door.cwd, (at === -1 ? undefined : given[at + 1]) ?? "."))
  const names = namesIn(place)
  return kind === "agents"
    ? [...names.agents, ...localAgents(claimedId(place), door.env)]
    : names[kind]
}

const KINDS: Readonly<Record<string, keyof VaultNames | "shells" | "services" | "issuers">> = {
  agent: "agents",
  group: "groups",
  "group/name": "secrets",
  shell: "shells",
  service: "services",
  issuer: "issuers",
}
