import { isVague } from "../redactor/vague.js"
import { VaultError } from "../words/errors.js"
import { type SecretName, parseAgentName, parseSecretName } from "../words/names.js"
import type { SecretRecord } from "./record.js"

/** A secret that nobody should use, which one agent opens besides the owners. */
export interface Canary {
  /** `openai-ci/openai-api-key` */
  readonly secret: string
  /** Which of the secret's values it is. */
  readonly version: number
  /** The agent that it was made for. */
  readonly agent: string
  /** The service of the catalogue whose keys it looks like. */
  readonly service: string
  /** UTC, `YYYY-MM-DDTHH:MM:SSZ`. */
  readonly placed: string
  /** When it was taken out of the vault; what leaked before is still recognised. */
  readonly removed?: string
}

/** What owners remember of one: also its value. */
export interface CanaryNote extends Canary {
  readonly value: string
}

/** The group that nobody opens but the owners, with a note for each canary. */
export const NOTES_GROUP = "owner-notes"
/** Bytes of the random part of a note's name, which says nothing of its canary. */
export const NOTE_BYTES = 8

const NOTE = new RegExp(`^${NOTES_GROUP}/note-[0-9a-f]{${2 * NOTE_BYTES}}$`)

/** Whether a secret is a note; owners may keep other things in that group. */
export function isNote({ full }: SecretName): boolean {
  return NOTE.test(full)
}

/** Refuses to put anything else in the place of a note. Throws `USAGE`, without repeating it. */
export function refuseOtherNote(name: SecretName, value: Uint8Array): void {
  if (!isNote(name)) return
  try {
    decodeNote(name, value)
  } catch (cause) {
    throw new VaultError("USAGE", `${name.full} tells of a canary, and has no other value`, {
      hint: "if somebody could read it, take its canary out, and make another: agent-vault canary list, canary remove, canary add",
      cause,
    })
  }
}

/** Whether a secret still has the value of its canary; another one of that name may be set later. */
export function isPlaced({ version, placed }: Canary, record: SecretRecord): boolean {
  return record.version === version && record.changed === placed
}

/** A note as its secret's value: JSON, members sorted. */
export function encodeNote({ removed, ...note }: CanaryNote): Uint8Array {
  const { agent, placed, secret, service, value, version } = note
  return Buffer.from(JSON.stringify({ agent, placed, removed, secret, service, value, version }))
}

/** Reads one. Throws `RECORD_INVALID` for anything else, without repeating it. */
export function decodeNote(name: SecretName, bytes: Uint8Array): CanaryNote {
  try {
    const note = JSON.parse(Buffer.from(bytes).toString("utf8")) as CanaryNote
    parseSecretName(note.secret)
    parseAgentName(note.agent)
    const texts = [note.placed, note.service, note.value, note.removed ?? ""]
    if (texts.some((text) => typeof text !== "string")) throw new TypeError("no text")
    if (!Number.isSafeInteger(note.version)) throw new TypeError("no version")
    if (isVague(Buffer.from(note.value))) throw new TypeError("no value")
    return note
  } catch {
    // The cause would quote what it could not read.
    throw new VaultError("RECORD_INVALID", `${name.full} is not a note of a canary`, {
      hint: `somebody set it: bring its value back (agent-vault get ${name.full}@1 --owner | agent-vault set ${name.full}), or remove it: agent-vault rm ${name.full}`,
    })
  }
}
