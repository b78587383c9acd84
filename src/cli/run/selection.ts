import {
  type SecretListings,
  type SecretListing,
  VaultError,
  parseGroupName,
  parseSecretName,
  parseVariableName,
  variableName,
} from "../../core/index.js"
import type { Door } from "../door/door.js"
import { type FileVariable, readEnvFile, readNodesEnvFile } from "./env-file.js"
import { whyRefused, whyRefusedToSecret } from "./program-environment.js"
import { options, userPath } from "../door/who.js"

/** What a call of `run` selects, as it was written. */
export interface Selection {
  readonly secrets: readonly { readonly secret: string; readonly variable?: string }[]
  readonly groups: readonly string[]
  readonly fromFiles: readonly FileVariable[]
}

/** A variable that the program gets: a secret, or a text from a file. */
export interface ProgramVariable {
  readonly variable: string
  readonly value: { readonly text: string } | { readonly secret: string }
  /** Where it comes from, in words. */
  readonly source: string
}

/** What `-s`, `-g`, `--env-from` and `--env-file` say. Throws `USAGE` if it is nothing. */
export function selectionOf(door: Door): Selection {
  const files = [...options(door, "env-from"), ...options(door, "env-file")]
  const selection = {
    secrets: options(door, "secret").map(parseSecret),
    groups: options(door, "group").map(parseGroupName),
    fromFiles: [
      ...options(door, "env-from").flatMap((file) => readEnvFile(userPath(door, file), file)),
      ...options(door, "env-file").flatMap((file) => readNodesEnvFile(userPath(door, file), file)),
    ],
  }
  const given = [...options(door, "secret"), ...options(door, "group"), ...files]
  if (given.length > 0) return selection
  throw new VaultError("USAGE", "nothing says which secrets the program gets", {
    hint: "choose them: -s GROUP/NAME for one, -g GROUP for all of a group, or --env-from FILE",
  })
}

/**
 * The variables that the program gets, by their names: as written, else as the secret's record says,
 * else made from its name. Throws `SECRET_NOT_FOUND` for a group that has none, and `USAGE` for a
 * name that is refused, and for two sources of one variable.
 */
export async function assign(
  listings: SecretListings,
  selection: Selection,
): Promise<ProgramVariable[]> {
  const assignments: ProgramVariable[] = []
  for (const { secret, variable } of selection.secrets) {
    const name = variable ?? variableName(await listings.describe(secret))
    assignments.push(assignment(name, secret))
  }
  for (const group of selection.groups) {
    const listed = await secretsOf(listings, group)
    for (const each of listed) assignments.push(assignment(variableName(each), each.name))
  }
  for (const { variable, value, at } of selection.fromFiles) {
    const source = "secret" in value ? `${value.secret} (${at})` : at
    assignments.push({ variable, value, source })
  }
  assignments.forEach(refuseName)
  return withoutRepeats(assignments)
}

/** `GROUP/NAME` or `GROUP/NAME=ENV`. What follows `=` may be a value by mistake: it is not repeated. */
function parseSecret(text: string): Selection["secrets"][number] {
  const at = text.indexOf("=")
  const secret = at === -1 ? text : text.slice(0, at)
  if (!secret.includes("/")) {
    throw new VaultError("NAME_INVALID", "-s takes the name of a secret, GROUP/NAME", {
      hint: "all secrets of a group: -g GROUP",
    })
  }
  const { full } = parseSecretName(secret)
  if (at === -1) return { secret: full }
  try {
    return { secret: full, variable: parseVariableName(text.slice(at + 1)) }
  } catch {
    throw new VaultError("NAME_INVALID", `what follows -s ${full}= is not a variable name`, {
      hint: `for example: -s ${full}=${variableName({ name: full })}`,
    })
  }
}

async function secretsOf(
  listings: SecretListings,
  group: string,
): Promise<readonly SecretListing[]> {
  const listed = await listings.list(group)
  if (listed.length > 0) return listed
  throw new VaultError("SECRET_NOT_FOUND", `the group ${group} has no secrets`, {
    hint: `an owner stores one: agent-vault set ${group}/NAME`,
  })
}

function assignment(variable: string, secret: string): ProgramVariable {
  return { variable, value: { secret }, source: secret }
}

function refuseName({ variable, value, source }: ProgramVariable): void {
  const why = "secret" in value ? whyRefusedToSecret(variable) : whyRefused(variable)
  if (why === undefined) return
  throw new VaultError("USAGE", `${source} may not be the variable ${variable}: ${why}`, {
    hint:
      "secret" in value
        ? `give it another name: -s ${value.secret}=NAME`
        : "take it out of the file, and set it in front of agent-vault if it is meant",
  })
}

/** Each variable once. Throws `USAGE` if two sources would fill one. */
function withoutRepeats(assignments: readonly ProgramVariable[]): ProgramVariable[] {
  const byVariable = new Map<string, ProgramVariable>()
  for (const each of assignments) {
    const other = byVariable.get(each.variable)
    if (other !== undefined && !isSame(other.value, each.value)) {
      throw new VaultError(
        "USAGE",
        `${other.source} and ${each.source} would both be the variable ${each.variable}`,
        { hint: "give one of them another name: -s GROUP/NAME=ENV" },
      )
    }
    byVariable.set(each.variable, each)
  }
  return [...byVariable.values()]
}

function isSame(one: ProgramVariable["value"], other: ProgramVariable["value"]): boolean {
  if ("secret" in one) return "secret" in other && one.secret === other.secret
  return "text" in other && one.text === other.text
}
