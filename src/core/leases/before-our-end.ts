import { setImmediate } from "node:timers/promises"
import { EndedWithUs } from "../disk/ended-with-us.js"

/** How long an answer is waited for once a signal came, and the end of a lease, in ms. */
export const LAST_MS = 3000

/** What work that has to be done before we end knows of that. */
export interface OurEnd {
  /** Aborted some time after a signal that ends us. */
  readonly late: AbortSignal
  /** Whether such a signal came, also beside what is just done: Node tells of signals last. */
  readonly isNear: () => Promise<boolean>
}

const withUs = new EndedWithUs()

async function isNear(): Promise<boolean> {
  // The second turn looks for what came while the first one worked.
  await setImmediate()
  await setImmediate()
  return withUs.endsUs
}

/**
 * Does work before a signal ends us: what an issuer gave to a process that is gone, nobody would end.
 */
export function beforeOurEnd<T>(work: (end: OurEnd) => Promise<T>): Promise<T> {
  return withUs.during(async () => {
    const told = withUs.signal
    const late = new AbortController()
    const hurry = (): void => {
      if (withUs.endsUs) setTimeout(() => late.abort(), LAST_MS).unref()
    }
    told.addEventListener("abort", hurry)
    try {
      return await work({ late: late.signal, isNear })
    } finally {
      told.removeEventListener("abort", hurry)
    }
  })
}
