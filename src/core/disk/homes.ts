import { delimiter, isAbsolute, join } from "node:path"
import { VaultError } from "../words/errors.js"
import { listFolder } from "./at-path.js"

/** Environment variables, as Node's `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>

/** A PATH without folders that are named from where a program stands, which may be in a repository. */
export function steadyPath(path = ""): string {
  // An empty PATH would mean that very folder.
  return path.split(delimiter).filter(isAbsolute).join(delimiter) || "/usr/bin:/bin"
}

/** The folder with this user's keys: `$AGENT_VAULT_HOME`, else by the XDG base directories. */
export function keyHome(env: Environment): string {
  const chosen = env["AGENT_VAULT_HOME"]
  if (chosen) return chosen
  return join(env["XDG_CONFIG_HOME"] || join(userHome(env), ".config"), "agent-vault")
}

/** The ids of the vaults that this user has keys of, an owner's or agents'; none without a home. */
export function vaultsWithKeys(env: Environment): readonly string[] {
  try {
    return listFolder(keyHome(env)).filter((name) => /^[0-9a-f]{32}$/.test(name))
  } catch (error) {
    if (VaultError.is(error, "NO_ACCESS")) return []
    throw error
  }
}

/** The folder with what this user's clones have seen: pins, freshness marks. */
export function stateHome(env: Environment): string {
  const base = env["XDG_STATE_HOME"] || `${userHome(env)}/.local/state`
  // A read asks for it time and again; to put a path together takes longer than to look there.
  if (lastState?.base !== base) lastState = { base, folder: join(base, "agent-vault") }
  return lastState.folder
}

/** The last one, and what it came of. */
let lastState: { readonly base: string; readonly folder: string } | undefined

/** Each folder, by the variable that moves it, which a failure names. */
const VARIABLES = { keys: "AGENT_VAULT_HOME", state: "XDG_STATE_HOME" } as const

/** Does work in one of these folders. What the system refuses there is `NO_ACCESS`, with its way out. */
export function inHome<T>(home: keyof typeof VARIABLES, work: () => T): T {
  try {
    return work()
  } catch (error) {
    // Where there is no home folder at all, the error names both variables.
    if (!VaultError.is(error, "NO_ACCESS") || error.cause === undefined) throw error
    throw new VaultError("NO_ACCESS", error.message, {
      hint: `make that possible, or set ${VARIABLES[home]} to a folder of your own that is kept`,
      cause: error.cause,
    })
  }
}

function userHome(env: Environment): string {
  const home = env["HOME"] || env["USERPROFILE"]
  if (home) return home
  throw new VaultError("NO_ACCESS", "no home folder: HOME is not set", {
    hint: "set HOME, or AGENT_VAULT_HOME and XDG_STATE_HOME, to folders of your own",
  })
}
