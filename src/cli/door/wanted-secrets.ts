import { type SecretListing, hasPassed, parseMoment } from "../../core/index.js"
import type { Door } from "./door.js"
import { isSet, option } from "./who.js"

/** Whether a secret is one that `--exposed` and `--expiring` of a call ask for: both, if both are given. */
export function isWanted(door: Door): (secret: SecretListing) => boolean {
  const within = option(door, "expiring")
  const horizon = within === undefined ? undefined : parseMoment(within, door.now, 1)
  return ({ exposed, expires }) =>
    (!isSet(door, "exposed") || exposed !== undefined) &&
    (horizon === undefined || hasPassed(expires, horizon))
}

/** That no secret is such a one, nor as `more` says. */
export function nothingWanted(door: Door, ...more: readonly string[]): string {
  const within = option(door, "expiring")
  const what = [
    ...(isSet(door, "exposed") ? ["is exposed"] : []),
    ...(within === undefined
      ? []
      : [`expires ${/[a-z]$/.test(within) ? "within" : "by"} ${within}`]),
    ...more,
  ]
  return `Nothing ${what.join(" and ")}.`
}
