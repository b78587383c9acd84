import { type Confirmed, type Place, VaultError } from "../../../core/index.js"
import { grant, isTracked, requirePerson } from "../../../core/owner.js"
import { confirm } from "../../terminal/ask.js"
import {
  type ServerEntry,
  entryLines,
  withEntry,
  writeConfig,
} from "../../clients/client-config.js"
import { diffLines } from "../../terminal/diff.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { type FoundServer, findServer } from "../../clients/find-server.js"
import {
  argumentsOf,
  flagOf,
  keyInCommand,
  keysInArguments,
  kindOf,
  shownEntry,
} from "../../clients/mcp-entry.js"
import { agentFor, missingKey, programFor, programNotes } from "../../clients/mcp-program.js"
import {
  type OwnersRequest,
  type Stored,
  chooseNames,
  closedTo,
  ownersRequest,
  store,
} from "../../clients/mcp-secrets.js"
import { type Wrapping, isWrapped, wrap, wrappedAgent } from "../../clients/mcp-wrapping.js"
import { afterRepair } from "../../door/after-repair.js"
import { outcomeLines, print, tell } from "../../door/render.js"
import { isSet, placeOf } from "../../door/who.js"
import { typedAgain } from "../../parse/typed-again.js"

/** A shorter value occurs in lines by chance. */
const TELLING = 6

export async function run(door: Door): Promise<number> {
  const [name = ""] = door.call.words
  const place = placeOf(door)
  const found = findServer(door, place, name)
  refuseRemote(found, name)
  const left = tellOfArguments(door, found.entry)
  const stored = await chooseNames(door, name, found.entry)
  if (stored.length === 0) {
    tell(door, nothingToDo(found, name))
    return left
  }
  const wrapping = wrappingOf(door, place, found, stored)
  const edited = await showChange(door, name, found, wrapping)
  if (isSet(door, "dry-run")) tell(door, "Dry run: nothing was stored, and nothing written.")
  else if (await isMeant(door, found, stored)) {
    await carryOut(door, found, wrapping, edited)
  } else tell(door, "Nothing changed.")
  return left
}

function refuseRemote({ config, entry }: FoundServer, name: string): void {
  const kind = kindOf(entry)
  if (kind === "started") return
  const { file } = config.spot
  if (kind === "unknown") {
    throw new VaultError("CONFIG_INVALID", `${name} in ${file} has no command`, {
      hint: "only a server that the client starts can be given an environment",
    })
  }
  throw new VaultError("USAGE", `${name} in ${file} is a remote server: no program is started`, {
    hint: "the client itself sends its headers: take a key in them from a variable of the client, or use the server's own login",
  })
}

/** Names the arguments that hold keys, which this command cannot repair. Returns the exit code. */
function tellOfArguments(door: Door, entry: ServerEntry): number {
  const args = argumentsOf(entry)
  const places = keysInArguments(args)
  for (const at of places) {
    const flag = flagOf(args, at)
    tell(
      door,
      `attention  argument ${at + 1}${flag === undefined ? "" : ` (${flag})`} holds a key`,
      "    Arguments are seen by every process, and no environment replaces them. Look whether the",
      "    server takes a variable instead (docker: -e NAME alone), write it to env, and repeat.",
    )
  }
  const isInCommand = keyInCommand(entry)
  if (isInCommand) {
    tell(door, "attention  the command itself holds a key: take it out as an argument's would be")
  }
  return places.length > 0 || isInCommand ? 1 : 0
}

function nothingToDo({ config, entry }: FoundServer, name: string): string {
  const { file } = config.spot
  return isWrapped(entry)
    ? `${name} in ${file} is wrapped already. Nothing changed.`
    : `The env of ${name} in ${file} holds no key. Nothing changed.`
}

function wrappingOf(
  door: Door,
  place: Place,
  { config, entry }: FoundServer,
  stored: readonly Stored[],
): Wrapping {
  const program = programFor(config.spot, place)
  const named = wrappedAgent(entry)
  const { agent, hasKey } =
    named === undefined ? agentFor(door, place) : { agent: named, hasKey: true }
  if (!hasKey) tell(door, missingKey(agent))
  return { program, agent, place, spot: config.spot, stored }
}

/** Prints what becomes of the entry, without its values. The new text of the file. */
async function showChange(
  door: Door,
  name: string,
  { config, entry }: FoundServer,
  wrapping: Wrapping,
): Promise<string> {
  const wrapped = wrap(entry, wrapping)
  const edited = withEntry(config, name, wrapped)
  const values = wrapping.stored.map(({ value }) => value)
  const lines = (each: ServerEntry): string[] =>
    entryLines(config.spot, name, shownEntry(each, values))
  await print(door, diffLines(lines(entry), lines(wrapped)))
  return edited
}

function isMeant(door: Door, { config }: FoundServer, stored: readonly Stored[]): Promise<boolean> {
  if (isSet(door, "yes")) return Promise.resolve(true)
  const names = stored.map(({ variable, secret }) => `${variable} as ${secret}`).join(", ")
  const question = `Store ${names}, and write ${config.spot.file}?`
  return confirm(door.terminal, question, typedAgain(door.call, "--yes"))
}

/**
 * Every question and refusal comes before the first change, and the file loses its values last. So
 * if the command stops in between, the file is as it was, and the command can run again.
 */
async function carryOut(
  door: Door,
  found: FoundServer,
  { agent, program, stored }: Wrapping,
  edited: string,
): Promise<void> {
  const { file } = found.config.spot
  const isShared = await isTracked(file, door.env)
  const request = await ownersRequest(door)
  const closed = await afterRepair(request, () => closedTo(request, agent, stored))
  const isGranted = closed.length > 0 && (await isToBeGranted(door, agent, closed))
  const person = isGranted ? await personFor(door, request, agent, closed) : undefined
  await store(door, request, stored)
  if (isGranted) {
    const outcome = await grant({ ...request, person, agent, groups: closed })
    tell(door, ...outcomeLines(door, outcome))
  }
  writeConfig(found.config, edited)
  tell(door, `Written to ${file}: the server is started through agent-vault run, as ${agent}.`)
  if (closed.length > 0 && !isGranted) tell(door, ...grantLines(agent, closed))
  tell(door, ...programNotes(program, door.env), ...reminders(found, edited, stored, isShared))
}

function isToBeGranted(door: Door, agent: string, closed: readonly string[]): Promise<boolean> {
  // That somebody may read is never decided by the way.
  if (isSet(door, "yes")) return Promise.resolve(false)
  const question = `${agent} does not open ${closed.join(", ")}. Grant it?`
  return confirm(door.terminal, question, typedAgain(door.call, "--yes"))
}

/** A harness may need a person's word for the grant: it comes before anything is stored. */
function personFor(
  door: Door,
  { identity: { under } }: OwnersRequest,
  agent: string,
  groups: readonly string[],
): Promise<Confirmed | undefined> {
  return withPerson(door, (person) => {
    requirePerson(`give ${agent} access to ${groups.join(", ")}`, { under, person })
    return person
  })
}

function grantLines(agent: string, closed: readonly string[]): string[] {
  return [
    `The server cannot start before ${agent} opens ${closed.join(", ")}.`,
    `Next: agent-vault grant ${agent} ${closed.join(" ")}`,
  ]
}

function reminders(
  { config }: FoundServer,
  edited: string,
  stored: readonly Stored[],
  isShared: boolean,
): string[] {
  const { file } = config.spot
  const these = stored.length === 1 ? "this key" : `these ${stored.length} keys`
  return [
    ...stored.flatMap(({ variable, value }) =>
      linesWith(edited, value).map(
        (line) => `attention  ${file} still holds the value of ${variable}, in line ${line}`,
      ),
    ),
    isShared
      ? `Rotate ${these} now: Git tracks ${file}, so the old values may be in its history, and in every clone.`
      : `Rotate ${these} if ${file} was ever shared, synced or backed up. There is no copy of it from here.`,
    `Make new values at their source, then: agent-vault set ${stored[0]?.secret ?? "NAME"}`,
  ]
}

/** The lines of a text that hold a value still, in a comment or in another entry. */
function linesWith(text: string, value: string): number[] {
  const escaped = JSON.stringify(value).slice(1, -1)
  const holds = (line: string): boolean => line.includes(value) || line.includes(escaped)
  if (value.length < TELLING) return []
  return text.split("\n").flatMap((line, at) => (holds(line) ? [at + 1] : []))
}
