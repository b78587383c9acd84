import { VaultError, compilePatterns, redactText } from "../../core/index.js"
import { LIMITS, type Place } from "../../core/index.js"
import type { RotationStep } from "../../core/owner.js"
import type { Door } from "../door/door.js"
import { tell } from "../door/render.js"
import { ToldToEnd } from "../run/told-to-end.js"
import { type ApartEnd, runApart } from "../tools/run-apart.js"
import { withoutNewline } from "../terminal/input.js"
import { launchOutside, rootOf } from "./program-place.js"

/** What a step runs, and what it is given. */
interface StepToRun {
  readonly step: RotationStep
  readonly words: readonly string[]
  readonly stdin: Uint8Array
  /** What is taken out of what it says, besides what it prints. */
  readonly hidden: readonly Uint8Array[]
  /** In ms. */
  readonly timeLimit: number
}

/** How a step ended: what it printed without the newline at its end, or in words why it failed. */
export type StepEnd =
  | {
      readonly is: "done"
      readonly printed: Uint8Array
      readonly isCut: boolean
      /** Whether somebody wished to end it meanwhile. */
      readonly isTold: boolean
    }
  | { readonly is: "failed"; readonly why: string }
  | { readonly is: "interrupted" }

/**
 * Runs one program of a rotation, apart from our terminal. What it said on stderr is shown when it has
 * ended, since only then all that must not be shown is known. Throws what its start throws.
 */
export async function runStep(door: Door, place: Place, run: StepToRun): Promise<StepEnd> {
  const { step, words, stdin, timeLimit } = run
  const launch = { ...launchOutside(place, words, door.env), apart: { cwd: rootOf(place), stdin } }
  const told = new ToldToEnd()
  const ending = new AbortController()
  void told.wait().then(() => ending.abort())
  try {
    const patterns = compilePatterns([])
    const terms = { patterns, most: LIMITS.value, timeLimit, signal: ending.signal }
    const end = await runApart(launch, terms)
    const printed = withoutNewline(Buffer.from(end.stdout.bytes)).value
    showSaid(door, step, end, [...run.hidden, printed])
    const isTold = ending.signal.aborted
    if (end.code === 0 && !end.isLate) {
      return { is: "done", printed, isCut: end.stdout.isCut, isTold }
    }
    if (isTold) return { is: "interrupted" }
    return { is: "failed", why: whyFailed(end, timeLimit) }
  } finally {
    told.release()
  }
}

function whyFailed({ code, signal, isLate }: ApartEnd, timeLimit: number): string {
  if (isLate) return `took longer than ${timeLimit / 1000} seconds, and was ended`
  return signal === null ? `ended with ${code}` : `was ended by ${signal}`
}

/** Values too short to be looked for could be anywhere in it: then nothing of it is shown. */
function showSaid(
  door: Door,
  step: RotationStep,
  { stderr }: ApartEnd,
  hidden: readonly Uint8Array[],
): void {
  if (stderr.bytes.length === 0) return
  const values = hidden.filter((value) => value.length > 0)
  const patterns = compilePatterns(values.map((value) => ({ name: "the value", value })))
  if (patterns.short.length > 0) {
    tell(door, `${step}: what it said is not shown: a value is too short to be taken out of it`)
    return
  }
  const text = redactText(patterns, Buffer.from(stderr.bytes).toString("utf8"))
  tell(
    door,
    ...text
      .trimEnd()
      .split("\n")
      .map((line) => `${step}: ${line}`),
  )
}

/** The refusal after Ctrl-C. */
export function interrupted(message: string, hint: string): VaultError {
  return new VaultError("INTERRUPTED", message, { hint })
}
