import { join } from "node:path"
import { FolderFiles } from "../disk/files.js"
import { type Environment, inHome, stateHome } from "../disk/homes.js"
import type { Lease } from "../records/lease.js"

/** An agent that keeps on this machine what succeeds refresh tokens, and the folder in which it does. */
export interface Keeper {
  readonly agent: string
  readonly folder: string
}

/** The agent that keeps what succeeds a refresh token; undefined where none is named. */
export function keeperOf(lease: Lease): string | undefined {
  if (lease.kind !== "oauth") return undefined
  return /^agent:(.+)$/.exec(lease.successors ?? "")?.[1]
}

/** The keepers of a vault on this machine, whether or not it has those agents. Throws `NO_ACCESS`. */
export function keepersHere(vault: string, env: Environment): readonly Keeper[] {
  const folder = join(successorsHome(vault, env), "agents")
  const files = inHome("state", () => new FolderFiles(folder).list())
  const kept = files.filter((path) => path.endsWith(".age"))
  const agents = new Set(kept.map((path) => path.slice(0, path.indexOf("/"))))
  return [...agents].map((agent) => ({ agent, folder: join(folder, agent) }))
}

/** The files in which an agent keeps it on this machine. Throws `NO_ACCESS`. */
export function keptFiles(vault: string, agent: string, env: Environment): readonly string[] {
  const folder = join(successorsHome(vault, env), "agents", agent)
  const files = inHome("state", () => new FolderFiles(folder).list())
  return files.filter((path) => path.endsWith(".age")).map((path) => join(folder, path))
}

/** Where the readers of a vault keep what succeeds refresh tokens that are sealed in it. */
export function successorsHome(vault: string, env: Environment): string {
  return join(stateHome(env), vault, "successors")
}
