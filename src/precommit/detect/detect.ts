import { isAnyName, isNamed, isPlain, isPublished, vetoOf, vetoOfCheck } from "./accept.js"
import { valuesApart } from "../named/apart.js"
import { Attempts } from "./attempts.js"
import { type Assignment, assignmentAt, LONGEST_VALUE } from "../named/assignment.js"
import { generalRule, genericRule } from "./generic.js"
import { hiddenIn } from "./within.js"
import { entriesOf } from "../named/kubernetes.js"
import { meaningOf } from "../named/naming.js"
import { prefixedAt } from "./prefix.js"
import { RANK, withoutExamples, withoutOverlaps } from "./overlaps.js"
import type { Candidate, Detection } from "./overlaps.js"
import { kindOfKey } from "./private-key.js"
import {
  fileRules,
  GENERIC,
  isExcused,
  isForm,
  isKeyRule,
  type Kind,
  KUBERNETES,
  patternOf,
  type Rule,
  specificityOf,
} from "./rules.js"
import { type Reaction, findWords } from "./reactions.js"
import { Data, isGenerated, isMinified, isOfBadge } from "./surroundings.js"
import type { Origin } from "./surroundings.js"
import type { Extent, OnSilenced, Veto } from "./veto.js"
import { beginningsOf, beginsName, beginsWord, isWordAt } from "./word.js"

/** How often Base64 is decoded: a file in it, and a key in that. */
const MOST_DECODED = 2

/** How far before a value a provider's name may stand. */
const NEAR = 300

/**
 * Finds the credentials in a text: pure, and linear in the text's length.
 *
 * @param onSilenced is told each match that is no finding, and why; it costs time
 * @returns findings in the order of the text, none within another
 */
export function findCredentials(
  text: string,
  origin: Origin = {},
  onSilenced?: OnSilenced,
): Detection[] {
  const search = new Search(text, origin, onSilenced)
  findWords(text, (met, at) => search.meet(met, at))
  return search.findings()
}

class Search {
  readonly #text: string
  readonly #origin: Origin
  readonly #candidates: Candidate[] = []
  /** Where providers are named, in the order of the text but for a few characters. */
  readonly #named: { rule: Rule; at: number }[] = []
  /** Where the names of secrets may be. */
  readonly #names: number[] = []
  readonly #attempts = new Attempts()
  /** For each rule: where its last finding ends. What it would find before that is the same. */
  readonly #ends = new Map<Rule, number>()
  /** Whether the file is one of those that a rule is for. */
  readonly #paths = new Map<Rule, boolean>()
  readonly #generated: boolean
  readonly #data: Data
  readonly #onSilenced: OnSilenced | undefined

  constructor(text: string, origin: Origin, onSilenced?: OnSilenced) {
    this.#text = text
    this.#origin = origin
    this.#onSilenced = onSilenced
    this.#data = new Data(text)
    this.#generated = origin.beginning?.isGenerated ?? isGenerated(text, origin.path)
  }

  meet(met: Reaction, at: number): void {
    for (const rule of met.shapes) this.#tryShape(rule, at)
    if (this.#origin.onlyKeys || this.#generated) return
    if (met.isLong || beginsName(this.#text, at)) {
      for (const rule of met.providers) this.#named.push({ rule, at })
    }
    if (met.telling || met.providers.length > 0) this.#names.push(at)
  }

  findings(): Detection[] {
    for (const rule of fileRules(this.#origin.path ?? "")) this.#searchFile(rule)
    this.#tryNames()
    this.#tryApart()
    this.#searchManifest()
    this.#searchDecoded()
    const { path } = this.#origin
    const told = withoutExamples(this.#candidates, this.#text, path, this.#onSilenced)
    return withoutOverlaps(told, this.#onSilenced)
  }

  #tryShape(rule: Rule, at: number): void {
    if (this.#origin.onlyKeys && !isKeyRule(rule)) return
    if (rule.path && !this.#isPath(rule)) return
    if (at < (this.#ends.get(rule) ?? 0) || this.#attempts.areTooMany(rule, at)) return
    if (rule.near && !this.#isNear(rule.near, at)) return
    const pattern = patternOf(rule)
    for (let start = Math.max(0, at - (rule.before ?? 0)); start <= at; start += 1) {
      if (!rule.open && !beginsWord(this.#text, start)) continue
      pattern.lastIndex = start
      const match = pattern.exec(this.#text)
      if (!match || (!rule.open && isWordAt(this.#text, pattern.lastIndex))) continue
      if (this.#add(rule, match)) {
        this.#attempts.succeed(rule)
        this.#ends.set(rule, pattern.lastIndex)
      } else {
        this.#attempts.areTooMany(rule, at)
      }
      return
    }
    this.#tryPrefix(rule, at)
  }

  /** What is a provider's by its prefix alone, however long: they change what follows it. */
  #tryPrefix(rule: Rule, at: number): void {
    if (rule.check || this.#generated || !beginsWord(this.#text, at)) return
    const found = prefixedAt(rule, this.#text, at)
    if (found === undefined) return
    const { end, veto = this.#data.surrounds(at) ? "data" : undefined } = found
    if (veto === undefined) {
      this.#keep(rule, at, end, RANK.form)
      this.#ends.set(rule, end)
    } else this.#silence(rule, { start: at, end }, veto)
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
      const found = findCredentials(plain, {}, this.#silencedAt({ start, end }))
      if (found.length > 0) this.#keep(KUBERNETES, start, end, RANK.form)
    }
  }

  /** What is written in words or in Base64 is looked at too, and what is hidden in that once more. */
  #searchDecoded(): void {
    const { onlyKeys = false, decoded = 0 } = this.#origin
    if (decoded >= MOST_DECODED) return
    const origin = { onlyKeys: onlyKeys || this.#generated, decoded: decoded + 1 }
    const hidden = hiddenIn(this.#text, origin.onlyKeys, (text, run) =>
      findCredentials(text, origin, run && this.#silencedAt(run)),
    )
    for (const found of hidden) {
      const rank = found.kind.endsWith("key") ? RANK.key : RANK.form
      this.#candidates.push({ ...found, rank, place: 0 })
    }
  }

  /** Whether what was matched is a finding. */
  #add(rule: Rule, match: RegExpExecArray): boolean {
    const [start, end] = match.indices?.slice(1).find(Boolean) ?? match.indices?.[0] ?? [0, 0]
    const secret = this.#text.slice(start, end)
    const isKey = isKeyRule(rule)
    const veto = isKey ? vetoOfCheck(rule, secret) : this.#vetoOf(rule, secret, match.index)
    if (veto !== undefined) return this.#silence(rule, { start, end }, veto)
    if (isKey) {
      this.#keep(rule, match.index, match.index + match[0].length, RANK.key, kindOfKey(match[0]))
    } else this.#keep(rule, start, end, isForm(rule.id) ? RANK.form : RANK.shape)
    return true
  }

  /** Why a secret that was matched at an offset is none, by itself or by where it stands. */
  #vetoOf(rule: Rule, secret: string, at: number): Veto | undefined {
    const veto = vetoOf(rule, secret)
    if (veto !== undefined) return veto
    if (this.#data.surrounds(at)) return "data"
    return isExcused(rule, this.#text, at) ? "excused" : undefined
  }

  /** Looks at each value that has a telling name, or a name that names a provider. */
  #tryNames(): void {
    const seen = new Set<number>()
    let next = 0
    let from = 0
    for (const at of this.#names.toSorted((a, b) => a - b)) {
      if (at < from || this.#attempts.areTooMany(GENERIC, at)) continue
      const found = assignmentAt(this.#text, at)
      if (!found || seen.has(found.start)) continue
      // A word without an end is data; the names within it are chance.
      if (found.end - found.start >= LONGEST_VALUE) from = found.end
      while ((this.#named[next]?.at ?? Infinity) < found.start - NEAR) next += 1
      if (!this.#tryValue(found, next)) continue
      seen.add(found.start)
      this.#attempts.succeed(GENERIC)
    }
  }

  /** Looks at what stands apart from its name: in tables, lists and the like. */
  #tryApart(): void {
    const { onlyKeys, beginning } = this.#origin
    if (onlyKeys || this.#generated) return
    const names = this.#names.toSorted((a, b) => a - b)
    for (const found of valuesApart(this.#text, names, beginning)) {
      this.#tryValue(found, this.#named.length)
    }
  }

  /** Whether the value is a finding. */
  #tryValue(found: Assignment, firstNear: number): boolean {
    const meaning = meaningOf(found.words)
    if (isOfBadge(this.#text, found.start)) {
      return this.#silence(generalRule(meaning), found, "badge")
    }
    const before = this.#candidates.length
    const name = found.words.join("")
    const own = new Set<Rule>()
    const begins = beginningsOf(found.words)
    findWords(name, (met, at) => {
      if (met.isLong || begins.has(at)) met.providers.forEach((rule) => own.add(rule))
    })
    for (const rule of own) {
      if (meaning !== "none" || isAnyName(rule, found) || isNamed(rule, name)) {
        this.#tryNamed(rule, found, RANK.own)
      }
    }
    if (meaning === "none") return this.#candidates.length > before || this.#isUnnamed(found)
    for (let at = firstNear; at < this.#named.length; at += 1) {
      const named = this.#named[at]
      if (!named || named.at > found.start) break
      if (own.has(named.rule)) continue
      own.add(named.rule)
      if (!isMinified(this.#text, found.start)) this.#tryNamed(named.rule, found, RANK.near)
    }
    if (this.#candidates.length > before) return true
    const rule = genericRule(this.#text, found, meaning, this.#origin.path)
    if (typeof rule === "string") return this.#silence(generalRule(meaning), found, rule)
    if (isMinified(this.#text, found.start)) return this.#silence(rule, found, "packed")
    this.#keep(rule, found.start, found.end, RANK.generic)
    return true
  }

  #tryNamed(rule: Rule, found: Assignment, rank: number): void {
    const { value, start, end } = found
    if (isPlain(this.#text, found) || !rule.value || !patternOf(rule).test(value)) return
    const veto = vetoOf(rule, value)
    if (veto === undefined) this.#keep(rule, start, end, rank)
    else this.#silence(rule, found, veto)
  }

  /** That a value is no finding since nothing names it; told where it would be one under a name. */
  #isUnnamed(found: Assignment): false {
    if (this.#onSilenced === undefined) return false
    const rule = genericRule(this.#text, found, "secret")
    return typeof rule !== "string" && this.#silence(rule, found, "harmless-name")
  }

  #keep(rule: Rule, start: number, end: number, rank: number, found?: Kind): void {
    const kind = found ?? (rule.public ? "public" : "credential")
    if (isPublished(this.#text.slice(start, end), kind)) {
      this.#silence(rule, { start, end }, "published")
    } else {
      const place = specificityOf(rule)
      this.#candidates.push({ rule: rule.id, start, end, kind, rank, place })
    }
  }

  /** Tells who asked why a match is no finding; that it is none. */
  #silence(rule: Rule, { start, end }: Extent, veto: Veto): false {
    this.#onSilenced?.({ rule: rule.id, start, end, veto })
    return false
  }

  /** What was silenced in a text that stands encoded at a place of this one. */
  #silencedAt({ start, end }: Extent): OnSilenced | undefined {
    const onSilenced = this.#onSilenced
    return onSilenced && ((silenced) => onSilenced({ ...silenced, start, end }))
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
