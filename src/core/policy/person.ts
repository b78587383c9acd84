import { type UnderHarness, underHarness } from "../keys/harness.js"
import type { SecretRecord } from "../records/record.js"
import { VaultError } from "../words/errors.js"
import type { Actor } from "./access.js"

// Where an agent's harness runs, a program does what a person would: what gives access, or shows a
// value, waits for something that a program does not have by itself. It prevents accidents, and is
// no boundary: who runs as the user can read the key's file.

/** That a person at a terminal said yes, as a door found out; undefined: it has asked nobody. */
export type Confirmed = "confirmed"

/** Who acts, under what, and whether a person confirmed it. */
interface Attendance {
  readonly under?: UnderHarness | undefined
  readonly person?: Confirmed | undefined
}

/** Refuses what gives access, told as `give ci access to stripe`. Throws `UNCONFIRMED`. */
export function requirePerson(what: string, { under, person }: Attendance): void {
  if (under === undefined || under.vouched !== undefined || person === "confirmed") return
  throw new VaultError("UNCONFIRMED", `to ${what}, ${under.harness} needs a person's word`, {
    hint: `a person types this in a terminal of their own, outside of ${under.harness}; a passphrase on the owner's key, or a setting of theirs, serves as well: see docs/harness.md`,
  })
}

/** The same for what a door does by itself: tells what runs here. Throws `UNCONFIRMED`. */
export function requirePersonFor(
  what: string,
  vault: string,
  env: Parameters<typeof underHarness>[1],
  person: Confirmed | undefined,
): void {
  requirePerson(what, { under: underHarness(vault, env), person })
}

/**
 * Refuses to show a value: an owner's key has to be confirmed, and what may never be shown to a
 * model is not shown where one may look on. Throws `UNCONFIRMED`, `REVEAL_REFUSED`.
 */
export function requirePersonToShow(
  name: string,
  { reveal }: Pick<SecretRecord, "reveal">,
  actor: Actor,
  attendance: Attendance,
): void {
  const { under, person } = attendance
  if (under !== undefined && person !== "confirmed" && reveal === "never") {
    throw new VaultError("REVEAL_REFUSED", `${name} may not be shown where ${under.harness} runs`, {
      hint: `use it without seeing it: agent-vault run -s ${name} -- COMMAND`,
    })
  }
  if (actor.role === "owner") requirePerson(`show ${name} by the owner's key`, attendance)
}
