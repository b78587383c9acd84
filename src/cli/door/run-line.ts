import { join, resolve } from "node:path"
import { platform } from "node:process"
import { type Place, decidingSource, findVault, keyHome } from "../../core/index.js"
import { shellWord } from "../../core/index.js"
import type { Door } from "./door.js"
import { ownProgram } from "./own-program.js"
import { isSet, option, placeOf, userPath } from "./who.js"

/**
 * How a shell runs `run` as the same agent, in the same vault, with the same keys, trust and audit
 * as this call, and which variables it must have for that. A shell need not have the PATH and the
 * variables of this process, so the line names all of them that it may.
 */
export function runLine(door: Door): { line: string; needs: readonly string[] } {
  const variables = Object.entries(settings(door))
  // There, no shell takes a variable in front of a command as those of POSIX do.
  const isPosix = platform !== "win32"
  const line = [
    ...(isPosix ? variables.map(([name, value]) => `${name}=${shellWord(value)}`) : []),
    ...[...ownProgram(door.env), "run", ...who(door), ...where(door), ...audit(door)].map(
      shellWord,
    ),
  ].join(" ")
  const unsaid = isPosix ? [] : variables.map(([name]) => name)
  return { line, needs: deciding(door) === KEY ? [KEY, ...unsaid] : unsaid }
}

const KEY = "AGENT_VAULT_IDENTITY"
const KEY_FILE = "AGENT_VAULT_IDENTITY_FILE"

function deciding(door: Door): string {
  const [identityFile, agent] = [option(door, "identity"), option(door, "agent")]
  return decidingSource({ identityFile, agent }, door.env) ?? ""
}

/** Who acts. A line never contains a key. */
function who(door: Door): string[] {
  const decided = deciding(door)
  const [, agent] = /^(?:--agent|AGENT_VAULT_AGENT) (.+)$/.exec(decided) ?? []
  if (agent !== undefined) return ["--agent", agent]
  const file = decided === KEY_FILE ? door.env[KEY_FILE] : option(door, "identity")
  return file === undefined || decided === KEY ? [] : ["--identity", userPath(door, file)]
}

function where(door: Door): string[] {
  const dir = option(door, "dir")
  if (dir === undefined || isHere(door, placeOf(door))) return []
  return ["--dir", userPath(door, dir)]
}

function isHere(door: Door, place: Place): boolean {
  try {
    return findVault(door.cwd).root === place.root
  } catch {
    return false
  }
}

function audit(door: Door): string[] {
  if (isSet(door, "no-audit")) return ["--no-audit"]
  const file = option(door, "audit")
  return file === undefined ? [] : ["--audit", userPath(door, file)]
}

/**
 * The variables that decide where keys and state are, and whom to trust, where their value is not
 * the usual one. None of them is secret. The place of keys takes the one form that the program does
 * not inherit.
 */
function settings({ env, cwd }: Door): Record<string, string> {
  const home = env["HOME"] || env["USERPROFILE"] || ""
  const isOwn = (name: string, usual: string): boolean =>
    Boolean(env[name]) && resolve(cwd, env[name] ?? "") !== join(home, usual)
  const hasKeys = Boolean(env["AGENT_VAULT_HOME"]) || isOwn("XDG_CONFIG_HOME", ".config")
  const { AGENT_VAULT_TRUST: trust, AGENT_VAULT_MIN_SERIAL: floor, XDG_STATE_HOME: state } = env
  return {
    ...(hasKeys ? { AGENT_VAULT_HOME: resolve(cwd, keyHome(env)) } : {}),
    ...(isOwn("XDG_STATE_HOME", ".local/state")
      ? { XDG_STATE_HOME: resolve(cwd, state ?? "") }
      : {}),
    ...(trust ? { AGENT_VAULT_TRUST: trust } : {}),
    ...(floor ? { AGENT_VAULT_MIN_SERIAL: floor } : {}),
  }
}
