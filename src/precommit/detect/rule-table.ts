// What follows from the rules alone. The build puts the results in the place of this module, so that
// the guard, which starts at every commit, need not work them out each time (scripts/build-ahead.mjs).
import { anchorsOf, expressionOf } from "./keywords.js"
import { TELLING } from "../named/naming.js"
import cloud from "./rules/cloud.json" with { type: "json" }
import data from "./rules/data.json" with { type: "json" }
import hosting from "./rules/hosting.json" with { type: "json" }
import keys from "./rules/keys.json" with { type: "json" }
import messaging from "./rules/messaging.json" with { type: "json" }
import models from "./rules/models.json" with { type: "json" }
import payment from "./rules/payment.json" with { type: "json" }
import publicKeys from "./rules/public.json" with { type: "json" }
import registries from "./rules/registries.json" with { type: "json" }
import services from "./rules/services.json" with { type: "json" }
import sessions from "./rules/sessions.json" with { type: "json" }
import tools from "./rules/tools.json" with { type: "json" }
import type { Rule } from "./rules.js"

const every = [
  ...publicKeys,
  ...keys,
  ...models,
  ...hosting,
  ...registries,
  ...cloud,
  ...payment,
  ...messaging,
  ...tools,
  ...sessions,
  ...services,
  ...data,
] as readonly Rule[]

/** All rules, the more specific first, each as a line of JSON. */
export const RULES: string = every.map((rule) => JSON.stringify(rule)).join("\n")

/** The rules that know how a credential is presented, not whose it is. */
export const FORMS: readonly string[] = data.map(({ id }) => id)

/** The rules for whole files, by their places among all, and their paths. */
export const FILE_RULES: readonly number[] = Array.from(every.keys()).filter((at) => {
  return every[at]?.pattern !== undefined && every[at].keywords === undefined
})
export const FILE_PATHS: string = FILE_RULES.map((at) => every[at]?.path).join("|")

/** What a word leads to: the rules of a shape, and those of a provider, by their places. */
export type Leads = readonly [shapes: number[], providers: number[], isTelling: boolean]

const leads = new Map<string, Leads>()
for (const [at, { keywords = [], names = [] }] of every.entries()) {
  for (const word of keywords) leadsOf(word)[0].push(at)
  for (const word of names) leadsOf(word)[1].push(at)
}
for (const word of TELLING) {
  const [shapes, providers] = leadsOf(word)
  leads.set(word, [shapes, providers, true])
}

function leadsOf(word: string): Leads {
  const key = word.toLowerCase()
  const known: Leads = leads.get(key) ?? [[], [], false]
  leads.set(key, known)
  return known
}

const words = Array.from(leads.keys()).toSorted()

/** The words that are looked for, sorted, each on a line; and of each what it leads to, as JSON. */
export const WORDS: string = words.join("\n")
export const LEADS: string = words.map((word) => JSON.stringify(leads.get(word))).join("\n")
/** What all of them are found by in a short text. */
export const EXPRESSION: string = expressionOf(words)
/** Of each word, where in it the characters begin by which it is found in a long one. */
export const ANCHORS: readonly number[] = anchorsOf(words)
