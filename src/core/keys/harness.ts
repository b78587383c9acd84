import { join, sep } from "node:path"
import { lookAt } from "../disk/at-path.js"
import { type Environment, inHome, keyHome } from "../disk/homes.js"
import harnesses from "./harnesses.json" with { type: "json" }

/** An agent's harness that runs here, and what stands for a person all the same. */
export interface UnderHarness {
  /** For example `Claude Code`. */
  readonly harness: string
  /** The owner's key was opened by a passphrase, or the user's setting lets a harness do it. */
  readonly vouched?: "passphrase" | "setting"
}

/** The agent harness that the environment tells of, for example `Claude Code`. */
export function agentHarness(env: Environment): string | undefined {
  const variable = Object.keys(harnesses).find((name) => Boolean(env[name]))
  return variable === undefined ? undefined : (harnesses as Record<string, string>)[variable]
}

/** What runs here for a vault; undefined where no harness does. */
export function underHarness(vault: string, env: Environment): UnderHarness | undefined {
  const harness = agentHarness(env)
  if (harness === undefined) return undefined
  return isLetByUser(vault, env) ? { harness, vouched: "setting" } : { harness }
}

/** The file by which a user lets a harness widen access to one vault; what is in it does not count. */
export function harnessSetting(vault: string, env: Environment): string {
  return join(keyHome(env), vault, "harness-may-widen")
}

/** A file that only the user can write. */
function isLetByUser(vault: string, env: Environment): boolean {
  const file = inHome("keys", () => lookAt(harnessSetting(vault, env)))
  if (file === undefined || !file.isFile()) return false
  // Windows has no such bits; there the profile folder's own access list protects the file.
  return sep !== "/" || (file.mode & 0o022) === 0
}
