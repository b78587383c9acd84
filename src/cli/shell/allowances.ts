import { join } from "node:path"
import { type Environment, VaultError, stateHome } from "../../core/index.js"
import { inHome, readRegularFile, replaceFile } from "../../core/owner.js"

/** Bytes of the file of allowances. */
const LARGEST = 2 ** 20
const PRIVATE = 0o600

/** What a person allowed for one vault at one place. */
export interface Allowance {
  /** 32 hex digits. */
  readonly vault: string
  /** The vault's folder, without links. */
  readonly root: string
  /** Whose values; undefined: of whichever proxy runs for the vault. */
  readonly agent?: string | undefined
  /** The groups whose values a shell gets; none: a shell gets placeholders, by a running proxy. */
  readonly groups: readonly string[]
}

/** The file that a shell's hook looks at, to learn that something changed. */
export function allowancesFile(env: Environment): string {
  return join(stateHome(env), "shell-hook.json")
}

/** All that was allowed on this machine. Throws `FILE_UNSAFE`, `NO_ACCESS`, `USAGE`. */
export function allowancesIn(env: Environment): readonly Allowance[] {
  const file = allowancesFile(env)
  const bytes = inHome("state", () => readRegularFile(file, LARGEST))
  if (bytes === undefined) return []
  try {
    const all: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"))
    if (Array.isArray(all) && all.every(isAllowance)) return all
  } catch {
    // Below.
  }
  throw new VaultError("USAGE", `${file} is not as agent-vault writes it`, {
    hint: "remove it, and allow again: agent-vault hook allow",
  })
}

/** Puts an allowance in the place of those for the same folder. */
export function allow(env: Environment, allowance: Allowance): void {
  const others = allowancesIn(env).filter(({ root }) => root !== allowance.root)
  write(env, [...others, allowance])
}

/** Takes away what was allowed for a folder. Returns whether anything was. */
export function deny(env: Environment, root: string): boolean {
  const before = allowancesIn(env)
  const after = before.filter((each) => each.root !== root)
  if (after.length < before.length) write(env, after)
  return after.length < before.length
}

function write(env: Environment, allowances: readonly Allowance[]): void {
  const text = `${JSON.stringify(allowances, null, 2)}\n`
  inHome("state", () => replaceFile(allowancesFile(env), text, PRIVATE))
}

function isAllowance(value: unknown): value is Allowance {
  if (typeof value !== "object" || value === null) return false
  const { vault, root, agent, groups } = value as Partial<Record<keyof Allowance, unknown>>
  return (
    typeof vault === "string" &&
    typeof root === "string" &&
    (agent === undefined || typeof agent === "string") &&
    Array.isArray(groups) &&
    groups.every((group) => typeof group === "string")
  )
}
