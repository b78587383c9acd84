import { type Matcher, RE2JS } from "re2js"
import { VaultError } from "../../core/guard.js"
import { SETTINGS_FILE } from "../report/request.js"
import { type CustomRule, refusal } from "./settings.js"

// The only file that imports re2js: its time is linear, whatever the pattern.

/** What a rule found; offsets in UTF-16 code units. */
export interface CustomHit {
  readonly rule: CustomRule
  readonly start: number
  readonly end: number
}

/** Finds what custom rules know in the text of a file. Throws `USAGE` for a rule that matches too often. */
export type FindCustom = (text: string, path: string) => readonly CustomHit[]

/**
 * Each match is found in linear time; all of them together are not, if each looks through the rest
 * of the text. So a text is searched by stretches, each with what stands around it, and a rule that
 * matches more often than this in one file does not describe secrets.
 */
const STRETCH = 65_536
const AROUND = 4_096
const MOST_MATCHES = 100

/** Compiles rules. Throws `USAGE` for a pattern that is not valid, or matches the empty text. */
export function compileRules(rules: readonly CustomRule[]): FindCustom {
  const compiled = rules.map((rule) => ({ rule, pattern: compile(rule) }))
  return (text, path) =>
    // A pattern may match itself where it is written down.
    path === SETTINGS_FILE
      ? []
      : compiled.flatMap(({ rule, pattern }) => matchesOf(rule, pattern, text, path))
}

function tooMany({ id }: CustomRule, path: string): VaultError {
  return new VaultError(
    "USAGE",
    `the rule ${id} matches more than ${MOST_MATCHES} times in ${path}`,
    {
      hint: `make its pattern in ${SETTINGS_FILE} narrower`,
    },
  )
}

function compile({ id, pattern }: CustomRule): RE2JS {
  let compiled: RE2JS
  try {
    compiled = RE2JS.compile(pattern, RE2JS.MULTILINE)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "it is not a regular expression"
    throw refusal(`the pattern of ${id} is not valid: ${why}`, cause)
  }
  if (compiled.matcher("").find()) throw refusal(`the pattern of ${id} matches the empty text`)
  return compiled
}

function matchesOf(rule: CustomRule, pattern: RE2JS, text: string, path: string): CustomHit[] {
  const hits: CustomHit[] = []
  let matches = 0
  for (let from = 0; from < text.length; from += STRETCH) {
    const start = Math.max(0, from - AROUND)
    const matcher = pattern.matcher(text.slice(start, from + STRETCH + AROUND))
    while (matcher.find() && start + matcher.start() < from + STRETCH) {
      matches += 1
      if (matches > MOST_MATCHES) {
        throw tooMany(rule, path)
      }
      const hit = secretOf(matcher)
      const isNew = start + matcher.start() >= from && hit.start < hit.end
      if (isNew) hits.push({ rule, start: start + hit.start, end: start + hit.end })
    }
  }
  return hits
}

/** The first group; the whole match if there is none, or it took no part. */
function secretOf(matcher: Matcher): { start: number; end: number } {
  const group = matcher.groupCount() > 0 && matcher.start(1) !== -1 ? 1 : 0
  return { start: matcher.start(group), end: matcher.end(group) }
}
