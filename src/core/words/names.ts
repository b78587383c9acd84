import { VaultError } from "./errors.js"
import { LIMITS } from "./limits.js"

/** A secret's name, `GROUP/NAME`, taken apart. */
export interface SecretName {
  /** As written, for example `stripe/api-key`. */
  readonly full: string
  /** The first segment: the group whose key seals the secret. */
  readonly group: string
}

const SEGMENT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const SEGMENTS_AFTER_GROUP = 4
const WINDOWS_DEVICE = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i
/** A name of each kind, for a hint. */
const EXAMPLES = { agent: "ci", owner: "alice", group: "stripe", secret: "stripe/api-key" } as const

type Named = keyof typeof EXAMPLES

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/

/** The name of an agent. Throws `NAME_INVALID`. */
export function parseAgentName(text: string): string {
  return checkSegment("agent", text)
}

/** The name of an owner. Throws `NAME_INVALID`. */
export function parseOwnerName(text: string): string {
  return checkSegment("owner", text)
}

/**
 * The owner's name for what a person is called elsewhere: `Zoë Ann Smith` becomes `Zoe-Ann-Smith`.
 * Undefined where letters would be lost, or no name is left.
 */
export function ownerNameFrom(text: string): string | undefined {
  const plain = text.normalize("NFKD").replace(/\p{M}/gu, "")
  if (/[^\p{ASCII}]/u.test(plain.replace(/[^\p{L}\p{N}]/gu, ""))) return undefined
  const name = plain
    .replace(/['\u2019]/g, "")
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 64)
    .replace(/[.-]+$/, "")
  return SEGMENT.test(name) && !WINDOWS_DEVICE.test(name) ? name : undefined
}

/** The name of a group. Throws `NAME_INVALID`. */
export function parseGroupName(text: string): string {
  // groups/G.past.age holds the earlier keys of G, so no group may be called G.past.
  if (/\.past$/i.test(text)) throw invalid("group", text, "it ends in .past")
  return checkSegment("group", text)
}

/** A secret's name: a group and one to four segments, joined by `/`. Throws `NAME_INVALID`. */
export function parseSecretName(text: string): SecretName {
  if (typeof text !== "string") {
    // A program without types may hand over anything.
    throw new VaultError("NAME_INVALID", "a secret's name is a text", {
      hint: "write it as GROUP/NAME, for example stripe/api-key",
    })
  }
  const rest = text.split("/")
  const group = rest.shift() ?? ""
  if (rest.length === 0) {
    throw new VaultError(
      "NAME_INVALID",
      `${quote(text)} names no secret: a name after the group is missing`,
      {
        hint: "write it as GROUP/NAME, for example stripe/api-key",
      },
    )
  }
  if (rest.length > SEGMENTS_AFTER_GROUP) {
    throw invalid("secret", text, `it has more than ${SEGMENTS_AFTER_GROUP} parts after the group`)
  }
  parseGroupName(group)
  for (const segment of rest) checkSegment("secret", segment, text)
  // A folder called x.json or x.age would stand where the files of a secret called x belong.
  if (rest.slice(0, -1).some((segment) => /\.(json|age)$/i.test(segment))) {
    throw invalid("secret", text, "only its last part may end in .json or .age")
  }
  return { full: text, group }
}

/** The name of an environment variable. Throws `NAME_INVALID`. */
export function parseVariableName(text: string): string {
  if (!VARIABLE.test(text)) {
    throw new VaultError("NAME_INVALID", `${quote(text)} is not a variable name`, {
      hint: "use letters, digits and _, and no digit at the start: STRIPE_API_KEY",
    })
  }
  return text
}

/** A line of text for people: a description, a reason. Throws `USAGE`. */
export function parseNote(text: string): string {
  if (text.length <= LIMITS.note && text.isWellFormed() && !/\p{Cc}/u.test(text)) return text
  throw new VaultError("USAGE", "a description or reason is one line of text", {
    hint: `leave out line breaks and control characters; at most ${LIMITS.note} characters`,
  })
}

/**
 * The name in `taken` that `name` collides with on a file system that folds case.
 * An equal name does not collide. A secret's folders count too: `a/B/c` collides with `a/b/d`.
 */
export function foldedCollision(name: string, taken: Iterable<string>): string | undefined {
  const segments = name.split("/")
  for (const other of taken) {
    const others = other.split("/")
    for (const [index, segment] of segments.entries()) {
      const theirs = others[index]
      if (theirs === undefined || theirs.toLowerCase() !== segment.toLowerCase()) break
      if (theirs !== segment) return other
    }
  }
  return undefined
}

/** The hint for a name that is nowhere: the candidate that it comes near, else what helps then. */
export function meantOr(name: string, candidates: Iterable<string>, otherwise: string): string {
  const near = nearest(name, candidates)
  return near === undefined ? otherwise : `did you mean ${near}?`
}

/** The candidate that `name` was most likely meant to be, if one is near enough. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const reach = Math.max(1, Math.floor(name.length / 3))
  let best: { name: string; distance: number } | undefined
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    // What shares no letter is not near, however short it is.
    if (distance === Math.max(name.length, candidate.length)) continue
    if (distance <= reach && (best === undefined || distance < best.distance)) {
      best = { name: candidate, distance }
    }
  }
  return best?.name
}

function checkSegment(kind: Named, segment: string, whole = segment): string {
  if (!SEGMENT.test(segment)) {
    throw invalid(
      kind,
      whole,
      "each part starts with a letter or digit, goes on with letters, digits, . _ -, and has at most 64",
    )
  }
  if (segment.endsWith(".")) throw invalid(kind, whole, "a part may not end in a dot")
  if (WINDOWS_DEVICE.test(segment)) throw invalid(kind, whole, "it is a device name on Windows")
  return segment
}

function invalid(kind: Named, text: string, why: string): VaultError {
  const [group = "", ...rest] = text.split("/")
  const isSecret = kind === "group" && rest.length > 0 && SEGMENT.test(group)
  return new VaultError("NAME_INVALID", `${quote(text)} is not a valid ${kind} name: ${why}`, {
    hint: isSecret
      ? `the group of such a secret: ${group}`
      : `choose a name like ${EXAMPLES[kind]}`,
  })
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}

/** Damerau-Levenshtein (adjacent swaps count as one), over two rolling rows. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let distance = Math.min((row[j - 1] ?? 0) + 1, (last[j] ?? 0) + 1, (last[j - 1] ?? 0) + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, (beforeLast[j - 2] ?? 0) + 1)
      }
      row.push(distance)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}
