import type { Rule } from "../../../src/precommit/detect/rules.js"
import { withoutHang } from "../../hang.js"
import { expand, Generator } from "./template.js"

// Texts made to keep a rule busy: what it looks for at every turn, and never quite.

/** A text that is meant to take long. */
export interface Hostile {
  readonly rule: string
  /** What is repeated. */
  readonly unit: string
}

/** For each word of a rule and its first example, what costs most to look at and to refuse. */
export function hostileTexts(rule: Rule): Hostile[] {
  const words = [...(rule.keywords ?? []), ...(rule.names ?? [])]
  const [word = "key"] = words
  const example = expand(rule.examples?.[0] ?? word, new Generator(5))
  const units = [
    ...words,
    `${word} `,
    `${word}=`,
    `"${word}":"`,
    `${word}_token = "`,
    `{"${word}":{"`,
    `\\"${word}\\":[`,
    `${(rule.near ?? ["token"]).join(" ")} ${word}`,
    ...[0.1, 0.5, 0.9].map((part) => example.slice(0, Math.ceil(example.length * part))),
    example,
    `${example}\n`,
    `${example.slice(0, -1)}!`,
    `api_token = "${example.slice(0, -1)}!"\n`,
  ]
  return Array.from(new Set(units), (unit) => ({ rule: rule.id, unit }))
}

/** Texts that are none of a rule's, but of the ways in which values are given. */
export const hostileForms: readonly Hostile[] = [
  "=",
  ":",
  "key=",
  "key: ",
  "token ",
  "token(",
  'token("',
  "password=password=",
  'password="',
  "password='\\",
  'secret: """',
  "secret => ",
  "secret = b'",
  "auth Bearer ",
  "--token ",
  "<token>",
  "%22key%22=",
  "${token}{{key}}",
  "token = $(",
  "a_key_b-key.c$key",
  '{"name":"key","value":"',
  "-----BEGIN ",
  "eyJhbGciOiJIUzI1NiJ9.",
  "://a:b",
  "a://b:c@d ",
  `token = "${["Zx9kQ2mV", "t7Lp4Rw8"].join("")}"\n`,
  "password = Zx9!kQ2\n",
  `key="${"a1B2".repeat(500)}`,
  '<string name="api_key" a="b" ',
  '<string name="api_key" a="b">x',
  'key,"',
  'key,"a\n',
  "api_keys:\n",
  "api_keys:\n- key: ",
  '"tokens": ["a1", {"key": ',
  "tokens = [// {\n",
  "chpasswd:\n list: root:",
  '"a1b2c3d4"+"e5f6g7h8"+',
  'f("a1b2c3d4"+"e5f6g7h8")',
  "a1b2c3d4e5f6\\\n",
].map((unit) => ({ rule: "any", unit }))

/** One line of this length, or as many as the unit has. */
export function repeated(unit: string, length: number): string {
  return unit.repeat(Math.ceil(length / unit.length)).slice(0, length)
}

/** What a look at a text takes, repeated to a length. */
export type CostOf = (text: Hostile, length: number) => number

/**
 * Those `count` of the texts whose cost grows most beyond their length, up to this one: what grows in
 * squares may cost little as long as it is short.
 */
export function steepest(
  costOf: CostOf,
  texts: readonly Hostile[],
  length: number,
  count: number,
): readonly Hostile[] {
  const excess = (text: Hostile): number => {
    // The first look also compiles, and V8 collects garbage in any.
    const first = costOf(text, length / SHORTER)
    const whole = costOf(text, length)
    return whole - SHORTER * Math.min(first, costOf(text, length / SHORTER))
  }
  return texts
    .map((text) => ({ text, steep: excess(text) }))
    .toSorted((one, other) => other.steep - one.steep)
    .slice(0, count)
    .map(({ text }) => text)
}

const SHORTER = 8

/** What looks take of the processor, in microseconds. One that never ends is named. */
export function processorTime(look: (text: string) => void): CostOf {
  return ({ rule, unit }, length) => {
    const before = process.cpuUsage()
    try {
      withoutHang(() => look(repeated(unit, length)))
    } catch (cause) {
      throw new Error(`${rule}: ${unit.slice(0, 80)}`, { cause })
    }
    const { user, system } = process.cpuUsage(before)
    return user + system
  }
}
