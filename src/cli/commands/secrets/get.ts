import {
  type LeaseBook,
  type Place,
  type SecretRead,
  type Sources,
  VaultError,
  attempted,
  endLeases,
  newLeaseBook,
  readSecret,
  utc,
} from "../../../core/index.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { meantSecret } from "../../door/meant-secret.js"
import { asJson } from "../../door/render.js"
import { harmless, isTerminal, noteOnce, writeOut } from "../../terminal/terminal.js"
import { auditOf, readingVault } from "../../door/reading.js"
import { identityOf, isSet, options, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const leases = newLeaseBook()
  try {
    await show(door, leases)
  } catch (error) {
    // What is handed out lives on, and what is not does not.
    await endLeases(leases, door.env, noteOnce(door.terminal))
    throw error
  }
}

async function show(door: Door, leases: LeaseBook): Promise<void> {
  const [word = ""] = door.call.words
  const place = placeOf(door)
  const atTerminal = isTerminal(door.terminal, "stdout")
  const isSealed = isSet(door, "reference") || isSet(door, "sealed")
  const read = await (isSealed ? readSealed : readAgreed)(door, place, word, leases)
  const { name, record, value, until } = read
  const { source, lease } = record
  const from = { ...(source && { source }), ...(lease && { lease }) }
  const told = {
    name: name.full,
    version: record.version,
    ...from,
    ...(until && { until: utc(until) }),
  }
  if (await asJson(door, { ...told, ...encoded(value) })) return
  if (atTerminal && !isSet(door, "raw")) {
    await writeOut(door.terminal, `${forTerminal(name.full, value)}\n`)
  } else {
    await writeOut(door.terminal, value)
  }
}

/** A value, also one of another store that a person agrees to now. */
async function readAgreed(
  door: Door,
  place: Place,
  word: string,
  leases: LeaseBook,
): Promise<SecretRead> {
  const { terminal } = door
  const agree = async (): Promise<void> => {
    const { agreeToSource } = await import("../../sources/agree-to-source.js")
    const sealed = await readMeant(door, place, word, leases, true)
    await agreeToSource(door, place, sealed.name, sealed)
  }
  if (options(door, "agree").length > 0) await agree()
  try {
    return await readMeant(door, place, word, leases)
  } catch (error) {
    const canAsk = terminal.stdin.isTTY && terminal.stderr.isTTY
    if (!canAsk || !VaultError.is(error, "SOURCE_UNAGREED")) throw error
    await agree()
    return readMeant(door, place, word, leases)
  }
}

/** The reference of a value in another store, or what leases are taken with. */
async function readSealed(
  door: Door,
  place: Place,
  word: string,
  leases: LeaseBook,
): Promise<SecretRead> {
  const read = await readMeant(door, place, word, leases, true)
  const { source, lease } = read.record
  if (isSet(door, "reference") ? source !== undefined : lease !== undefined) return read
  const what = isSet(door, "reference")
    ? "is not a reference: its value is in the vault"
    : "is not leased: its value is what is sealed"
  throw new VaultError("USAGE", `${read.name.full} ${what}`, {
    hint: `read it: agent-vault get ${read.name.full}`,
  })
}

/** The value that a word means: the present one, or with `@3` an earlier one, out of the history. */
async function readMeant(
  door: Door,
  place: Place,
  word: string,
  leases: LeaseBook,
  asSealed = false,
): Promise<SecretRead> {
  const earlier = word.includes("@") ? await import("../../../core/owner.js") : undefined
  const meant = earlier?.parseEarlier(word)
  const name = meant?.name ?? meantSecret(place, word)
  const atTerminal = isTerminal(door.terminal, "stdout")
  const key = await identityOf(door, place, atTerminal ? "at-terminal" : "if-asked")
  const audit = auditOf(door, place)
  const anew: Sources["anew"] = (work) => readingVault(door, placeOf(door), key.trust, work)
  const sources = { place, env: door.env, kept: new Map(), anew, leases }
  const terms = { outlet: { surface: "cli", isShown: true }, audit, sources, asSealed } as const
  try {
    const read = await withPerson(door, (person) =>
      readingVault(door, place, key.trust, async (vault) => {
        const agreed = { ...terms, person }
        if (meant === undefined || earlier === undefined) {
          return readSecret(vault, key, name, agreed, door.now)
        }
        const where = await earlier.vaultInGit(vault, place, door.env)
        return earlier.readEarlier(where, key, meant, agreed, door.now)
      }),
    )
    audit.close()
    return read
  } catch (error) {
    // A refusal that was noted and is not on the disk stays one.
    attempted(() => {
      audit.close()
    })
    throw error
  }
}

/** UTF-8 as text, anything else in base64. */
function encoded(value: Uint8Array): { value: string } | { base64: string } {
  const text = asText(value)
  return text === undefined ? { base64: Buffer.from(value).toString("base64") } : { value: text }
}

/** Control bytes could drive the terminal: they are shown as escapes, and binary not at all. */
function forTerminal(name: string, value: Uint8Array): string {
  const text = asText(value)
  if (text === undefined) {
    throw new VaultError(
      "USAGE",
      `${name} is binary (${value.length} bytes): not sent to a terminal`,
      {
        hint: `pipe it: agent-vault get ${name} > FILE; or send it as it is: --raw`,
      },
    )
  }
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => line.split("\t").map(harmless).join("\t"))
    .join("\n")
}

function asText(value: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value)
  } catch {
    return undefined
  }
}
