import { wordFinder } from "./keywords.js"
import { TELLING } from "../named/naming.js"
import { type Rule, rules } from "./rules.js"

/** What each word that is looked for leads to. */
export interface Reaction {
  /** Rules of which a match may be here. */
  readonly shapes: Rule[]
  /** Rules of the provider that is named here. */
  readonly providers: Rule[]
  /** Whether the word is so long that it names its provider in the midst of another one too. */
  readonly isLong: boolean
  /** Whether the name of a secret may be here. */
  telling: boolean
}

/** A provider's name of so few letters occurs in other words by chance: `oci` in `social`. */
const SHORT_NAME = 3

const reactions = new Map<string, Reaction>()
for (const rule of rules) {
  for (const word of rule.keywords ?? []) reaction(word).shapes.push(rule)
  for (const word of rule.names ?? []) reaction(word).providers.push(rule)
}
for (const word of TELLING) reaction(word).telling = true

function reaction(word: string): Reaction {
  const key = word.toLowerCase()
  const isLong = key.length > SHORT_NAME
  const known = reactions.get(key) ?? { shapes: [], providers: [], isLong, telling: false }
  reactions.set(key, known)
  return known
}

const words = Array.from(reactions.values())
const findNumbers = wordFinder(Array.from(reactions.keys()))

/** Tells each place where a word that leads to something occurs. */
export function findWords(text: string, onWord: (met: Reaction, at: number) => void): void {
  findNumbers(text, (word, at) => onWord(words[word] as Reaction, at))
}
