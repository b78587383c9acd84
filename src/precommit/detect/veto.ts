import type { checks } from "./checks.js"
import type { PlaceholderSign } from "./placeholder.js"

/**
 * What ended a match of a rule: the match is no secret, or none that must be told. Besides these,
 * the check that a rule asks for. report/explanation.ts says each to people.
 */
export type Veto =
  | PlaceholderSign
  | keyof typeof checks
  | "arn"
  | "badge"
  | "better-rule"
  | "bytes"
  | "chance"
  | "ciphertext"
  | "code"
  | "common"
  | "data"
  | "digest"
  | "empty-token"
  | "entropy"
  | "example"
  | "excused"
  | "filled-in"
  | "goes-on"
  | "harmless-name"
  | "key-id"
  | "length"
  | "literal"
  | "name"
  | "once"
  | "packed"
  | "plain"
  | "published"
  | "reference"
  | "said"
  | "sentence"
  | "stored"
  | "test"
  | "unreal"
  | "uuid"
  | "weak"
  | "word"
  | "words"

/** Where a match begins and ends, in UTF-16 code units. */
export interface Extent {
  readonly start: number
  readonly end: number
}

/** A match that is not told. */
export interface Silenced extends Extent {
  /** The id of the rule that matched. */
  readonly rule: string
  readonly veto: Veto
  /** The rule that tells what is there, if it is another one. */
  readonly by?: string
}

/** Receives each match that is not told, in no order, and perhaps more than once. */
export type OnSilenced = (silenced: Silenced) => void
