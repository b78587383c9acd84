import { inFolder } from "../disk/files.js"
import { type Environment, stateHome } from "../disk/homes.js"
import { thisProcess } from "../disk/maker.js"
import type { Actor } from "../policy/access.js"
import { parseAgentName, parseOwnerName } from "../words/names.js"
import {
  type Attribution,
  type AuditFacts,
  type AuditedSecret,
  SECRETS_OF_A_LINE,
  fitted,
  fittedAttribution,
} from "./audit-line.js"
import { ChainFile, type Unchained } from "./chain-file.js"
import type { ReadEvent } from "./read-event.js"

/** What a door notes: facts, whose they are, and the call that they belong to, if it knows better. */
export interface AuditEvent extends AuditFacts {
  /** The vault's id, 32 hex digits. */
  readonly vault: string
  readonly actor: Actor
  readonly session?: string | undefined
  readonly turn?: string | undefined
  readonly call?: string | undefined
  /** A program inside, of which the door learned. */
  readonly program?: string | undefined
}

/** Where lines go: all into one file, or into a file for each agent and owner in a folder. */
type AuditPlace = { readonly file: string } | { readonly folder: string }

/** The folder of a vault's audits when the caller names no file. */
export function auditFolder(vault: string, env: Environment): string {
  return inFolder(stateHome(env), `${vault}/audit`)
}

/** The file of an agent's audit, or an owner's, in that folder. */
export function auditFileOf(folder: string, { role, name }: Actor): string {
  const parsed = role === "agent" ? parseAgentName(name) : parseOwnerName(name)
  return inFolder(folder, `${role}s/${parsed}.jsonl`)
}

/**
 * Notes what happens as a chain of lines, in files that are made for their user alone. `project` is not
 * noted: it is for a policy to ask.
 */
export function auditTo(place: AuditPlace, by: Attribution, project?: string): Audit {
  return new Audit(place, by, project)
}

/** Notes nothing. Whoever starts the program has to ask for it. `by` is whom the values are for. */
export function noAudit(by?: Attribution, project?: string): Audit {
  return new Audit(undefined, by, project)
}

/**
 * Where it is noted what happens to values, before they are handed out or sent. Nobody reads a value
 * without one of these: make it with {@link auditTo} or {@link noAudit}.
 */
export class Audit {
  /** The folder that the caller works in, as it says; nothing is noted of it. */
  readonly project: string | undefined
  readonly #place: AuditPlace | undefined
  readonly #by: Attribution | undefined
  readonly #files = new Map<string, ChainFile>()

  /** Made by {@link auditTo} and {@link noAudit}. */
  constructor(place: AuditPlace | undefined, by: Attribution | undefined, project?: string) {
    this.project = project
    this.#place = place
    this.#by = by === undefined ? undefined : fittedAttribution(by)
  }

  /** The program that the values are for, as the caller calls it. */
  get client(): string | undefined {
    return this.#by?.program
  }

  /**
   * Appends a line for each event, at once; they are synced to the disk soon, and by `close()` at the
   * latest. For values that stay in this process. Throws `AUDIT_UNWRITABLE` if one cannot be written,
   * or if an earlier one could not be synced.
   */
  note(events: readonly AuditEvent[]): void {
    for (const [file, lines] of this.#sorted(events)) file.append(lines)
  }

  /**
   * The same, and resolves when the lines are on the disk: for values that leave this process. Those
   * who wait at once share a sync. Rejects with `AUDIT_UNWRITABLE`.
   */
  async noteDurably(events: readonly AuditEvent[]): Promise<void> {
    await Promise.all([...this.#sorted(events)].map(([file, lines]) => file.appendDurably(lines)))
  }

  /** Syncs what was noted, and lets the files go; they are opened again if there is more to note. */
  close(): void {
    for (const file of this.#files.values()) file.close()
  }

  /** The lines of each file. */
  #sorted(events: readonly AuditEvent[]): Map<ChainFile, Unchained[]> {
    const [place, by] = [this.#place, this.#by]
    const sorted = new Map<ChainFile, Unchained[]>()
    if (place === undefined || by === undefined) return sorted
    for (const event of events) {
      const file = this.#fileOf(place, event.actor)
      const lines = sorted.get(file)
      if (lines === undefined) sorted.set(file, [lineOf(event, by)])
      else lines.push(lineOf(event, by))
    }
    return sorted
  }

  #fileOf(place: AuditPlace, actor: Actor): ChainFile {
    const key = "file" in place ? "" : `${actor.role} ${actor.name}`
    const known = this.#files.get(key)
    if (known !== undefined) return known
    const made = new ChainFile("file" in place ? place.file : auditFileOf(place.folder, actor))
    this.#files.set(key, made)
    return made
  }
}

/** Reads of many secrets, as events: together in one line, as many as it has room for. */
export function readsAsEvents(reads: readonly ReadEvent[]): AuditEvent[] {
  const events: (AuditEvent & { readonly secrets: AuditedSecret[] })[] = []
  for (const { secret, version, ...facts } of reads) {
    const last = events.at(-1)
    const read = { name: secret, version }
    const isSame = last?.actor.name === facts.actor.name && last.actor.role === facts.actor.role
    if (last !== undefined && isSame && last.secrets.length < SECRETS_OF_A_LINE) {
      last.secrets.push(read)
    } else events.push({ event: "read", decision: "allowed", secrets: [read], ...facts })
  }
  return events
}

function lineOf(event: AuditEvent, by: Attribution): Unchained {
  const { vault, actor, session = by.session, turn, call, program, ...facts } = event
  const who = actor.role === "agent" ? { agent: actor.name } : { owner: actor.name }
  const isSame = session === by.session
  const isKnown = isSame && turn === undefined && call === undefined && program === undefined
  const own = isKnown ? by : { ...by, ...fittedAttribution({ session, turn, call, program }) }
  return { v: 1, vault, ...who, ...own, pid: thisProcess().pid, ...fitted(facts) }
}
