import { chmodSync, realpathSync, statSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { LIMITS, VaultError, isObject } from "../../core/index.js"
import { readRegularFile, replaceFile } from "../../core/owner.js"
import { NotParsed, editJsonc, nest, parseJsonc } from "./jsonc.js"
import type { Spot } from "./client-files.js"
import { parseToml, toToml, withTable } from "./toml.js"

/** The entry of a server, or any other object of a configuration. */
export type ServerEntry = Readonly<Record<string, unknown>>

/** A client's configuration as it was read. */
export interface ClientConfig {
  readonly spot: Spot
  /** Empty for a file that does not exist. */
  readonly text: string
  readonly servers: ServerEntry
}

/**
 * Reads a client's configuration; a file that does not exist has no servers. Throws
 * `CONFIG_INVALID`, `FILE_UNSAFE`, `NO_ACCESS`.
 */
export function readConfig(spot: Spot): ClientConfig {
  const text = readText(spot)
  return { spot, text, servers: serversIn(spot, parseText(spot, text)) }
}

/**
 * The text of a configuration with one entry set. What the file held besides, comments and all,
 * stays as it was. Throws `CONFIG_INVALID` for a file that this program cannot edit so.
 */
export function withEntry(config: ClientConfig, name: string, entry: ServerEntry): string {
  const { spot, text } = config
  const path = [...spot.path, name]
  const edited =
    spot.format === "toml"
      ? withTable(text, path, entry)
      : editEntry(text, path, config.servers[name], entry)
  return meaning(config, edited, setAt(parseText(spot, text), path, entry))
}

/** What a configuration means, as a whole. Throws `CONFIG_INVALID`. */
export function contentOf({ spot, text }: ClientConfig): ServerEntry {
  return parseText(spot, text)
}

/**
 * An edit of a configuration's text, if it means what it should, and nothing else. Throws
 * `CONFIG_INVALID`.
 */
export function meaning(
  { spot, text }: ClientConfig,
  edited: string,
  expected: ServerEntry,
): string {
  if (!isDeepStrictEqual(tryParse(spot, edited), plain(expected))) throw notEditable(spot)
  return edited.endsWith("\n") || text !== "" ? edited : `${edited}\n`
}

/** Writes a configuration as a whole. Throws `CONFLICT` if somebody changed it meanwhile. */
export function writeConfig({ spot, text }: ClientConfig, edited: string): void {
  if (readText(spot) !== text) {
    throw new VaultError("CONFLICT", `${spot.file} was changed meanwhile`, {
      hint: "it was not written: repeat the command",
    })
  }
  const file = targetOf(spot)
  const mode =
    statSync(file, { throwIfNoEntry: false })?.mode ?? (spot.scope === "user" ? 0o600 : 0o644)
  replaceFile(file, edited, mode & 0o777)
  // What the umask took away from a file that had more.
  if (text !== "") chmodSync(file, mode & 0o777)
}

/** An entry as the client's file would show it, line by line. */
export function entryLines({ format, path }: Spot, name: string, entry: ServerEntry): string[] {
  if (format === "json") {
    const lines = JSON.stringify({ [name]: entry }, null, 2).split("\n")
    return lines.slice(1, -1)
  }
  return toToml(nest([...path, name], entry))
    .trimEnd()
    .split("\n")
}

/** A whole file with one entry. */
export function documentOf(spot: Spot, name: string, entry: ServerEntry): string {
  const document = nest([...spot.path, name], entry)
  return spot.format === "json" ? `${JSON.stringify(document, null, 2)}\n` : toToml(document)
}

/** The entry of this name, if the table has one of its own. */
export function ownEntry(servers: ServerEntry, name: string): unknown {
  return Object.hasOwn(servers, name) ? servers[name] : undefined
}

function readText(spot: Spot): string {
  const links = spot.scope === "project" ? "refuse" : "follow"
  if (spot.scope === "project") refuseLinkedFolder(spot)
  const bytes = readRegularFile(spot.file, LIMITS.clientConfig, spot.file, links)
  const text = bytes === undefined ? "" : Buffer.from(bytes).toString("utf8")
  // Any other encoding would come back as something else.
  if (bytes !== undefined && !Buffer.from(text).equals(bytes)) {
    throw configInvalid(spot, "is not UTF-8")
  }
  return text
}

/** A repository may hold a link where its own file should be: what it leads to is not ours to edit. */
function refuseLinkedFolder({ file }: Spot): void {
  const folder = dirname(file)
  const stat = statSync(folder, { throwIfNoEntry: false })
  if (stat === undefined) return
  const above = realpathSync(dirname(folder))
  if (join(above, relative(dirname(folder), folder)) === realpathSync(folder)) return
  throw new VaultError("FILE_UNSAFE", `${folder} is refused: it is a symbolic link`, {
    hint: "put a plain folder in its place, or name the file it leads to with --config",
  })
}

/** A link in the user's own folders is theirs, and stays one. */
function targetOf({ file, scope }: Spot): string {
  const exists = statSync(file, { throwIfNoEntry: false }) !== undefined
  return scope === "user" && exists ? realpathSync(file) : file
}

function parseText(spot: Spot, text: string): ServerEntry {
  if (text.trim() === "") return {}
  try {
    const document = plain(spot.format === "json" ? parseJsonc(text) : parseToml(text))
    if (isObject(document)) return document
  } catch (error) {
    if (!(error instanceof NotParsed)) throw error
    const { line } = error
    throw configInvalid(spot, `is not valid ${spot.format.toUpperCase()}, see line ${line}`)
  }
  throw configInvalid(spot, "holds no object")
}

function tryParse(spot: Spot, text: string): unknown {
  try {
    return parseText(spot, text)
  } catch (error) {
    if (VaultError.is(error, "CONFIG_INVALID")) return undefined
    throw error
  }
}

function serversIn(spot: Spot, document: ServerEntry): ServerEntry {
  let inner: unknown = document
  for (const key of spot.path) {
    const next: unknown = isObject(inner) && Object.hasOwn(inner, key) ? inner[key] : {}
    if (!isObject(next)) throw configInvalid(spot, `has no table at ${spot.path.join(".")}`)
    inner = next
  }
  return inner as ServerEntry
}

/** Changes only what differs, so that comments between the fields stay. */
function editEntry(
  text: string,
  path: readonly string[],
  before: unknown,
  after: ServerEntry,
): string {
  if (!isObject(before)) return editJsonc(text, path, after)
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].reduce((edited, key) => {
    const [old, young] = [before[key], after[key]]
    if (isDeepStrictEqual(old, young)) return edited
    if (isObject(old) && isObject(young)) return editEntry(edited, [...path, key], old, young)
    return editJsonc(edited, [...path, key], young)
  }, text)
}

function setAt(
  document: ServerEntry,
  [key = "", ...rest]: readonly string[],
  value: unknown,
): ServerEntry {
  if (rest.length === 0) return { ...document, [key]: value }
  const inner = ownEntry(document, key)
  return { ...document, [key]: setAt(isObject(inner) ? inner : {}, rest, value) }
}

/** Without the prototypes that parsers give their objects. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value))
}

function configInvalid({ file }: Spot, why: string): VaultError {
  return new VaultError("CONFIG_INVALID", `${file} ${why}`, {
    hint: "nothing was changed: correct it in an editor, then repeat the command",
  })
}

function notEditable({ file }: Spot): VaultError {
  return new VaultError(
    "CONFIG_INVALID",
    `${file} is written in a way that cannot be edited here`,
    {
      hint: "nothing was changed: a key may stand twice, or a table in one line; agent-vault mcp install --print shows what to put in by hand",
    },
  )
}
