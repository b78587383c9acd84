import { hash } from "node:crypto"
import { harmless } from "../words/harmless.js"
import type { Surface } from "./read-event.js"

/**
 * What may be noted: a closed set, and what each tells. `agent-vault audit` shows these words, and a
 * line with another is not a line of this audit.
 */
export const AUDIT_EVENTS = {
  read: "values were handed out, to a program or a model",
  lease: "a short-lived value was asked for, with the one that is sealed",
  "lease-end": "that value was ended, or could not be",
  "run-start": "a blind program was started, with placeholders for these secrets",
  "run-end": "it ended",
  request: "values were put into a request and sent",
  result: "what came back of a request",
  tunnel: "a connection that no rule names was let through, untouched",
  refused: "something was asked for, and nothing was sent or handed out",
  asked: "a person was asked, and what they said",
  gate: "a value was found in what a program sent where it does not belong",
  output: "a value was found in what a program or a tool wrote, and taken out",
} as const

type AuditEventName = keyof typeof AUDIT_EVENTS

/** What was decided. */
const AUDIT_DECISIONS = ["allowed", "refused", "redacted"] as const
type AuditDecision = (typeof AUDIT_DECISIONS)[number]

/** A secret that a line speaks of, and which of its values; without a version, no value was opened. */
export interface AuditedSecret {
  readonly name: string
  readonly version?: number
}

/** Who wrote a line, besides the key: where the work belongs. Members that nobody knows are absent. */
export interface Attribution {
  /** One run of a program, or one conversation. */
  readonly session: string
  readonly turn?: string | undefined
  /** One call of a tool. */
  readonly call?: string | undefined
  /** The name of the program that the values are for, without its arguments. */
  readonly program?: string | undefined
}

/** What a line tells of what happened. Never a value, nor a path as it was. */
export interface AuditFacts {
  /** UTC, `YYYY-MM-DDTHH:MM:SSZ`. */
  readonly at: string
  readonly door: Surface
  readonly event: AuditEventName
  readonly secrets?: readonly AuditedSecret[] | undefined
  /** Canonical: lower case, an A-label, or the literal of an address. */
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly method?: string | undefined
  /** The rule's pattern that the path matched, `/v1/**`; never the path. */
  readonly path?: string | undefined
  /** The rule's place: `header:authorization`. */
  readonly place?: string | undefined
  /** The rule's scheme: `bearer`. */
  readonly scheme?: string | undefined
  /** The secret and which of its rules, counted from 1: `stripe/api-key#1`. */
  readonly rule?: string | undefined
  readonly decision?: AuditDecision | undefined
  /** An error's code, or a word that says why. */
  readonly reason?: string | undefined
  /** Counts the requests of a session: a request and its result have the same. */
  readonly request?: number | undefined
  /** The HTTP status that came back. */
  readonly status?: number | undefined
}

/**
 * A line of the audit: canonical JSON (RFC 8785), members that do not apply are absent. Exactly one
 * of `agent` and `owner` says who acted.
 */
export interface AuditLine extends AuditFacts, Attribution {
  readonly v: 1
  /** Counts the lines of a file from 1. */
  readonly seq: number
  /** The vault's id, 32 hex digits. */
  readonly vault: string
  readonly agent?: string | undefined
  readonly owner?: string | undefined
  /** The process that wrote it. */
  readonly pid: number
  /**
   * `sha256:` and the digest of the line before, without its end, and of whatever a write that broke
   * off left behind it. Absent in a file's first line.
   */
  readonly prev?: string | undefined
}

/** Bytes of a line, without its end: readers hold no more of one. */
export const AUDIT_LINE_LIMIT = 64 * 1024
/** Secrets of one line: what is read together may be ten thousand. */
export const SECRETS_OF_A_LINE = 100
/** Characters of what a caller says: a line must stay below its limit, and readable. */
const LONGEST = {
  host: 255,
  method: 32,
  path: 1024,
  place: 128,
  rule: 512,
  reason: 256,
  scheme: 32,
} as const
const CUT = Object.keys(LONGEST) as (keyof typeof LONGEST)[]
const LONGEST_ATTRIBUTION = 128

/**
 * A line, without its end. In the order of RFC 8785, and with texts that are valid Unicode, what
 * `JSON.stringify` writes is that RFC's form, at a fraction of the time: a read from memory waits.
 */
export function encodeAuditLine(line: AuditLine): string {
  const inRfcOrder: { readonly [K in keyof AuditLine]-?: AuditLine[K] | undefined } = {
    agent: line.agent,
    at: line.at,
    call: line.call,
    decision: line.decision,
    door: line.door,
    event: line.event,
    host: line.host,
    method: line.method,
    owner: line.owner,
    path: line.path,
    pid: line.pid,
    place: line.place,
    port: line.port,
    prev: line.prev,
    program: line.program,
    reason: line.reason,
    request: line.request,
    rule: line.rule,
    scheme: line.scheme,
    secrets: line.secrets?.map(inOrder),
    seq: line.seq,
    session: line.session,
    status: line.status,
    turn: line.turn,
    v: line.v,
    vault: line.vault,
  }
  return JSON.stringify(inRfcOrder)
}

function inOrder({ name, version }: AuditedSecret): AuditedSecret {
  return version === undefined ? { name } : { name, version }
}

/**
 * A line, if these bytes are one: of this version, in the one encoding, with members that are known.
 * Undefined for anything else: what a write that broke off left, or another program's line.
 */
export function decodeAuditLine(bytes: Uint8Array): AuditLine | undefined {
  if (bytes.length > AUDIT_LINE_LIMIT || bytes[0] !== OPENING) return undefined
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    const line: unknown = JSON.parse(text)
    return isAuditLine(line) && encodeAuditLine(line) === text ? line : undefined
  } catch {
    return undefined
  }
}

const OPENING = 0x7b

/** `sha256:` and the hex digest of all that lies between two lines, and of the first of them. */
export function linkDigest(bytes: Uint8Array | string): string {
  return `sha256:${hash("sha256", bytes)}`
}

/** Facts as a line may hold them: harmless to show, and no longer than it has room for. */
export function fitted<F extends AuditFacts>(facts: F): F {
  let short: Partial<Record<keyof typeof LONGEST, string>> | undefined
  for (const name of CUT) {
    const text = facts[name]
    if (text !== undefined) (short ??= {})[name] = cut(text, LONGEST[name])
  }
  return short === undefined ? facts : { ...facts, ...short }
}

/** The same for who wrote it. */
export function fittedAttribution(by: Attribution): Attribution {
  const known = Object.entries(by).flatMap(([name, text]: [string, string | undefined]) =>
    text ? [[name, cut(text, LONGEST_ATTRIBUTION)]] : [],
  )
  return Object.fromEntries(known) as Attribution
}

function cut(text: string, length: number): string {
  const shown = harmless(text.toWellFormed())
  return shown.length <= length ? shown : `${shown.slice(0, length - 1).toWellFormed()}…`
}

const isText = (value: unknown): boolean => typeof value === "string" && value.isWellFormed()
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0
const isDigest = (value: unknown): boolean => /^sha256:[0-9a-f]{64}$/.test(String(value))
const SURFACES: ReadonlySet<unknown> = new Set<Surface>([
  "cli",
  "sdk",
  "run",
  "mcp",
  "bridge",
  "guard",
  "broker",
])

/** What each member holds. */
const MEMBERS: { readonly [K in keyof AuditLine]-?: (value: unknown) => boolean } = {
  v: (value) => value === 1,
  seq: (value) => isCount(value) && value !== 0,
  at: (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(String(value)),
  vault: (value) => /^[0-9a-f]{32}$/.test(String(value)),
  agent: isText,
  owner: isText,
  session: isText,
  turn: isText,
  call: isText,
  program: isText,
  pid: isCount,
  door: (value) => SURFACES.has(value),
  event: (value) => Object.hasOwn(AUDIT_EVENTS, String(value)),
  secrets: (value) => Array.isArray(value) && value.every(isAuditedSecret),
  host: isText,
  port: isCount,
  method: isText,
  path: isText,
  place: isText,
  rule: isText,
  scheme: isText,
  decision: (value) => AUDIT_DECISIONS.some((known) => known === value),
  reason: isText,
  request: isCount,
  status: isCount,
  prev: isDigest,
}
const NEEDED = ["v", "seq", "at", "vault", "session", "pid", "door", "event"] as const

function isAuditLine(value: unknown): value is AuditLine {
  if (typeof value !== "object" || value === null) return false
  const isKnown = Object.entries(value).every(
    ([name, member]) => Object.hasOwn(MEMBERS, name) && MEMBERS[name as keyof AuditLine](member),
  )
  const isWhole = NEEDED.every((name) => Object.hasOwn(value, name))
  return isKnown && isWhole && Object.hasOwn(value, "agent") !== Object.hasOwn(value, "owner")
}

function isAuditedSecret(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false
  return Object.entries(value).every(([name, member]) =>
    name === "name" ? isText(member) : name === "version" && isCount(member),
  )
}
