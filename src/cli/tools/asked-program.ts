import { realpathSync, statSync } from "node:fs"
import { dirname, isAbsolute, relative, resolve, sep } from "node:path"
import { platform } from "node:process"
import {
  type AgentVault,
  type Attribution,
  type Environment,
  type Place,
  type ReadableListing,
  VaultError,
  parseSecretName,
} from "../../core/index.js"
import type { Door } from "../door/door.js"
import type { CallMade, SecretProgram } from "../../serving/serving.js"
import { isSet } from "../door/who.js"
import { type ProgramVariable, assign } from "../run/selection.js"
import { attributed } from "./tool-call.js"
import { programName } from "../run/who-runs.js"

/** What a word may name: `{{stripe/api-key}}`. A template of somebody else's has no such name in it. */
const NAMED = /\{\{ *([\w.-]+\/[\w.-]+) *\}\}/g

/** Who uses the values: what is run, and for which client. */
export function usersOf(
  { program, isShell }: SecretProgram,
  call: CallMade,
  env: Environment,
): Partial<Attribution> & { readonly program: string } {
  const by = attributed(call, env)
  const name = isShell ? "a shell" : programName(program)
  return { ...by, program: `${name}, for ${by.program ?? "an MCP client"}` }
}

/**
 * Throws `USAGE` for a folder that is not in the repository of the vault, whether there is one: it is
 * asked outside of what a program would see.
 */
export function folderIn({ root }: Place, folder: string): string {
  const top = realpathSync(dirname(root))
  const path = existing(resolve(top, folder))
  if (path !== undefined && isWithin(top, path)) return path
  throw new VaultError("USAGE", "cwd is not a folder of the repository that this server serves", {
    hint: "name a folder of the repository, from its top: packages/api",
  })
}

function isWithin(top: string, path: string): boolean {
  const way = relative(top, path)
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

/** A folder, without links; undefined if there is none. */
function existing(folder: string): string | undefined {
  try {
    const path = realpathSync(folder)
    return statSync(path).isDirectory() ? path : undefined
  } catch {
    return undefined
  }
}

/**
 * Which secrets the program gets, and how: blind where a rule says how one of them is used. Throws
 * `USAGE`, and as `assign` does.
 */
export async function selected(
  door: Door,
  vault: AgentVault,
  { secrets, groups, mode }: SecretProgram,
): Promise<{
  readonly mode: "blind" | "variables"
  readonly assignments: readonly ProgramVariable[]
}> {
  const isBlindOnly = isSet(door, "blind")
  if (isBlindOnly && mode === "variables") throw blindOnly()
  const usable = new Set((await vault.list()).filter(isUsable).map(({ name }) => name))
  const isSaid = secrets.length + groups.length > 0
  if (!isSaid && (mode === "variables" || usable.size === 0)) throw nothingSaid()
  const chosen = isSaid ? secrets : [...usable].map((secret) => ({ secret }))
  const assignments = await assign(vault, { secrets: chosen, groups, fromFiles: [] })
  const mayBeBlind = assignments.flatMap(secretIn).some((name) => usable.has(name))
  return { mode: mode ?? (isBlindOnly || mayBeBlind ? "blind" : "variables"), assignments }
}

/** The secret of a variable, if it is one. */
export function secretIn({ value }: ProgramVariable): string[] {
  return "secret" in value ? [value.secret] : []
}

function isUsable({ readable, use = [] }: ReadableListing): boolean {
  return readable && use.length > 0
}

function blindOnly(): VaultError {
  return new VaultError("USAGE", "this server gives programs placeholders only", {
    hint: "call it again without mode; a person chooses otherwise, where the server is started",
  })
}

function nothingSaid(): VaultError {
  return new VaultError("USAGE", "nothing says which secrets the program gets", {
    hint: "name them in secrets (GROUP/NAME) or groups, as list_secrets has them",
  })
}

/**
 * The program and its arguments, with what stands for a secret where one is named. Throws `USAGE`
 * where nothing may: in a shell's line, whose grammar we do not know, and where there are values.
 */
export function wordsOf(
  { program, args, isShell }: SecretProgram,
  placeholders: ReadonlyMap<string, string> | undefined,
): readonly [string, ...string[]] {
  if (!isShell) return [program, ...args.map((word) => filled(word, placeholders))]
  if (program.search(NAMED) !== -1) throw namedInVain("in a shell line")
  return platform === "win32" ? ["cmd.exe", "/d", "/s", "/c", program] : ["/bin/sh", "-c", program]
}

/** The secrets that are named in arguments. */
export function namedIn({ args, isShell }: SecretProgram): readonly string[] {
  if (isShell) return []
  return args.flatMap((word) =>
    [...word.matchAll(NAMED)].map(([, name = ""]) => parseSecretName(name).full),
  )
}

function filled(word: string, placeholders: ReadonlyMap<string, string> | undefined): string {
  return word.replace(NAMED, (_, name: string) => {
    if (placeholders === undefined) throw namedInVain("where the program gets values")
    const placeholder = placeholders.get(parseSecretName(name).full)
    if (placeholder !== undefined) return placeholder
    throw new VaultError("USE_REFUSED", `${name} has no use, so nothing can stand for it`, {
      hint: `an owner says where it may go: agent-vault use ${name} SERVICE`,
    })
  })
}

function namedInVain(where: string): VaultError {
  return new VaultError("USAGE", `a secret's name in braces stands for nothing ${where}`, {
    hint: "write the variable of the secret there, as $STRIPE_API_KEY",
  })
}
