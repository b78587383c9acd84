import { type FindWords, wordFinder, wordMatcher } from "./keywords.js"
import { ANCHORS, EXPRESSION, LEADS, type Leads, WORDS } from "./rule-table.js"
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
/** Most commits have fewer characters: what must be compiled first would take longer than they do. */
const FEW = 2 ** 17
/** A text that is not worth the room that the finder takes for each. */
const SHORT_TEXT = 100

const words = WORDS.split("\n")
const lines = LEADS.split("\n")
const findInFew = wordMatcher(words, EXPRESSION)
let findInMany: FindWords | undefined
let seen = 0
/** Of the words that were met. */
const reactions = new Map<number, Reaction>()

/** Tells each place where a word that leads to something occurs. */
export function findWords(text: string, onWord: (met: Reaction, at: number) => void): void {
  finderFor(text)(text, (word, at) => onWord(reactions.get(word) ?? firstMet(word), at))
}

function finderFor({ length }: string): FindWords {
  seen += length
  if (seen < FEW || length < SHORT_TEXT) return findInFew
  return (findInMany ??= wordFinder(words, ANCHORS))
}

function firstMet(word: number): Reaction {
  const [shapes, providers, telling] = JSON.parse(lines[word] as string) as Leads
  const isLong = (words[word] as string).length > SHORT_NAME
  const met = { shapes: shapes.map(ruleAt), providers: providers.map(ruleAt), isLong, telling }
  reactions.set(word, met)
  return met
}
