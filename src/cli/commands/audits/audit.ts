import { setTimeout as sleep } from "node:timers/promises"
import {
  type AuditLine,
  AuditTail,
  VaultError,
  authorityOf,
  harmless,
  toJson,
} from "../../../core/index.js"
import type { Canaries, CanaryState } from "../../../core/owner.js"
import { canariesForAudit } from "../../door/canaries-here.js"
import type { Door } from "../../door/door.js"
import { auditFilesOf, filterOf } from "../../door/noted.js"
import { print, table, tell } from "../../door/render.js"
import { isSet, option, placeOf } from "../../door/who.js"
import { writeOut } from "../../terminal/terminal.js"

const LOOK_EVERY_MS = 500
/** How many lines are written at once. */
const AT_ONCE = 1000

export async function run(door: Door): Promise<void> {
  const canaries = await meantCanaries(door)
  const isAsked = filterOf(door)
  const isMeant = (line: AuditLine): boolean => isAsked(line) && tellsOf(line, canaries)
  const tails = new Map<string, AuditTail>()
  let isEmpty = true
  const more = (): AuditLine[] => {
    for (const file of auditFilesOf(door)) {
      if (!tails.has(file)) tails.set(file, new AuditTail(file))
    }
    const meant: AuditLine[] = []
    for (const tail of tails.values()) {
      for (const line of tail.each()) {
        isEmpty = false
        if (isMeant(line)) meant.push(line)
      }
    }
    return meant.toSorted((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : 0))
  }
  const lines = more()
  if (isSet(door, "follow")) return follow(door, lines, more, canaries)
  if (isSet(door, "json")) return printJson(door, lines, canaries)
  if (lines.length === 0) {
    tell(door, `Nothing is noted here ${isEmpty ? "yet" : "that these options ask for"}.`)
    return
  }
  const rows = lines.map((line) => row(line, canaries))
  await print(door, table([canaries === undefined ? HEAD : [...HEAD, "CANARY OF"], ...rows]))
}

/** The canaries, where only what tells of them is asked for. */
async function meantCanaries(door: Door): Promise<Canaries | undefined> {
  if (isSet(door, "canaries")) return canariesForAudit(door, placeOf(door))
  if (!isSet(door, "owner") && option(door, "passphrase-fd") === undefined) return undefined
  throw new VaultError("USAGE", "the audit needs no key, but for --canaries", {
    hint: "agent-vault audit --canaries --owner",
  })
}

/**
 * Whether a line tells of a canary. The guard and the broker read all that an agent opens, to look
 * for it: that is no use.
 */
function tellsOf(line: AuditLine, canaries: Canaries | undefined): boolean {
  if (canaries === undefined) return true
  const isLook = line.event === "read" && (line.door === "guard" || line.door === "broker")
  return !isLook && agentsOf(line, canaries).length > 0
}

/** The agents for whom the canaries of a line were made. */
function agentsOf(line: AuditLine, canaries: Canaries): string[] {
  return [...new Set(canariesIn(line, canaries).map(({ agent }) => agent))]
}

function canariesIn({ at, secrets = [] }: AuditLine, canaries: Canaries): CanaryState[] {
  return secrets.flatMap((secret) => canaries.of(secret, at) ?? [])
}

/**
 * Lines as they are, and beside them for whom the canaries that they name were made: one document, but
 * never as one text, for of a million lines that would be longer than a text can be.
 */
async function printJson(
  door: Door,
  lines: readonly AuditLine[],
  canaries: Canaries | undefined,
): Promise<void> {
  let before = '{\n  "lines": ['
  for (let at = 0; at < lines.length; at += AT_ONCE) {
    const some = lines.slice(at, at + AT_ONCE).map((line) => `\n    ${within(toJson(line, 2), 4)}`)
    if (!(await writeOut(door.terminal, `${before}${some.join(",")}`))) return
    before = ","
  }
  const made = canaries && [...new Set(lines.flatMap((line) => canariesIn(line, canaries)))]
  const end = lines.length === 0 ? `${before}]` : "\n  ]"
  const rest = made === undefined ? "" : `,\n  "canaries": ${within(toJson(made, 2), 2)}`
  await writeOut(door.terminal, `${end}${rest}\n}\n`)
}

/** JSON as it stands so far to the right in another. */
function within(json: string, indent: number): string {
  return json.replaceAll("\n", `\n${" ".repeat(indent)}`)
}

/**
 * As it happens, until nobody reads on: rows cannot know how wide the next ones are. In JSON, a line
 * each.
 */
async function follow(
  door: Door,
  lines: readonly AuditLine[],
  more: () => AuditLine[],
  canaries: Canaries | undefined,
): Promise<void> {
  const textOf = (line: AuditLine): string =>
    isSet(door, "json") ? toJson(line) : harmless(row(line, canaries).filter(Boolean).join("  "))
  let shown = lines
  for (;;) {
    for (const line of shown) {
      if (!(await writeOut(door.terminal, `${textOf(line)}\n`))) return
    }
    await sleep(LOOK_EVERY_MS)
    shown = more()
  }
}

const HEAD = ["AT", "WHO", "EVENT", "SECRETS", "WHERE", "DECISION", "BY"]
const SHOWN = 3

function row(line: AuditLine, canaries?: Canaries): string[] {
  const { at, agent, owner = "", event, secrets = [], decision = "", reason, door } = line
  const names = secrets.slice(0, SHOWN).map(({ name }) => name)
  const rest = secrets.length > SHOWN ? ` and ${secrets.length - SHOWN} more` : ""
  return [
    at,
    agent ?? `${owner} (owner)`,
    event,
    `${names.join(", ")}${rest}`,
    where(line),
    reason === undefined ? decision : `${decision} ${reason}`.trim(),
    [door, line.program].filter((word) => word !== undefined).join(" "),
    ...(canaries === undefined ? [] : [agentsOf(line, canaries).join(", ")]),
  ]
}

function where({ method, host, port, path, status }: AuditLine): string {
  const target = host === undefined ? "" : `${authorityOf(host, port)}${path ?? ""}`
  return [method, target, status].filter((part) => part !== undefined && part !== "").join(" ")
}
