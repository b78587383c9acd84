import type { ClientTrial, IsolationChoice, TrialStep } from "../../serving/blind-program.js"
import type { Door } from "../door/door.js"
import { isSet } from "../door/who.js"
import { secretPlaces, started } from "../run/blind.js"
import { choice } from "../run/brokered.js"
import type { Launch } from "../run/child.js"
import { refuseUnstartable } from "../run/not-started.js"
import { childEnvironment } from "../run/program-environment.js"
import { ToldToEnd } from "../run/told-to-end.js"

/** How a client did with the broker. */
export interface Probed {
  /** What keeps it from going round the broker, in a line for a person. */
  readonly holds: string
  /** What it was to make a request to. */
  readonly url: string
  /** Its exit code; it may be at a loss with the reply, which says nothing of the broker. */
  readonly ended: number
  readonly steps: readonly TrialStep[]
}

/** How a client is started to be tried. */
interface ProbeTerms {
  readonly isolation: IsolationChoice
  readonly preloads: boolean
  readonly isClean: boolean
  readonly output: NonNullable<Launch["output"]>
}

/** The terms that a call names. */
export function probeTerms(door: Door): ProbeTerms {
  return {
    isolation: choice(door, "isolate", ["auto", "bwrap", "none"]),
    preloads: !isSet(door, "no-preload"),
    isClean: isSet(door, "clean-env"),
    output: "to stderr",
  }
}

/**
 * Runs a program to its end as `run --blind` would, with one secret of our own, and a service of our
 * own that it is to reach. Throws `COMMAND_NOT_FOUND`, `COMMAND_NOT_STARTED`, `ISOLATION_UNAVAILABLE`.
 */
export async function probeClient(
  door: Door,
  command: readonly string[],
  { isolation, preloads, isClean, output }: ProbeTerms,
): Promise<Probed> {
  const trials = await door.others.trial()
  const { env } = door
  const request = { env, isolation, preloads, secretPlaces: secretPlaces(door) }
  // From here on there is something to clean up.
  const told = new ToldToEnd()
  let trial: ClientTrial | undefined
  try {
    trial = await trials.prepareTrial(request)
    const prepared = trial
    const given = new Map([
      ...Object.entries(trial.environment),
      ...Object.entries(variablesFor(trial)),
    ])
    const filled = command.map((word) => fill(word, prepared))
    const programs = childEnvironment(env, given, isClean)
    const hides = trial.inside?.hides
    if (hides !== undefined) refuseUnstartable(filled, programs, ".", hides)
    const [first = "", ...args] = await trial.wrap(filled)
    const launch = { command: first, args, env: programs, output }
    const ended = (await told.code()) ?? (await started(trial, launch, told))
    return { holds: trial.holds, url: trial.url, ended, steps: trial.steps(command) }
  } finally {
    await trial?.close()
    told.release()
  }
}

/** For programs that take nothing of it as an argument. The placeholder is worth nothing elsewhere. */
function variablesFor({ url, host, placeholder }: ClientTrial): Record<string, string> {
  return { PROBE_URL: url, PROBE_HOST: host, PROBE_KEY: placeholder }
}

/** `{url}`, `{host}` and `{key}` in a word of the client's. */
function fill(word: string, { url, host, placeholder }: ClientTrial): string {
  const blanks = { "{url}": url, "{host}": host, "{key}": placeholder }
  return Object.entries(blanks).reduce((text, [blank, by]) => text.replaceAll(blank, by), word)
}
