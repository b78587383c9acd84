import { wordFinder } from "./keywords.js"
import { ANCHORS, LEADS, type Leads, WORDS } from "./rule-table.js"
import { type Rule, ruleAt } from "./rules.js"

/** What a word that is looked for leads to. */
export interface Reaction {
  /** Rules of which a match may be here. */
  readonly shapes: readonly Rule[]
  /** Rules of the provider that is named here. */
  readonly providers: readonly Rule[]
  /** Whether the word is so long that it names its provider in the midst of another one too. */
  readonly isLong: boolean
  /** Whether the name of a secret may be here. */
  readonly telling: boolean
}

/** A provider's name of so few letters occurs in other words by chance: `oci` in `social`. */
const SHORT_NAME = 3

const words = WORDS.split("\n")
const lines = LEADS.split("\n")
const findNumbers = wordFinder(words, ANCHORS)
/** Of the words that were met. */
const reactions = new Map<number, Reaction>()

/** Tells each place where a word that leads to something occurs. */
export function findWords(text: string, onWord: (met: Reaction, at: number) => void): void {
  findNumbers(text, (word, at) => onWord(reactions.get(word) ?? firstMet(word), at))
}

function firstMet(word: number): Reaction {
  const [shapes, providers, telling] = JSON.parse(lines[word] as string) as Leads
  const isLong = (words[word] as string).length > SHORT_NAME
  const met = { shapes: shapes.map(ruleAt), providers: providers.map(ruleAt), isLong, telling }
  reactions.set(word, met)
  return met
}
