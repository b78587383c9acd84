import { extname } from "node:path"
import { type Place, VaultError, isObject, meantOr, shellWord } from "../../core/index.js"
import { type ClientConfig, ownEntry, readConfig, type ServerEntry } from "./client-config.js"
import type { Door } from "../door/door.js"
import { type Spot, spotsInFile, spotsOf } from "./client-files.js"
import { surroundingOf } from "./mcp-program.js"
import { MCP_CLIENTS } from "../parse/table/mcp-clients.js"
import { option, userPath } from "../door/who.js"

/** A server's entry, and the configuration that it stands in. */
export interface FoundServer {
  readonly config: ClientConfig
  readonly entry: ServerEntry
}

/** How many names an error lists. */
const SHOWN = 10

/**
 * The entry of a server: in the file of `--config`, in those of `--client`, or in all that are
 * known. Throws `SERVER_NOT_FOUND`, `USAGE` if several have it, `CONFIG_INVALID`.
 */
export function findServer(door: Door, place: Place, name: string): FoundServer {
  const { configs, failure } = readAll(spotsMeant(door, place))
  const found = configs.flatMap((config) => {
    const entry = ownEntry(config.servers, name)
    return isObject(entry) ? [{ config, entry }] : []
  })
  const [first] = found
  if (first === undefined) throw failure ?? noFile(door, configs) ?? notFound(name, configs)
  const files = [...new Set(found.map(({ config }) => config.spot.file))]
  // Within one file the narrower table counts, as it does for the client.
  if (files.length === 1) return first
  throw new VaultError("USAGE", `several files have a server ${name}: ${files.join(", ")}`, {
    hint: `say which: --config ${shellWord(first.config.spot.file)}`,
  })
}

function spotsMeant(door: Door, place: Place): Spot[] {
  const [client, file] = [option(door, "client"), option(door, "config")]
  const around = surroundingOf(door, place)
  const known = MCP_CLIENTS.flatMap((each) =>
    client === undefined || client === each.name ? spotsOf(each, around) : [],
  )
  if (file === undefined) return known
  if (client !== undefined) {
    throw new VaultError("USAGE", "--client and --config both say which file", { hint: "give one" })
  }
  const path = userPath(door, file)
  const same = known.filter((spot) => spot.file === path)
  if (same.length > 0) return same
  return spotsInFile(path, extname(path) === ".toml" ? "toml" : "json")
}

/** Reads what can be read; why the rest cannot is only said if the server is in none of these. */
function readAll(spots: readonly Spot[]): { configs: ClientConfig[]; failure?: VaultError } {
  const failures: VaultError[] = []
  const configs = spots.flatMap((spot) => {
    try {
      return [readConfig(spot)]
    } catch (error) {
      if (!VaultError.is(error)) throw error
      failures.push(error)
      return []
    }
  })
  const [failure] = failures
  return failure === undefined ? { configs } : { configs, failure }
}

/** The error of a file of `--config` that does not exist, or is empty. */
function noFile(door: Door, configs: readonly ClientConfig[]): VaultError | undefined {
  const file = option(door, "config")
  if (file === undefined || configs.some(({ text }) => text !== "")) return undefined
  return new VaultError("SERVER_NOT_FOUND", `${userPath(door, file)} does not exist, or is empty`, {
    hint: "give the right path to --config",
  })
}

function notFound(name: string, configs: readonly ClientConfig[]): VaultError {
  const names = [...new Set(configs.flatMap(({ servers }) => Object.keys(servers)))].sort()
  const read = configs.filter(({ text }) => text !== "").map(({ spot }) => spot.file)
  const where = read.length === 0 ? "no client's configuration" : [...new Set(read)].join(", ")
  const known = names.length === 0 ? "" : `there is ${names.slice(0, SHOWN).join(", ")}; or `
  return new VaultError("SERVER_NOT_FOUND", `there is no server ${name}; looked at ${where}`, {
    hint: meantOr(name, names, `${known}name the file: --config FILE`),
  })
}
