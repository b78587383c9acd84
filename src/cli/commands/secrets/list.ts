import { basename } from "node:path"
import {
  type Due,
  type Place,
  type SecretListing,
  type Vault,
  VaultError,
  describeOtherSecrets,
  describeReaders,
  describeManySecrets,
  hasPassed,
  isRefusal,
  parseSecretName,
  utc,
  whyDue,
  exposedName,
} from "../../../core/index.js"
import type { GroupReader, PolicyRule } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { readingVault } from "../../door/reading.js"
import { asJson, policyLine, print, table, tell } from "../../door/render.js"
import { isWanted, nothingWanted } from "../../door/wanted-secrets.js"
import { identityIfSet, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [group] = door.call.words
  const isMeant = isWanted(door)
  const place = placeOf(door)
  const key = await identityIfSet(door, place)
  const { all, policy, refusal } = await listed(door, place, key?.trust, group)
  const secrets = all.filter(isMeant)
  if (!(await asJson(door, { secrets, ...(policy && { policy }) }))) {
    await show(door, secrets, all.length)
    if (policy !== undefined) tell(door, policyLine(policy))
  }
  if (refusal !== undefined) throw refusal
}

/** A secret, and the agents that the record of its group lets open it; absent where that is refused. */
interface SecretAndReaders extends SecretListing {
  readonly readers?: readonly GroupReader[] | undefined
  /** Why it should get a new value; absent where it need not. */
  readonly due?: readonly Due[]
}

/** What is listed, and the policy that reading it has to pass as well, where there is one. */
interface ListedSecrets {
  readonly all: readonly SecretAndReaders[]
  readonly policy?: readonly PolicyRule[] | undefined
  readonly refusal?: VaultError
}

/** All secrets; where one is refused, the others, and why. */
async function listed(
  door: Door,
  place: Place,
  trust: string | undefined,
  group: string | undefined,
): Promise<ListedSecrets> {
  try {
    return await readingVault(door, place, trust, async (vault) => ({
      all: withReaders(vault, await describeManySecrets(vault, group), door.now),
      policy: await rulesOf(vault),
    }))
  } catch (error) {
    if (!isRefusal(error)) throw error
    const read = (vault: Vault): SecretAndReaders[] =>
      withReaders(vault, describeOtherSecrets(vault, group), door.now)
    // Where the vault itself is refused, there is nothing to show.
    const all = await readingVault(door, place, trust, read).catch(() => undefined)
    if (all === undefined) throw error
    return { all, refusal: error }
  }
}

/** Most vaults have no policy, and nothing is loaded to read one. */
async function rulesOf(vault: Vault): Promise<readonly PolicyRule[] | undefined> {
  if (vault.record.policy === undefined) return undefined
  const { signedRules } = await import("../../../core/owner.js")
  return signedRules(vault)
}

/** The secrets of one group have the same readers, which are looked up once. */
function withReaders(
  vault: Vault,
  secrets: readonly SecretListing[],
  now: Date,
): SecretAndReaders[] {
  const known = new Map<string, readonly GroupReader[] | undefined>()
  return secrets.map((secret) => {
    const { group } = parseSecretName(secret.name)
    if (!known.has(group)) known.set(group, knownReaders(vault, group))
    const due = whyDue(secret, now)
    return { ...secret, readers: known.get(group), ...(due.length === 0 ? {} : { due }) }
  })
}

/** A group whose record is refused or gone hides nothing of the others. */
function knownReaders(vault: Vault, group: string): readonly GroupReader[] | undefined {
  try {
    return describeReaders(vault, group)
  } catch (error) {
    if (isRefusal(error) || VaultError.is(error, "GROUP_NOT_FOUND")) return undefined
    throw error
  }
}

async function show(door: Door, secrets: readonly SecretAndReaders[], all: number): Promise<void> {
  if (secrets.length === 0) {
    const none = "There are no secrets yet. Next: agent-vault set GROUP/NAME"
    tell(door, all === 0 ? none : nothingWanted(door))
    return
  }
  const rows = secrets.map((secret) => row(secret, door.now))
  // Most vaults have no broker, other store, programs that rotate or tags, and say nothing of them.
  // Asked once for each column: for each row, thousands of rows would take a second.
  const said = HEADINGS.map(
    (heading, at) => !IF_SAID.has(heading) || rows.some((each) => each[at] !== ""),
  )
  const isSaid = (_: string, at: number): boolean => said[at] === true
  const lines = table([HEADINGS, ...rows].map((each) => each.filter(isSaid)))
  await print(door, atTerminal(door.terminal, lines))
}

/** A description comes last, and at a terminal ends with the line. Nothing before it is cut. */
function atTerminal({ stdout }: Door["terminal"], lines: readonly string[]): readonly string[] {
  if (!stdout.isTTY || !stdout.columns) return lines
  const width = Math.max(stdout.columns, (lines[0] ?? "").length)
  return lines.map((line) => {
    const letters = line.length <= width ? [] : Array.from(line)
    return letters.length <= width ? line : `${letters.slice(0, width - 1).join("")}…`
  })
}

/** Names in a row; `--json` has all. */
const SHOWN_READERS = 3
const HEADINGS = [
  "SECRET",
  "VERSION",
  "AGE",
  "EXPIRES",
  "READERS",
  "EXPOSED TO",
  "GOES TO",
  "ROTATED BY",
  "COMES FROM",
  "LEASED AS",
  "TAGS",
  "DESCRIPTION",
]
/** Columns that are there if a row says something in them. */
const IF_SAID: ReadonlySet<string | undefined> = new Set([
  "GOES TO",
  "ROTATED BY",
  "COMES FROM",
  "LEASED AS",
  "TAGS",
])

function row(secret: SecretAndReaders, now: Date): string[] {
  const { name, version, changed, expires, exposed = [], use = [], description = "" } = secret
  const expiry =
    expires === undefined ? "" : hasPassed(expires, utc(now)) ? `expired ${expires}` : expires
  const to = exposed.map(exposedName).join(", ")
  const hosts = [...new Set(use.flatMap((rule) => rule.hosts))]
  const more = hosts.length > 1 ? ` +${hosts.length - 1}` : ""
  const goes = `${hosts[0] ?? ""}${more}`
  return [
    name,
    String(version),
    age(changed, now),
    expiry,
    readersOf(secret, now),
    to,
    goes,
    rotatedBy(secret),
    secret.source?.store ?? "",
    secret.lease?.kind ?? "",
    secret.tags ?? "",
    description,
  ]
}

/** The program that makes a new value, and whether it is time. */
function rotatedBy({ rotation, due = [] }: SecretAndReaders): string {
  if (rotation === undefined) return ""
  const program = basename(rotation.run[0] ?? "")
  return due.length === 0 ? program : `${program} (due)`
}

/** The agents; owners open everything. */
function readersOf({ readers }: SecretAndReaders, now: Date): string {
  if (readers === undefined) return "?"
  const shown = readers.slice(0, SHOWN_READERS).map(({ agent, until }) => {
    return hasPassed(until, utc(now)) ? `${agent} (ended)` : agent
  })
  const more = readers.length > shown.length ? ` +${readers.length - shown.length}` : ""
  return shown.length === 0 ? "owners only" : `${shown.join(", ")}${more}`
}

/** `5 d`, `3 h`, `12 min`, `now`. */
function age(since: string, now: Date): string {
  const minutes = Math.floor((now.getTime() - Date.parse(since)) / 60_000)
  if (minutes >= 2 * 1440) return `${Math.floor(minutes / 1440)} d`
  if (minutes >= 120) return `${Math.floor(minutes / 60)} h`
  return minutes >= 1 ? `${minutes} min` : "now"
}
