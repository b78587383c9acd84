import {
  type Identity,
  VaultError,
  describeAgent,
  meantOr,
  parseSecretName,
  parseVariableName,
  readSecret,
  withVault,
} from "../../core/index.js"
import { type ChangeRequest, setSecret } from "../../core/owner.js"
import { askLine } from "../terminal/ask.js"
import type { ServerEntry } from "./client-config.js"
import type { Door } from "../door/door.js"
import { type Literal, literalsOf } from "./mcp-entry.js"
import { outcomeLines, tell } from "../door/render.js"
import { whyRefusedToSecret } from "../run/program-environment.js"
import { auditOf, readingVault } from "../door/reading.js"
import { changeRequest, isSet, options } from "../door/who.js"
import { typedAgain } from "../parse/typed-again.js"

/** A literal value, and the secret that it becomes. */
export interface Stored {
  readonly variable: string
  readonly value: string
  /** `GROUP/NAME` */
  readonly secret: string
}

/** Who stores: an owner. */
export type OwnersRequest = ChangeRequest & { readonly identity: Identity }

const LEAVE = "-"

/**
 * Where each literal of an entry is to be stored: as `--secret` says, as the person answers, else
 * what looks like a key by a name made of server and variable. Throws `USAGE`, `NAME_INVALID`.
 */
export async function chooseNames(
  door: Door,
  server: string,
  entry: ServerEntry,
): Promise<Stored[]> {
  const literals = literalsOf(entry)
  const given = mapped(door, literals)
  const asks = door.terminal.stdin.isTTY && !isSet(door, "yes") && !isSet(door, "dry-run")
  const stored: Stored[] = []
  const left: string[] = []
  for (const { variable, value, looksLikeKey } of literals) {
    const why = whyRefusedToSecret(variable)
    if (why !== undefined) {
      refuseIfGiven(given, variable, why)
      tell(door, `${variable} stays as it is, since run gives no program that variable: ${why}.`)
      continue
    }
    const name = looksLikeKey ? defaultName(server, variable) : LEAVE
    const secret = given.get(variable) ?? (asks ? await askName(door, variable, name) : name)
    if (secret === LEAVE) left.push(variable)
    else stored.push({ variable, value, secret: parseSecretName(secret).full })
  }
  refuseSameName(stored)
  for (const { variable } of stored) parseVariableName(variable)
  if (left.length > 0 && !asks) {
    tell(
      door,
      `Left as they are, since they look like settings: ${left.join(", ")}. To store one: -s GROUP/NAME=${left[0] ?? ""}`,
    )
  }
  return stored
}

/** What `--secret` says: the secret for each variable. */
function mapped(door: Door, literals: readonly Literal[]): ReadonlyMap<string, string> {
  const variables = literals.map(({ variable }) => variable)
  const pairs = options(door, "secret").map((text): [string, string] => {
    const [, secret, variable] = /^([^=]+)=([^=]+)$/.exec(text) ?? []
    if (secret === undefined || variable === undefined) {
      throw new VaultError("USAGE", "--secret names a secret and a variable", {
        hint: "write it as -s GROUP/NAME=ENV, for example -s github/token=GITHUB_TOKEN",
      })
    }
    if (variables.includes(variable)) return [variable, parseSecretName(secret).full]
    throw new VaultError("USAGE", `there is no literal value of ${variable} in the server's env`, {
      hint: meantOr(variable, variables, `there is ${variables.join(", ") || "none at all"}`),
    })
  })
  const names = new Map(pairs)
  if (names.size === pairs.length) return names
  throw new VaultError("USAGE", "--secret names a variable twice", { hint: "store it once" })
}

function refuseIfGiven(given: ReadonlyMap<string, string>, variable: string, why: string): void {
  if (!given.has(variable)) return
  throw new VaultError("USAGE", `run gives no program the variable ${variable}: ${why}`, {
    hint: "leave its -s out: it stays in the client's configuration as it is",
  })
}

function askName(door: Door, variable: string, otherwise: string): Promise<string> {
  const what = otherwise === LEAVE ? `${variable}, which looks like a setting` : variable
  const question = `Where to store ${what} (GROUP/NAME; ${LEAVE} leaves it)`
  return askLine(door.terminal, question, otherwise, typedAgain(door.call, "--yes"))
}

/** `GITHUB_TOKEN` of the server github becomes github/github-token. */
function defaultName(server: string, variable: string): string {
  return `${segment(server, "mcp")}/${segment(variable.replaceAll("_", "-"), "key")}`
}

function segment(text: string, otherwise: string): string {
  const made = text
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "")
    .slice(0, 64)
    .replace(/[.-]+$/, "")
  return made === "" ? otherwise : made
}

function refuseSameName(stored: readonly Stored[]): void {
  const names = stored.map(({ secret }) => secret.toLowerCase())
  const twice = stored.find((_each, at) => names.indexOf(names[at] ?? "") !== at)
  if (twice === undefined) return
  throw new VaultError("USAGE", `two variables cannot both be stored as ${twice.secret}`, {
    hint: `choose another name for one: -s GROUP/NAME=${twice.variable}`,
  })
}

/**
 * Stores each value, and looks that it can be read again, before anything loses it. Throws
 * `EXISTS`, with nothing changed, if a secret has another value already; and as a `set` does.
 */
export async function store(
  door: Door,
  request: OwnersRequest,
  stored: readonly Stored[],
): Promise<void> {
  const isNew = await refuseOthers(request, stored)
  for (const { variable, secret, value } of stored) {
    // What a secret that was there already says of itself is somebody's choice.
    const metadata = isNew.has(secret) ? { env: variable } : {}
    const change = { ...request, name: secret, value: Buffer.from(value), metadata }
    const outcome = await setSecret(change)
    await readBack(door, request, secret, value)
    tell(door, `${secret} is stored.`, ...outcomeLines(door, outcome))
  }
}

/** The agent is whom the server runs as; who stores is the owner. */
export function ownersRequest(door: Door): Promise<OwnersRequest> {
  const { agent: _agent, ...rest } = door.call.options
  return changeRequest({ ...door, call: { ...door.call, options: rest } })
}

/** Which secrets are new. */
async function refuseOthers(
  request: ChangeRequest,
  stored: readonly Stored[],
): Promise<ReadonlySet<string>> {
  const isNew = new Set<string>()
  for (const { variable, secret, value } of stored) {
    const dry = { ...request, dryRun: true, name: secret, value: Buffer.from(value), metadata: {} }
    const { result } = await setSecret(dry)
    if (result.is === "new") isNew.add(secret)
    if (result.is !== "new version") continue
    throw new VaultError("EXISTS", `${secret} exists, with another value than ${variable} here`, {
      hint: `nothing was changed: choose another name with -s GROUP/NAME=${variable}`,
    })
  }
  return isNew
}

async function readBack(
  door: Door,
  request: OwnersRequest,
  secret: string,
  value: string,
): Promise<void> {
  const { place, identity, now } = request
  const audit = auditOf(door, place)
  const terms = { outlet: { surface: "cli" }, audit } as const
  const read = await readingVault(door, place, identity.trust, (vault) =>
    readSecret(vault, identity, parseSecretName(secret), terms, now),
  )
  audit.close()
  if (Buffer.from(read.value).equals(Buffer.from(value))) return
  throw new VaultError("BUG", `${secret} does not come back as it was stored`)
}

/** The groups of what is stored that an agent does not open yet. */
export async function closedTo(
  { place, identity, env }: OwnersRequest,
  agent: string,
  stored: readonly Stored[],
): Promise<string[]> {
  const { groups } = await withVault(place, identity.trust, env, (vault) =>
    describeAgent(vault, agent),
  )
  const needed = new Set(stored.map(({ secret }) => parseSecretName(secret).group))
  return [...needed].filter((name) => groups.every(({ group }) => group !== name))
}
