import { USE_ASKS, type Use, type UsePlace, type UseScheme, optionsOfUse } from "../records/use.js"
import { pathAmbiguity, plainPath } from "../words/canonical-path.js"
import { VaultError } from "../words/errors.js"
import { shellWord } from "../words/shell-word.js"

/** Where a request would take a value. */
export interface Sending {
  /** Canonical: lower case, A-labels, no trailing dot, an IPv6 address in brackets. */
  readonly host: string
  readonly port: number
  /** As it was sent: methods are told apart by case. */
  readonly method: string
  /** As it was sent, without the query. */
  readonly path: string
  readonly at: UsePlace
}

/**
 * The first rule that lets a value go there, undefined if none does. Throws `USE_REFUSED` for a
 * path that could mean two things.
 */
export function ruleFor(uses: readonly Use[], sending: Sending): Use | undefined {
  const path = canonicalPath(sending.path)
  return uses.find((use) => ASPECTS.every((aspect) => FITS[aspect](use, { ...sending, path })))
}

/** The pattern of a rule that a path fits, the first one. */
export function patternOf({ paths }: Use, path: string): string | undefined {
  const canonical = canonicalPath(path)
  return paths.find((pattern) => isPath(pattern, canonical))
}

/** Whether a rule names this host: its requests are looked into, all others are not. */
export function isBound(uses: readonly Pick<Use, "hosts">[], host: string, port: number): boolean {
  return uses.some((use) => use.hosts.some((pattern) => isHost(pattern, host, port)))
}

/** The refusal of a value that no rule lets go there, with the command that mends it. */
export function whyNoRule(name: string, uses: readonly Use[], sending: Sending): VaultError {
  const wanted = { ...sending, path: canonicalPath(sending.path) }
  const nearest = uses
    .map((use) => ({ use, missing: ASPECTS.filter((aspect) => !FITS[aspect](use, wanted)) }))
    .sort((one, other) => one.missing.length - other.missing.length)[0]
  const why =
    nearest === undefined
      ? "it has no use"
      : `no use names ${nearest.missing.map((aspect) => NAMED[aspect](wanted)).join(", nor ")}`
  const target = `${wanted.method} ${authority(wanted)}${wanted.path}`
  return new VaultError("USE_REFUSED", `${name} may not go to ${target} at ${wanted.at}: ${why}`, {
    hint: `ask an owner: ${mend(name, nearest?.use, wanted)}`,
  })
}

/**
 * Whether rules let a value go where others did not, as far as their texts tell: each has to be
 * within one of the others, and ask a person no less often.
 */
export function isWider(after: readonly Use[], before: readonly Use[]): boolean {
  return !after.every((rule) => before.some((other) => isWithin(rule, other)))
}

function isWithin(rule: Use, other: Use): boolean {
  const lists = ["hosts", "methods", "paths", "at"] as const
  const same = ["scheme", "user", "template", "encoding"] as const
  return (
    lists.every((list) => rule[list].every((each: string) => has(other[list], each))) &&
    same.every((member) => rule[member] === other[member]) &&
    USE_ASKS.indexOf(rule.ask) >= USE_ASKS.indexOf(other.ask)
  )
}

function has(list: readonly string[], text: string): boolean {
  return list.includes(text)
}

type Aspect = "host" | "method" | "path" | "at"
/** In the order in which a refusal names them. */
const ASPECTS: readonly Aspect[] = ["host", "method", "path", "at"]

const FITS: Readonly<Record<Aspect, (use: Use, sending: Sending) => boolean>> = {
  host: ({ hosts }, { host, port }) => hosts.some((pattern) => isHost(pattern, host, port)),
  method: ({ methods }, { method }) => methods.includes(method),
  path: ({ paths }, { path }) => paths.some((pattern) => isPath(pattern, path)),
  at: (use, { at }) => use.at.includes(at),
}

const NAMED: Readonly<Record<Aspect, (sending: Sending) => string>> = {
  host: (sending) => `the host ${authority(sending)}`,
  method: ({ method }) => `the method ${method}`,
  path: ({ path }) => `the path ${path}`,
  at: ({ at }) => `the place ${at}`,
}

function authority({ host, port }: Sending): string {
  return port === 443 ? host : `${host}:${port}`
}

/** The narrowest rule that lets it go there; the rest is as the nearest rule says it. */
function mend(name: string, nearest: Use | undefined, sending: Sending): string {
  const { at } = sending
  const scheme: UseScheme = at === "header:authorization" ? "bearer" : "raw"
  const known =
    nearest?.at.includes(at) === true ? nearest : { scheme, ask: nearest?.ask ?? "never" }
  const options = optionsOfUse({
    ...known,
    hosts: [authority(sending)],
    methods: [sending.method],
    // A value in the path is of one run only; and ** in one that was sent is two characters.
    paths: at === "path" ? (nearest?.paths ?? ["/**"]) : [sending.path.replaceAll(/\*{2,}/g, "*")],
    at: [at],
  })
  const words = options.map(([option, value]) => `${option} ${shellWord(value)}`)
  return `agent-vault use ${name} ${words.join(" ")}`
}

function isHost(pattern: string, host: string, port: number): boolean {
  const [, name = "", written] = /^(.*?)(?::(\d+))?$/.exec(pattern) ?? []
  if (Number(written ?? 443) !== port) return false
  if (!name.startsWith("*.")) return name === host
  const dot = host.indexOf(".")
  return dot > 0 && host.slice(dot) === name.slice(1)
}

/**
 * The one form of a path, without its query. It means what `raw` means. Throws `USE_REFUSED` for a
 * path that another program could read as another one: `..`, `//`, `;`, `\\`, and escapes of these.
 */
export function canonicalPath(raw: string): string {
  const why = pathAmbiguity(raw)
  if (why === undefined) return plainPath(raw)
  throw new VaultError("USE_REFUSED", `the path of the request could mean two things: ${why}`, {
    hint: "send the path plainly, as the service's documentation writes it",
  })
}

/** Whether a canonical path fits a pattern: `*` within a segment, `**` for one or more of them. */
function isPath(pattern: string, path: string): boolean {
  const segments = path.slice(1).split("/")
  // How many segments the pattern may have come to, part by part, in ascending order.
  let reached = [0]
  for (const part of pattern.slice(1).split("/")) {
    const [first = segments.length] = reached
    reached =
      part === "**"
        ? segments.slice(first).map((_, index) => first + index + 1)
        : reached.flatMap((at) => (isSegment(part, segments[at]) ? [at + 1] : []))
  }
  return reached.at(-1) === segments.length
}

/** Goes back to the last `*` only, so that no pattern takes more than its length times the text's. */
function isSegment(pattern: string, text: string | undefined): boolean {
  if (text === undefined) return false
  let [at, star, resumed] = [0, -1, 0]
  for (let index = 0; index < text.length;) {
    if (pattern[at] === "*") [star, resumed, at] = [at, index, at + 1]
    else if (pattern[at] === text[index]) [at, index] = [at + 1, index + 1]
    else if (star >= 0) [at, resumed, index] = [star + 1, resumed + 1, resumed + 1]
    else return false
  }
  while (pattern[at] === "*") at += 1
  return at === pattern.length
}
