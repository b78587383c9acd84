import { VaultError } from "./errors.js"

const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/
const DAY = /^\d{4}-\d\d-\d\d$/
const DURATION = /^([1-9]\d{0,5})(m|h|d|w)$/
const SECONDS = { m: 60, h: 3600, d: 86_400, w: 604_800 }

let lastSecond = NaN
let lastText = ""

/** A time as records and JSON carry it: UTC, to the second. Such strings sort by time. */
export function utc(date: Date): string {
  const second = Math.floor(date.getTime() / 1000)
  // A read from memory asks for the same second several times, and many reads are within one.
  if (second !== lastSecond) {
    lastText = `${date.toISOString().slice(0, 19)}Z`
    lastSecond = second
  }
  return lastText
}

/** `2026-12-01` (its start) or `2026-12-01T09:30:00Z`. Throws `USAGE`. */
export function parseTime(text: string): string {
  const whole = DAY.test(text) ? `${text}T00:00:00Z` : text
  const date = new Date(whole)
  // Date accepts 2026-02-31 and means March; what it means must be what was written.
  if (!UTC.test(whole) || Number.isNaN(date.getTime()) || utc(date) !== whole) {
    throw new VaultError("USAGE", `${JSON.stringify(text)} is not a time`, {
      hint: "write a UTC date, 2026-12-01, or a time, 2026-12-01T09:30:00Z",
    })
  }
  return whole
}

/** `30d`, `12h`, `90m`, `2w`, in seconds. Throws `USAGE`. */
export function parseDuration(text: string): number {
  const [, count, unit] = DURATION.exec(text) ?? []
  if (count === undefined || unit === undefined) {
    throw new VaultError("USAGE", `${JSON.stringify(text)} is not a duration`, {
      hint: "write 90m, 12h, 30d or 2w",
    })
  }
  return Number(count) * SECONDS[unit as keyof typeof SECONDS]
}

/**
 * A time, or a span of it from now on, or back from now where `direction` is -1: `2026-12-01`, `30d`.
 * Throws `USAGE`.
 */
export function parseMoment(text: string, now: Date, direction: 1 | -1): string {
  if (/^\d+[a-z]$/.test(text)) return later(now, direction * parseDuration(text))
  if (/^\d/.test(text)) return parseTime(text)
  throw new VaultError("USAGE", `${JSON.stringify(text)} is neither a time nor a span of time`, {
    hint: "write a UTC date, 2026-12-01, or 90m, 12h, 30d or 2w",
  })
}

/**
 * Whether a time of a record has come: the end of a grant, the expiry of a value. At its very second
 * it has; what has no time never does. `now` is as {@link utc} writes it.
 */
export function hasPassed(time: string | undefined, now: string): boolean {
  return time !== undefined && time <= now
}

/** The time `seconds` after `date`. */
export function later(date: Date, seconds: number): string {
  return utc(new Date(date.getTime() + seconds * 1000))
}

/** The later of two times as records have them. */
export function laterOf(one: string, other: string | undefined): string {
  return other !== undefined && other > one ? other : one
}
