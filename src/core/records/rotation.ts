import { VaultError } from "../words/errors.js"
import { LIMITS } from "../words/limits.js"
import { shellWord } from "../words/shell-word.js"

export const ROTATION_STEPS = ["run", "test", "end"] as const
/**
 * A step of a rotation: `run` makes the new value, `test` tries it, `end` ends the old one at its
 * source.
 */
export type RotationStep = (typeof ROTATION_STEPS)[number]

/**
 * How a secret gets a new value: programs with their arguments, which no shell reads. `run` has the
 * old value on its stdin and prints the new one; `test` has the new one, `end` the old one.
 */
export interface Rotation {
  readonly run: readonly string[]
  readonly test?: readonly string[]
  readonly end?: readonly string[]
}

const CONTROL = /\p{Cc}/u

/** A program and its arguments, as a record holds them. Throws `USAGE`, which repeats none of them. */
export function parseCommandLine(words: readonly string[]): readonly string[] {
  if (words[0] && words.length <= LIMITS.commandWords && words.every(isFitting)) return words
  throw new VaultError("USAGE", "a record cannot hold this program and its arguments", {
    hint: `at most ${LIMITS.commandWords} words of ${LIMITS.commandWord} characters, without control characters; what is longer goes into a script`,
  })
}

function isFitting(word: string): boolean {
  return word.length <= LIMITS.commandWord && !CONTROL.test(word) && word.isWellFormed()
}

/** Whether two rotations run the very same, or there is none on either side. */
export function isSameRotation(one: Rotation | undefined, other: Rotation | undefined): boolean {
  return canonicalRotation(one) === canonicalRotation(other)
}

/** The one text that stands for a rotation. */
export function canonicalRotation(rotation: Rotation | undefined): string {
  return JSON.stringify(ROTATION_STEPS.map((step) => rotation?.[step] ?? null))
}

/** What each step runs, a line each, for people. */
export function rotationLines(rotation: Rotation): string[] {
  return ROTATION_STEPS.flatMap((step) => {
    const words = rotation[step]
    return words === undefined ? [] : [`${step.padEnd(4)}  ${words.map(shellWord).join(" ")}`]
  })
}
