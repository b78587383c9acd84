import { FILE_PATHS, FILE_RULES, FORMS, RULES } from "./rule-table.js"
import type { checks } from "./checks.js"

/** What a finding is: a key that opens things, one under a passphrase, a credential, or public. */
export type Kind = "private-key" | "encrypted-key" | "credential" | "public"

/**
 * One kind of credential. It is known by its shape (`keywords` and `pattern`), by the name that it
 * is given to (`names` and `value`), or by the file that it lies in (`path` and `pattern`).
 * bench/guard-detection.md tells how to write one, and titles.ts what it says to people.
 */
export interface Rule {
  readonly id: string
  /** One of these occurs in each match, in any case. A match begins with it, or `before` it. */
  readonly keywords?: readonly string[]
  /** At most so many characters of a match stand before the keyword. */
  readonly before?: number
  /** A regular expression, bounded in each repetition. Its first group, if any, is the secret. */
  readonly pattern?: string
  /** Whether a match may stand within a longer word. */
  readonly open?: boolean
  /** One of these words must stand within 300 characters before it. */
  readonly near?: readonly string[]

  /** The provider, as it occurs in the names of variables, or shortly before them. */
  readonly names?: readonly string[]
  /** A regular expression for the whole value. */
  readonly value?: string
  /** Whether a name that only names the provider, not a secret, is enough. */
  readonly anyName?: boolean

  /** A regular expression for the paths of the files that the rule is for. */
  readonly path?: string

  /** Whether what it finds is made to be published: it is told, and stops no commit. */
  readonly public?: boolean
  /** What must hold for the secret besides. */
  readonly check?: keyof typeof checks
  /** The least entropy, in bits per character; 2.5 by default. */
  readonly entropy?: number
  /** A regular expression: where it occurs before a match on its line, there is no finding. */
  readonly unless?: string
  /** A regular expression: its group is the year until which an address with a match opens anything. */
  readonly until?: string
  /** Whether it is a finding even if it looks like a placeholder. */
  readonly lax?: boolean

  /** Templates of texts in which the rule finds a secret; see test/precommit/detect/template.ts. */
  readonly examples?: readonly string[]
  /** Templates of texts in which no rule finds anything. */
  readonly lookalikes?: readonly string[]
}

const lines = RULES.split("\n")
/** Those that were asked for. */
const parsed = new Map<number, Rule>()
const places = new Map<Rule, number>()

/** The rule at a place in the list of all, which begins with the more specific ones. */
export function ruleAt(at: number): Rule {
  const known = parsed.get(at)
  if (known !== undefined) return known
  const rule = JSON.parse(lines[at] as string) as Rule
  parsed.set(at, rule)
  places.set(rule, lines.length - at)
  return rule
}

/** All rules. The guard itself parses only those whose words it meets. */
export function everyRule(): readonly Rule[] {
  return lines.map((_line, at) => ruleAt(at))
}

/** How specific a rule is among all; nothing is less so than what only code can tell. */
export function specificityOf(rule: Rule): number {
  return places.get(rule) ?? 0
}

const ofFiles = new RegExp(FILE_PATHS, "i")

/** The rules for a whole file of this path. */
export function fileRules(path: string): readonly Rule[] {
  return ofFiles.test(path) ? FILE_RULES.map(ruleAt) : []
}

const forms = new Set(FORMS)

/** Whether the rule of this id knows how a credential is presented, not whose it is. */
export function isForm(id: string): boolean {
  return forms.has(id)
}

/** A secret that no provider's rule knows, found by its name and its randomness. */
export const GENERIC: Rule = { id: "generic-secret" }

/** A password under a name that says so. */
export const PASSWORD: Rule = { id: "generic-password" }

/** A password that a provider made for one app, under a name that says password. */
export const APP_PASSWORD: Rule = { id: "app-password" }

/** A secret in Base64, which hides nothing. */
export const KUBERNETES: Rule = { id: "kubernetes-secret" }

/** A private key in DER, alone in its file or in Base64. */
export const DER_KEY: Rule = { id: "der-private-key" }

/** A file of keys: PKCS #12, or a keystore of Java's. */
export const KEYSTORE: Rule = { id: "keystore-private-key" }

/** The key of a wallet in words. */
export const SEED_PHRASE: Rule = { id: "seed-phrase" }

/** The rules that only code can tell. */
const CODED = [GENERIC, PASSWORD, APP_PASSWORD, KUBERNETES, DER_KEY, KEYSTORE, SEED_PHRASE]

/** Whether a rule has this id. */
export function isRule(id: string): boolean {
  return [...everyRule(), ...CODED].some((rule) => rule.id === id)
}

/** The regular expression of a rule, compiled when it is needed for the first time. */
export function patternOf(rule: Rule): RegExp {
  let pattern = compiled.get(rule)
  if (!pattern) {
    const source = rule.pattern ?? `^(?:${rule.value ?? ""})$`
    // A path's whole text is searched; elsewhere a match is tried at one place.
    pattern = new RegExp(source, rule.value ? "d" : rule.keywords ? "dy" : "dgm")
    compiled.set(rule, pattern)
  }
  return pattern
}

/** Whether what stands around a match says that it is none. */
export function isExcused(rule: Rule, text: string, at: number): boolean {
  if (rule.until !== undefined && hasEnded(rule.until, text, at)) return true
  if (rule.unless === undefined) return false
  const before = text.slice(Math.max(0, at - EXCUSE), at)
  return new RegExp(rule.unless).test(before.slice(before.lastIndexOf("\n") + 1))
}

/** How far from a match such an excuse may stand. */
const EXCUSE = 2000

/**
 * The year of this version. What ended before it opens nothing, and a machine's clock, which may be
 * wrong, is not asked.
 */
const THIS_YEAR = 2026

/** Whether the address around a match says an end, and no end in it is still to come. */
function hasEnded(until: string, text: string, at: number): boolean {
  const before =
    text
      .slice(Math.max(0, at - EXCUSE), at)
      .split(/[\s"'`<>?]/)
      .at(-1) ?? ""
  const after = /^[?&]?[^\s"'`<>?,]*/.exec(text.slice(at, at + EXCUSE))?.[0] ?? ""
  const years = Array.from((before + after).matchAll(new RegExp(until, "g")), ([, year]) => year)
  return years.length > 0 && years.every((year) => Number(year) < THIS_YEAR)
}

const compiled = new Map<Rule, RegExp>()

export function isKeyRule(rule: Rule): boolean {
  return rule.id.endsWith("private-key")
}
