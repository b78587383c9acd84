import { mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import {
  VaultError,
  claimedId,
  fateOfMaker,
  inaccessible,
  isErrno,
  nameByMaker,
  stateHome,
} from "../../core/index.js"
import { replaceFile } from "../../core/owner.js"
import type { Door } from "../door/door.js"
import { placeOf } from "../door/who.js"

/** An MCP server that listens, as its own user finds it. */
interface ListeningMcp {
  /** Undefined where the key alone says who acts. */
  readonly agent?: string | undefined
  readonly url: string
  readonly token: string
}

const PREFIX = "listens-"

/** Notes a server where only this user reads it. Returns what takes the note away. */
export function noteListening(door: Door, listening: ListeningMcp): () => void {
  const folder = folderOf(door)
  const file = join(folder, nameByMaker(PREFIX))
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    removeDeserted(folder)
    // As a whole: another terminal may just read it.
    replaceFile(file, JSON.stringify(listening), 0o600)
  } catch (error) {
    throw inaccessible("write", file, error)
  }
  return () => rmSync(file, { force: true })
}

/** The server that a call means. Throws `MCP_NOT_LISTENING`, `USAGE` if several listen. */
export function listeningMcp(door: Door, agent: string | undefined): ListeningMcp {
  const all = listeningAt(folderOf(door))
  const meant = all.filter((each) => agent === undefined || each.agent === agent)
  const [found, ...others] = meant
  if (found === undefined) throw nothingListens(agent)
  if (others.length === 0) return found
  const shown = meant.map((each) => `${each.agent ?? "the agent of a key file"} on ${each.url}`)
  throw new VaultError("USAGE", `several MCP servers listen: ${shown.join(", ")}`, {
    hint: `choose one: agent-vault mcp env --agent ${found.agent ?? "AGENT"}, or end the others`,
  })
}

function nothingListens(agent: string | undefined): VaultError {
  const whose = agent === undefined ? "of this vault" : `of ${agent}`
  return new VaultError("MCP_NOT_LISTENING", `no MCP server ${whose} listens here`, {
    hint: `start it in another terminal: agent-vault mcp --agent ${agent ?? "AGENT"} --blind --listen 0`,
  })
}

/** Those whose process runs: one that was killed leaves its note. */
function listeningAt(folder: string): readonly ListeningMcp[] {
  return namesIn(folder)
    .filter((name) => fateOfMaker(name) === "running")
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as ListeningMcp)
}

function removeDeserted(folder: string): void {
  for (const name of namesIn(folder)) {
    if (fateOfMaker(name) === "gone") rmSync(join(folder, name), { force: true })
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.startsWith(PREFIX))
  } catch (error) {
    if (isErrno(error, "ENOENT")) return []
    throw inaccessible("read", folder, error)
  }
}

function folderOf(door: Door): string {
  return join(stateHome(door.env), "mcp", claimedId(placeOf(door)))
}
