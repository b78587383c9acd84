import { isDeepStrictEqual } from "node:util"
import { VaultError, isObject, shellWord } from "../../../core/index.js"
import { confirm } from "../../terminal/ask.js"
import {
  type ServerEntry,
  documentOf,
  entryLines,
  ownEntry,
  readConfig,
  withEntry,
  writeConfig,
} from "../../clients/client-config.js"
import { diffLines } from "../../terminal/diff.js"
import type { Door } from "../../door/door.js"
import { type Spot, folderFor, installSpot } from "../../clients/client-files.js"
import {
  argumentsOf,
  keyInCommand,
  keysInArguments,
  literalsOf,
  shownEntry,
} from "../../clients/mcp-entry.js"
import {
  PASSED_ON,
  agentFor,
  missingKey,
  placesIn,
  programFor,
  programNotes,
  runOptions,
  surroundingOf,
} from "../../clients/mcp-program.js"
import { print, tell } from "../../door/render.js"
import { MCP_CLIENTS, type McpClient } from "../../parse/table/mcp-clients.js"
import { writeOut } from "../../terminal/terminal.js"
import { isSet, option, placeOf } from "../../door/who.js"
import { typedAgain } from "../../parse/typed-again.js"

const NAME = "agent-vault"

export async function run(door: Door): Promise<void> {
  const client = clientOf(door)
  const place = placeOf(door)
  const { agent, hasKey } = agentFor(door, place)
  const spot = installSpot(client, surroundingOf(door, place))
  const program = programFor(spot, place)
  const entry = entryFor(door, spot, { ...program, dir: folderFor(spot, place), agent })
  if (isSet(door, "print")) {
    await writeOut(door.terminal, documentOf(spot, NAME, entry))
    tell(door, `This belongs into ${spot.file}`)
  } else if (!(await writeEntry(door, spot, entry))) return
  tell(door, ...notes(spot, agent, hasKey), ...programNotes(program, door.env), client.nextStep)
}

function clientOf(door: Door): McpClient {
  const named = option(door, "client")
  const client = MCP_CLIENTS.find(({ name }) => name === named)
  if (client !== undefined) return client
  throw new VaultError("USAGE", "mcp install needs to know the client", {
    hint: `say which: ${MCP_CLIENTS.map(({ name }) => `--client ${name}`).join(", ")}`,
  })
}

function entryFor(
  door: Door,
  { client }: Spot,
  {
    command,
    args,
    dir,
    agent,
  }: { command: string; args: readonly string[]; dir: string; agent: string },
): ServerEntry {
  const reveal = option(door, "reveal")
  const places = client?.environment === "env" ? placesIn(door.env) : {}
  return {
    ...(client?.namesType === undefined ? {} : { type: "stdio" }),
    command,
    args: [
      ...args,
      "mcp",
      "--dir",
      dir,
      "--agent",
      agent,
      ...(reveal === undefined ? [] : ["--reveal", reveal]),
      // A server that shows values is what somebody has to ask for.
      ...(reveal === undefined || isSet(door, "blind") ? ["--blind"] : []),
      ...runOptions(door),
    ],
    ...(Object.keys(places).length > 0 ? { env: places } : {}),
    ...(client?.environment === "env_vars" ? { env_vars: [...PASSED_ON] } : {}),
  }
}

/** Shows what changes, asks if something would be replaced, writes. Whether the entry is there now. */
async function writeEntry(door: Door, spot: Spot, entry: ServerEntry): Promise<boolean> {
  const config = readConfig(spot)
  const before = ownEntry(config.servers, NAME)
  if (isDeepStrictEqual(before, entry)) {
    tell(door, `${spot.file} has it already. Nothing changed.`)
    return true
  }
  const edited = withEntry(config, NAME, entry)
  await print(door, diffLines(shown(spot, before), shown(spot, entry)))
  if (isSet(door, "dry-run")) {
    tell(door, `Dry run: this would be written to ${spot.file}`)
    return false
  }
  if (before !== undefined && !isSet(door, "yes")) {
    const question = `${spot.file} has another entry ${NAME}. Replace it?`
    if (!(await confirm(door.terminal, question, typedAgain(door.call, "--yes")))) {
      tell(door, "Nothing changed.")
      return false
    }
  }
  writeConfig(config, edited)
  tell(door, `Written to ${spot.file}`)
  return true
}

function shown(spot: Spot, entry: unknown): string[] {
  return isObject(entry) ? entryLines(spot, NAME, shownEntry(entry)) : []
}

function notes(spot: Spot, agent: string, hasKey: boolean): string[] {
  const isShared = spot.scope === "project"
  const others = isShared ? serversWithKeys(spot) : []
  return [
    isShared
      ? `The entry holds no key and no path of this machine${others.length > 0 ? "." : ": commit the file."}`
      : "The entry holds no key. The file is yours alone, for all your projects.",
    ...others.map(
      (name) =>
        `But ${name} in it does: agent-vault mcp wrap ${shellWord(name)}, before you commit it.`,
    ),
    ...(hasKey ? [] : [missingKey(agent)]),
  ]
}

/** The other servers in a file that is to be committed, as far as they hold keys. */
function serversWithKeys(spot: Spot): string[] {
  return Object.entries(readConfig(spot).servers).flatMap(([name, entry]) =>
    name !== NAME && isObject(entry) && holdsKey(entry) ? [name] : [],
  )
}

function holdsKey(entry: ServerEntry): boolean {
  return (
    literalsOf(entry).some(({ looksLikeKey }) => looksLikeKey) ||
    keysInArguments(argumentsOf(entry)).length > 0 ||
    keyInCommand(entry)
  )
}
