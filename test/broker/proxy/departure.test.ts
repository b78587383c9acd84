import { expect, test } from "vitest"
import { LiveValues } from "../../../src/broker/live/live-values.js"
import { Placeholders } from "../../../src/broker/placeholder/placeholders.js"
import { findInHead } from "../../../src/broker/placing/occurrences.js"
import { departureOf } from "../../../src/broker/proxy/departure.js"
import type { Placement } from "../../../src/broker/proxy/placements.js"
import { type SecretRead, type Use, parseSecretName } from "../../../src/core/index.js"

const SECRETS = ["stripe/api-key", "stripe/webhook"]

test("a program's user names for Basic do not lengthen what is searched", () => {
  const placeholders = Placeholders.make(
    SECRETS.map((secret) => ({ secret })),
    [],
  )
  const live = new LiveValues()
  const lengths: number[] = []
  for (let n = 0; n < 40; n += 1) {
    const pair = `user-${n}:${placeholders.of("stripe/webhook")}`
    const head = {
      method: "GET",
      target: `/v1/a?key=${placeholders.of("stripe/api-key")}`,
      rawHeaders: ["Authorization", `Basic ${Buffer.from(pair).toString("base64")}`],
    }
    const inHead = findInHead(head, placeholders).map(placementOf)
    const values = new Map(inHead.map((placement) => [placement, readOf(placement)]))
    const leaving = { head, body: undefined, isAwaited: false, protocol: undefined }
    departureOf(leaving, { inHead, inBody: [], signed: [] }, values, live)
    lengths.push(live.all().names.length)
  }
  expect(lengths[39]).toBe(lengths[19])
  // Each goes by the secret that it holds, not by the first of the request.
  expect(new Set(live.all().names)).toEqual(new Set(["stripe/webhook"]))
})

function placementOf(occurrence: Placement["occurrence"]): Placement {
  const { placeholder, at } = occurrence
  const sending = { host: "a.test", port: 443, method: "GET", path: "/v1/a", at }
  return { occurrence, name: parseSecretName(placeholder.secret), sending, rule: {} as Use }
}

function readOf({ name }: Placement): SecretRead {
  const value = Buffer.from(`value of ${name.full}`)
  return { name, value, record: {} as SecretRead["record"] }
}
