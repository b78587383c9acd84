import { isAccepted, isAnyName, isNamed, isPlain, isPublished } from "./accept.js"
import { valuesApart } from "../named/apart.js"
import { type Assignment, assignmentAt, LONGEST_VALUE } from "../named/assignment.js"
import { checks } from "./checks.js"
import { genericRule } from "./generic.js"
import { wordFinder } from "./keywords.js"
import { hiddenIn } from "./within.js"
import { entriesOf } from "../named/kubernetes.js"
import { meaningOf, TELLING } from "../named/naming.js"
import { endOfPrefixed } from "./prefix.js"
import { withoutOverlaps } from "./overlaps.js"
import type { Candidate, Detection } from "./overlaps.js"
import { kindOfKey } from "./private-key.js"
import { forms, GENERIC, isExcused, isKeyRule, KUBERNETES, patternOf, rules } from "./rules.js"
import type { Kind, Rule } from "./rules.js"
import { Data, isGenerated, isMinified, isOfBadge } from "./surroundings.js"
import { beginningsOf, beginsName, beginsWord, isWordAt } from "./word.js"

/** What is known of the text besides itself. */
export interface Origin {
  /** The file's path, with slashes. Some rules are for some files only. */
  readonly path?: string
  /** Whether to look for private keys only, as in binary and in very large files. */
  readonly onlyKeys?: boolean
  /** How often what it is written in was decoded already. */
  readonly decoded?: number
}

/**
 * How often a rule may fail within so many characters. No honest text comes near; without a limit,
 * a text made for it could keep the expensive rules busy for minutes. A match that turns out to be
 * no secret counts twice: looking at it takes longer than the pattern.
 */
const FAILURES = 160
const STRETCH = 4096

/** How often Base64 is decoded: a file in it, and a key in that. */
const MOST_DECODED = 2

/** How far before a value a provider's name may stand. */
const NEAR = 300

/**
 * Finds the credentials in a text: pure, and linear in the text's length.
 *
 * @returns findings in the order of the text, none within another
 */
export function findCredentials(text: string, origin: Origin = {}): Detection[] {
  const search = new Search(text, origin)
  findWords(text, (word, at) => search.meet(word, at))
  return search.findings()
}

/** A provider's name of so few letters occurs in other words by chance: `oci` in `social`. */
const SHORT_NAME = 3

/** What each word that is looked for leads to. */
interface Reaction {
  /** Rules of which a match may be here. */
  readonly shapes: Rule[]
  /** Rules of the provider that is named here. */
  readonly providers: Rule[]
  /** Whether the word is so long that it names its provider in the midst of another one too. */
  readonly isLong: boolean
  /** Whether the name of a secret may be here. */
  telling: boolean
}

const reactions = new Map<string, Reaction>()
for (const rule of rules) {
  for (const word of rule.keywords ?? []) reaction(word).shapes.push(rule)
  for (const word of rule.names ?? []) reaction(word).providers.push(rule)
}
for (const word of TELLING) reaction(word).telling = true

const words = Array.from(reactions.values())
const findWords = wordFinder(Array.from(reactions.keys()))
const places = new Map(rules.map((rule, index) => [rule, rules.length - index]))

function reaction(word: string): Reaction {
  const key = word.toLowerCase()
  const isLong = key.length > SHORT_NAME
  const known = reactions.get(key) ?? { shapes: [], providers: [], isLong, telling: false }
  reactions.set(key, known)
  return known
}

/** How much a finding says, by what it was found by. More specific ones hide the others. */
const RANK = { key: 5, shape: 4, own: 3, near: 2, form: 1, generic: 0 }

class Search {
  readonly #text: string
  readonly #origin: Origin
  readonly #candidates: Candidate[] = []
  /** Where providers are named, in the order of the text but for a few characters. */
  readonly #named: { rule: Rule; at: number }[] = []
  /** Where the names of secrets may be. */
  readonly #names: number[] = []
  /** For each rule: the stretch of the text that it failed in last, and how often. */
  readonly #failures = new Map<Rule, { stretch: number; count: number }>()
  /** For each rule: where its last finding ends. What it would find before that is the same. */
  readonly #ends = new Map<Rule, number>()
  /** Whether the file is one of those that a rule is for. */
  readonly #paths = new Map<Rule, boolean>()
  readonly #generated: boolean
  readonly #data: Data

  constructor(text: string, origin: Origin) {
    this.#text = text
    this.#origin = origin
    this.#data = new Data(text)
    this.#generated = isGenerated(text, origin.path)
  }

  meet(word: number, at: number): void {
    const met = words[word]
    if (!met) return
    for (const rule of met.shapes) this.#tryShape(rule, at)
    if (this.#origin.onlyKeys || this.#generated) return
    if (met.isLong || beginsName(this.#text, at)) {
      for (const rule of met.providers) this.#named.push({ rule, at })
    }
    if (met.telling || met.providers.length > 0) this.#names.push(at)
  }

  findings(): Detection[] {
    for (const rule of rules) if (!rule.keywords && rule.pattern) this.#searchFile(rule)
    this.#tryNames()
    this.#tryApart()
    this.#searchManifest()
    this.#searchDecoded()
    return withoutOverlaps(this.#candidates)
  }

  #tryShape(rule: Rule, at: number): void {
    if (this.#origin.onlyKeys && !isKeyRule(rule)) return
    if (rule.path && !this.#isPath(rule)) return
    if (at < (this.#ends.get(rule) ?? 0) || this.#isTired(rule, at)) return
    if (rule.near && !this.#isNear(rule.near, at)) return
    const pattern = patternOf(rule)
    for (let start = Math.max(0, at - (rule.before ?? 0)); start <= at; start += 1) {
      if (!rule.open && !beginsWord(this.#text, start)) continue
      pattern.lastIndex = start
      const match = pattern.exec(this.#text)
      if (!match || (!rule.open && isWordAt(this.#text, pattern.lastIndex))) continue
      if (this.#add(rule, match)) {
        this.#failures.delete(rule)
        this.#ends.set(rule, pattern.lastIndex)
      } else {
        this.#isTired(rule, at)
      }
      return
    }
    this.#tryPrefix(rule, at)
  }

  /** What is a provider's by its prefix alone, however long: they change what follows it. */
  #tryPrefix(rule: Rule, at: number): void {
    if (rule.check || this.#generated || !beginsWord(this.#text, at)) return
    const end = endOfPrefixed(rule, this.#text, at)
    if (end === undefined || this.#data.surrounds(at)) return
    this.#keep(rule, at, end, RANK.form)
    this.#ends.set(rule, end)
  }

  /** Counts an attempt that is about to be made; whether there were too many around here. */
  #isTired(rule: Rule, at: number): boolean {
    const stretch = Math.floor(at / STRETCH)
    let failures = this.#failures.get(rule)
    if (failures?.stretch !== stretch) this.#failures.set(rule, (failures = { stretch, count: 0 }))
    failures.count += 1
    return failures.count > FAILURES
  }

  #searchFile(rule: Rule): void {
    if (this.#origin.onlyKeys || !this.#isPath(rule)) return
    for (const match of this.#text.matchAll(patternOf(rule))) this.#add(rule, match)
  }

  /** What a manifest of Kubernetes encodes is looked at as if it stood there in plain text. */
  #searchManifest(): void {
    if (this.#origin.onlyKeys || this.#generated) return
    for (const { name, text, start, end } of entriesOf(this.#text)) {
      const plain = text.trim().includes("\n") ? text : `${name}: ${JSON.stringify(text.trim())}`
      if (findCredentials(plain).length > 0) this.#keep(KUBERNETES, start, end, RANK.form)
    }
  }

  /** What Base64 hides is looked at as well, and what is hidden in that once more. */
  #searchDecoded(): void {
    const { onlyKeys = false, decoded = 0 } = this.#origin
    if (decoded >= MOST_DECODED) return
    const origin = { onlyKeys: onlyKeys || this.#generated, decoded: decoded + 1 }
    for (const found of hiddenIn(this.#text, (text) => findCredentials(text, origin))) {
      const isKey = found.kind !== "credential" && found.kind !== "public"
      const rank = isKey ? RANK.key : RANK.form
      this.#candidates.push({ ...found, rank, place: 0 })
    }
  }

  /** Whether what was matched is a finding. */
  #add(rule: Rule, match: RegExpExecArray): boolean {
    const [start, end] = match.indices?.slice(1).find(Boolean) ?? match.indices?.[0] ?? [0, 0]
    const secret = this.#text.slice(start, end)
    if (isKeyRule(rule)) {
      if (rule.check && !checks[rule.check](secret)) return false
      this.#keep(rule, match.index, match.index + match[0].length, RANK.key, kindOfKey(match[0]))
    } else {
      if (!isAccepted(rule, secret) || this.#data.surrounds(match.index)) return false
      if (isExcused(rule, this.#text, match.index)) return false
      this.#keep(rule, start, end, forms.has(rule) ? RANK.form : RANK.shape)
    }
    return true
  }

  /** Looks at each value that has a telling name, or a name that names a provider. */
  #tryNames(): void {
    const seen = new Set<number>()
    let next = 0
    let from = 0
    for (const at of this.#names.toSorted((a, b) => a - b)) {
      if (at < from || this.#isTired(GENERIC, at)) continue
      const found = assignmentAt(this.#text, at)
      if (!found || seen.has(found.start)) continue
      // A word without an end is data; the names within it are chance.
      if (found.end - found.start >= LONGEST_VALUE) from = found.end
      while ((this.#named[next]?.at ?? Infinity) < found.start - NEAR) next += 1
      if (!this.#tryValue(found, next)) continue
      seen.add(found.start)
      this.#failures.delete(GENERIC)
    }
  }

  /** Looks at what stands apart from its name: in tables, lists and the like. */
  #tryApart(): void {
    const names = this.#names.toSorted((a, b) => a - b)
    for (const found of valuesApart(this.#text, names)) this.#tryValue(found, this.#named.length)
  }

  /** Whether the value is a finding. */
  #tryValue(found: Assignment, firstNear: number): boolean {
    if (isOfBadge(this.#text, found.start)) return false
    const before = this.#candidates.length
    const meaning = meaningOf(found.words)
    const name = found.words.join("")
    const own = new Set<Rule>()
    const begins = beginningsOf(found.words)
    findWords(name, (word, at) => {
      const met = words[word]
      if (met?.isLong || begins.has(at)) met?.providers.forEach((rule) => own.add(rule))
    })
    for (const rule of own) {
      if (meaning !== "none" || isAnyName(rule, found) || isNamed(rule, name)) {
        this.#tryNamed(rule, found, RANK.own)
      }
    }
    if (meaning === "none") return this.#candidates.length > before
    for (let at = firstNear; at < this.#named.length; at += 1) {
      const named = this.#named[at]
      if (!named || named.at > found.start) break
      if (own.has(named.rule)) continue
      own.add(named.rule)
      if (!isMinified(this.#text, found.start)) this.#tryNamed(named.rule, found, RANK.near)
    }
    if (this.#candidates.length > before) return true
    const rule = genericRule(this.#text, found, meaning)
    if (!rule || isMinified(this.#text, found.start)) return false
    this.#keep(rule, found.start, found.end, RANK.generic)
    return true
  }

  #tryNamed(rule: Rule, found: Assignment, rank: number): void {
    const { value, start, end } = found
    if (isPlain(found)) return
    if (rule.value && patternOf(rule).test(value) && isAccepted(rule, value)) {
      this.#keep(rule, start, end, rank)
    }
  }

  #keep(rule: Rule, start: number, end: number, rank: number, found?: Kind): void {
    const kind = found ?? (rule.public ? "public" : "credential")
    if (isPublished(this.#text.slice(start, end), kind)) return
    this.#candidates.push({ rule: rule.id, start, end, kind, rank, place: places.get(rule) ?? 0 })
  }

  #isPath(rule: Rule): boolean {
    let is = this.#paths.get(rule)
    if (is === undefined) {
      is = rule.path !== undefined && new RegExp(rule.path, "i").test(this.#origin.path ?? "")
      this.#paths.set(rule, is)
    }
    return is
  }

  #isNear(near: readonly string[], at: number): boolean {
    const before = this.#text.slice(Math.max(0, at - NEAR), at + 80).toLowerCase()
    return near.some((word) => before.includes(word))
  }
}
