import { VaultError } from "../core/guard.js"
import type { GuardRequest, InstallRequest, Subject } from "../serving/guarding.js"
import { type Report, stopped } from "./report/request.js"

/** Clean, and findings: the exit codes of the guard. What keeps it from looking is a VaultError. */
const CLEAN = 0
const FINDINGS = 1

/**
 * Looks at what would be committed, or at what else is asked for, and tells what must not be
 * there. Resolves to 0 if there is nothing, to 1 if there is. Throws a VaultError if it could not
 * look: then nothing may be committed either, since its exit code is not 0.
 */
export async function guard(request: GuardRequest): Promise<number> {
  try {
    const { look } = await import("./look/look.js")
    const report = await look(request)
    await tell(report, request)
    return report.findings.length > 0 ? FINDINGS : CLEAN
  } catch (error) {
    const what = stopped(request.subject)
    if (what !== undefined && request.form === "people" && VaultError.is(error)) {
      request.say(`agent-vault guard: this ${what} could not be looked at, so it is stopped:`)
    }
    throw error
  }
}

/** Installs the guard in the hooks of a repository, takes it away, or proves that it is there. */
export async function installGuard(request: InstallRequest): Promise<number> {
  const { guardInstallation } = await import("./install/install.js")
  return guardInstallation(request)
}

async function tell(report: Report, request: GuardRequest) {
  const { subject, form, version, write, say } = request
  if (report.explained !== undefined) await tellExplanation(report, request)
  else if (form === "sarif") {
    const { sarifFor } = await import("./report/sarif.js")
    await write(sarifFor(report, version))
  } else if (form === "fingerprints") {
    const { entriesFor } = await import("./allow/exceptions.js")
    const entries = await entriesFor(report.findings, !report.settings.read)
    if (entries !== "") await write(entries)
    else if (report.findings.length > 0) say("nothing of what was found can have an entry")
  } else if (form === "json") {
    const { jsonFor } = await import("./report/report.js")
    await write(jsonFor(report))
  } else if (hasSomethingToSay(report, subject)) {
    const { linesFor } = await import("./report/report.js")
    for (const line of linesFor(report, subject)) say(line)
  }
}

async function tellExplanation(report: Report, { form, write, say }: GuardRequest) {
  const explanation = await import("./report/explanation.js")
  if (form === "json") await write(explanation.explanationJson(report))
  else {
    await write(explanation.explanationText(report))
    for (const line of explanation.explanationNotes(report)) say(line)
  }
}

/** A commit or a push in which nothing was found goes on without a word. */
function hasSomethingToSay(report: Report, subject: Subject): boolean {
  const { findings, stale, ownValues } = report
  const isFound = findings.length + stale.length + report.public.length > 0
  return stopped(subject) === undefined || isFound || ownValues.why !== undefined
}
