import {
  type Place,
  type SecretListing,
  type Vault,
  type VaultError,
  describeOtherSecrets,
  describeSecrets,
  hasPassed,
  isRefusal,
  later,
  parseDuration,
  utc,
} from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { readingVault } from "../../door/reading.js"
import { asJson, print, table, tell } from "../../door/render.js"
import { identityIfSet, isSet, option, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [group] = door.call.words
  const within = option(door, "expiring")
  const horizon = within === undefined ? undefined : later(door.now, parseDuration(within))
  const place = placeOf(door)
  const key = await identityIfSet(door, place)
  const { all, refusal } = await listed(door, place, key?.trust, group)
  const secrets = all.filter(
    ({ exposed, expires }) =>
      (!isSet(door, "exposed") || exposed !== undefined) &&
      (horizon === undefined || hasPassed(expires, horizon)),
  )
  if (!(await asJson(door, { secrets }))) await show(door, secrets, all.length)
  if (refusal !== undefined) throw refusal
}

/** All secrets; where one is refused, the others, and why. */
async function listed(
  door: Door,
  place: Place,
  trust: string | undefined,
  group: string | undefined,
): Promise<{ all: SecretListing[]; refusal?: VaultError }> {
  try {
    const all = await readingVault(door, place, trust, (vault) => describeSecrets(vault, group))
    return { all }
  } catch (error) {
    if (!isRefusal(error)) throw error
    const read = (vault: Vault): SecretListing[] => describeOtherSecrets(vault, group)
    // Where the vault itself is refused, there is nothing to show.
    const all = await readingVault(door, place, trust, read).catch(() => undefined)
    if (all === undefined) throw error
    return { all, refusal: error }
  }
}

async function show(door: Door, secrets: readonly SecretListing[], all: number): Promise<void> {
  if (secrets.length === 0) {
    tell(door, nothingFound(door, all))
    return
  }
  const rows = [HEADINGS, ...secrets.map((secret) => row(secret, door.now))]
  // Most vaults have no broker, and say nothing of it.
  const isUsed = secrets.some(({ use }) => use !== undefined)
  await print(door, table(rows.map((each) => each.filter((_, at) => isUsed || at !== GOES_TO))))
}

const HEADINGS = ["SECRET", "VERSION", "AGE", "EXPIRES", "EXPOSED TO", "GOES TO", "DESCRIPTION"]
const GOES_TO = HEADINGS.indexOf("GOES TO")

function nothingFound(door: Door, all: number): string {
  if (all === 0) return "There are no secrets yet. Next: agent-vault set GROUP/NAME"
  const within = option(door, "expiring")
  const expires = within === undefined ? "" : `expires within ${within}`
  const exposed = isSet(door, "exposed") ? "is exposed" : ""
  return `Nothing ${[exposed, expires].filter(Boolean).join(" and ")}.`
}

function row(secret: SecretListing, now: Date): string[] {
  const { name, version, changed, expires, exposed = [], use = [], description = "" } = secret
  const expiry =
    expires === undefined ? "" : hasPassed(expires, utc(now)) ? `expired ${expires}` : expires
  const to = exposed.map(({ agent }) => agent).join(", ")
  const hosts = [...new Set(use.flatMap((rule) => rule.hosts))]
  const more = hosts.length > 1 ? ` +${hosts.length - 1}` : ""
  const goes = `${hosts[0] ?? ""}${more}`
  return [name, String(version), age(changed, now), expiry, to, goes, description]
}

/** `5 d`, `3 h`, `12 min`, `now`. */
function age(since: string, now: Date): string {
  const minutes = Math.floor((now.getTime() - Date.parse(since)) / 60_000)
  if (minutes >= 2 * 1440) return `${Math.floor(minutes / 1440)} d`
  if (minutes >= 120) return `${Math.floor(minutes / 60)} h`
  return minutes >= 1 ? `${minutes} min` : "now"
}
