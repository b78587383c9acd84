import {
  AWS_VARIABLES,
  type BrokeredVault,
  type Identity,
  VaultError,
  harmless,
  loadServices,
  openBrokered,
  parseAuthority,
  parseSecretName,
} from "../../core/index.js"
import type { ServedSecrets } from "../../serving/blind-program.js"
import type { Door } from "../door/door.js"
import type { ServedTerms } from "../../serving/blind-program.js"
import { auditOf, openForAgent } from "../door/reading.js"
import { option, options, placeOf } from "../door/who.js"
import { noteOnce, say } from "../terminal/terminal.js"
import { type ProgramVariable, assign, selectionOf } from "./selection.js"
import { agentAt } from "./who-runs.js"

/** What a host is read with that comes without a port. */
const ANY_PORT = 443

/** Whose secrets the broker serves, and as which variables. */
export interface Brokered {
  readonly key: Identity
  readonly assignments: readonly ProgramVariable[]
  readonly vault: BrokeredVault
}

/** The secrets that a call selects, opened for the broker. `program` is who uses them. Throws `USAGE`. */
export async function brokeredOf(door: Door, program: string): Promise<Brokered> {
  const place = placeOf(door)
  const selection = selectionOf(door)
  allowedHosts(door)
  const key = await agentAt(door, place)
  const listing = await openForAgent(
    door,
    { surface: "run" },
    { program, identify: () => Promise.resolve(key) },
  )
  const assignments = await assign(listing, selection)
  await listing.close()
  const secrets = new Set(
    assignments.flatMap(({ value }) => ("secret" in value ? [value.secret] : [])),
  )
  const audit = auditOf(door, place, { program })
  const onNote = noteOnce(door.terminal)
  const vault = await openBrokered(
    { place, key, env: door.env, audit, onNote },
    [...secrets].map(parseSecretName),
  )
  return { key, assignments, vault }
}

/** What a program gets that is no secret. */
export function textsOf({ assignments }: Pick<Brokered, "assignments">): Map<string, string> {
  return new Map(
    assignments.flatMap(({ variable, value }) =>
      "text" in value ? [[variable, value.text] as const] : [],
    ),
  )
}

/** The variables that were chosen for secrets. */
export function secretVariables({ assignments }: Pick<Brokered, "assignments">): readonly string[] {
  return assignments.flatMap(({ variable, value }) => ("secret" in value ? [variable] : []))
}

/** How strictly the broker serves, as the call says. */
export function strictnessOf(door: Door): Omit<ServedTerms, "vault" | "env" | "ask" | "who"> {
  return {
    onUnsearched: (secrets) => tellUnsearched(door, secrets),
    onRefused: tellDistrust(door),
    unbound: choice(door, "unbound", ["deny", "tunnel"]),
    allowed: allowedHosts(door),
    gate: {
      models: choice(door, "gate-models", ["redact", "refuse", "off"]),
      others: choice(door, "gate-others", ["refuse", "redact", "off"]),
    },
  }
}

/** The hosts that `--allow` names. Throws `USAGE`. */
export function allowedHosts(door: Door): readonly string[] {
  const named = options(door, "allow")
  const wrong = named.find((text) => !isHost(text))
  if (wrong === undefined) return named
  throw new VaultError("USAGE", `--allow takes a host, or HOST:PORT, and not "${wrong}"`, {
    hint: "as --allow api.example.com: no scheme, user or path, and each host by itself",
  })
}

function isHost(text: string): boolean {
  try {
    parseAuthority(text, ANY_PORT)
    return true
  } catch (error) {
    if (VaultError.is(error, "TARGET_REFUSED")) return false
    throw error
  }
}

/**
 * Says which hosts a program does not take the broker for, each once: the program itself says often
 * that a host is not reached, and no more. All else that is refused it is told in a reply.
 */
function tellDistrust({ terminal }: Door): ServedTerms["onRefused"] {
  const told = new Set<string>()
  return ({ code, message, hint = "" }) => {
    if (code !== "AUTHORITY_REFUSED" || told.has(message)) return
    told.add(message)
    say(terminal, harmless(`agent-vault: ${message}`))
    say(terminal, `  ${hint}`)
  }
}

/** Says which secrets of the agent leave unseen. */
export function tellUnsearched({ terminal }: Door, secrets: readonly string[]): void {
  const which = secrets.join(", ")
  say(terminal, `agent-vault: the gate does not look for these, unreadable or too many: ${which}`)
}

/** What was chosen of these; the first without a choice. The parser lets no other through. */
export function choice<T extends string>(
  door: Door,
  name: string,
  choices: readonly [T, ...T[]],
): T {
  const chosen = option(door, name)
  return choices.find((each) => each === chosen) ?? choices[0]
}

/**
 * The placeholder of each secret, as the variable that was chosen for it, and as those that the
 * clients of its service look for, where nothing else is called so; and in whose name clients of AWS sign.
 */
export async function variablesOf(
  assignments: readonly ProgramVariable[],
  blind: Pick<ServedSecrets, "placeholders" | "services" | "signers">,
): Promise<ReadonlyMap<string, string>> {
  const given = new Map<string, string>()
  for (const { variable, value } of assignments) {
    const text = "text" in value ? value.text : blind.placeholders.get(value.secret)
    if (text !== undefined) given.set(variable, text)
  }
  const { findService } = await loadServices()
  for (const [secret, service] of blind.services) {
    const placeholder = blind.placeholders.get(secret)
    for (const variable of findService(service)?.variables ?? []) {
      if (placeholder !== undefined && !given.has(variable)) given.set(variable, placeholder)
    }
  }
  const [first] = blind.signers.values()
  const signer = signerIn(given, blind) ?? first
  if (signer !== undefined) given.set(AWS_VARIABLES.id, signer)
  return given
}

/** Whose key it is that clients of AWS sign with, if that is told. */
function signerIn(
  given: ReadonlyMap<string, string>,
  { placeholders, signers }: Pick<ServedSecrets, "placeholders" | "signers">,
): string | undefined {
  const [, signer] =
    [...signers].find(([secret]) => placeholders.get(secret) === given.get(AWS_VARIABLES.key)) ?? []
  return signer
}

/** Says which secrets are served as which variables, and which are not, each with why. */
export function tellServed(
  { terminal }: Door,
  given: ReadonlyMap<string, string>,
  served: Pick<ServedSecrets, "placeholders" | "leftOut" | "signers">,
  tell: (named: string) => string,
): void {
  const named = [...served.placeholders].flatMap(([secret, placeholder]) => {
    const variables = [...given].filter(([, text]) => text === placeholder).map(([name]) => name)
    return variables.length === 0 ? [] : [`${secret} as ${variables.join(" and ")}`]
  })
  say(terminal, `agent-vault: ${tell(named.join(", "))}`)
  for (const [secret, why] of served.leftOut) {
    say(terminal, `agent-vault: without ${secret}: ${why}`)
  }
  for (const [secret, id] of served.signers) {
    if (id === given.get(AWS_VARIABLES.id)) continue
    say(
      terminal,
      `agent-vault: ${AWS_VARIABLES.id} is not that of ${secret}: sign with it as ${id}`,
    )
  }
}
