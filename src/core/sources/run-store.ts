import { delimiter, parse } from "node:path"
import { EndedWithUs } from "../disk/ended-with-us.js"
import type { Environment } from "../disk/homes.js"
import { foldersOutside, isInside, programIn } from "../disk/outside-program.js"
import type { Place } from "../disk/place.js"
import { PrintFailure, printedBy } from "../disk/printed-by.js"
import { LIMITS } from "../words/limits.js"
import { StoreFailure } from "./store-failure.js"

/** How long a store may take: some wait for a person's finger. In ms. */
const STORE_MS = 60_000
const OURS = /^AGENT_VAULT_/i
/** No pager for AWS; and Google's program would write all that it prints into a log of its own. */
const THEIRS = { AWS_PAGER: "", CLOUDSDK_CORE_DISABLE_FILE_LOGGING: "1" }

/** For how long a program is waited for. */
export interface Patience {
  /** Aborted when nobody waits any more. */
  readonly ended?: AbortSignal | undefined
  /** In ms. */
  readonly timeLimit?: number | undefined
}

/** A signal to us alone would leave them running, with what they are signed in to. */
const withUs = new EndedWithUs()

/**
 * Runs a store's own program, which is found on PATH outside of the repository, runs from the root
 * folder, reads nothing and has no shell. All that it printed until it ended; what it said on stderr
 * may quote the value, and goes by. Rejects with a {@link StoreFailure}.
 */
export async function runStore(
  place: Place,
  env: Environment,
  program: string,
  args: readonly string[],
  patience: Patience = {},
): Promise<Buffer> {
  const folders = foldersOutside(place, env["PATH"])
  const file = programIn(folders, program)
  if (file === undefined || isInside(place, file)) {
    throw new StoreFailure(
      `there is no program ${program} on PATH`,
      `install ${program}, outside of the repository`,
    )
  }
  const others = Object.entries(env).filter(([name]) => !OURS.test(name))
  const theirs = { ...Object.fromEntries(others), PATH: folders.join(delimiter), ...THEIRS }
  const { ended, timeLimit = STORE_MS } = patience
  return withUs.during(() => {
    const either = ended === undefined ? withUs.signal : AbortSignal.any([ended, withUs.signal])
    // Around a value stand JSON and base64.
    const terms = { most: 2 * LIMITS.value, ended: either, timeLimit }
    // Not in a session of its own: 1Password's program is let in by the terminal that it runs at.
    const printed = printedBy({ file, args, env: theirs, cwd: parse(place.root).root }, terms)
    return printed.catch((error: unknown) => {
      throw error instanceof PrintFailure ? new StoreFailure(`${program} ${error.message}`) : error
    })
  })
}
