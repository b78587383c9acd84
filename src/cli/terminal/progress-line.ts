import process from "node:process"
import { type Place, VaultError } from "../../core/index.js"
import { type Progress, interruptedChange } from "../../core/owner.js"
import { interruption } from "./line.js"
import { type Terminal } from "./terminal.js"
import { tellError } from "./told-error.js"

const PROGRESS_AFTER_MS = 1000
const CLEARED = "\r\u001b[K"
const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const satisfies readonly NodeJS.Signals[]

/**
 * Shows how far something long has come, after its first second, to a person only. From then on a
 * signal that ends us tells them what it ended, if there is anything to say: `interrupted` is asked at
 * that moment.
 */
export function progress(
  terminal: Terminal,
  interrupted?: () => VaultError,
  isJson = false,
): Progress {
  const start = Date.now()
  let shownAt = start + PROGRESS_AFTER_MS
  let first = { what: "", at: start, done: 0 }
  let isHeeded = false
  return (done, total, what) => {
    const now = Date.now()
    // What comes second takes its own time for each step; and what went before a first step, none.
    if (first.what !== what) first = { what, at: now, done }
    const isLast = done === total
    if (!terminal.stderr.isTTY || now < start + PROGRESS_AFTER_MS || (!isLast && now < shownAt)) {
      return
    }
    if (!isHeeded && interrupted) heedSignals(terminal, interrupted, isJson)
    isHeeded = true
    shownAt = now + 200
    const each = (now - first.at) / (done - first.done)
    const left = done > first.done ? `, ${Math.ceil((each * (total - done)) / 1000)} s left` : ""
    terminal.stderr.write(`${CLEARED}${isLast ? "" : `${what}: ${done} of ${total}${left}`}`)
  }
}

/** What a change says that is ended. */
export function changeEnded(place: Place, dryRun: boolean): VaultError {
  return (dryRun ? undefined : interruptedChange(place)) ?? interruption()
}

/** What says, ended by a signal, that each of its steps stands: a merge, rotations. */
export function stepsEnded(): VaultError {
  return new VaultError("INTERRUPTED", "interrupted", {
    hint: "repeat the command: it goes on from what was done",
  })
}

/** Takes the line away, says what was ended, and ends as the signal does. */
function heedSignals(terminal: Terminal, interrupted: () => VaultError, isJson: boolean): void {
  const end = (signal: NodeJS.Signals): void => {
    for (const each of ENDING) process.removeListener(each, end)
    terminal.stderr.write(CLEARED)
    // Who else listens has something to clean up, and ends us then.
    if (process.listenerCount(signal) > 0) return
    tellError(terminal, interrupted(), isJson)
    process.kill(process.pid, signal)
  }
  for (const each of ENDING) process.on(each, end)
}
