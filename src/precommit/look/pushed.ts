import { VaultError } from "../../core/guard.js"
import type { Report } from "../report/request.js"
import { firstOfEach } from "./finding-of.js"
import type { Repository } from "./repository.js"

/** What a push brings to one ref, as revisions of `git log`. */
interface PushedRef {
  /** The commit or the tag that the ref gets. */
  readonly tip: string
  /** What the remote has already, as far as this clone knows. */
  readonly without: readonly string[]
}

/** `LOCAL_REF LOCAL_ID REMOTE_REF REMOTE_ID`: what was typed for the first may hold blanks. */
const LINE = /^.* ([0-9a-f]{40,64}) \S+ ([0-9a-f]{40,64})$/
const NONE = /^0+$/

/**
 * What the lines that Git gives to `pre-push` say. A ref that is deleted brings nothing. Throws
 * `USAGE` for any other line: what is not understood is not pushed.
 */
export async function pushedRefs(
  repository: Repository,
  remote: string,
  lines: string,
): Promise<readonly PushedRef[]> {
  const updates = lines.split("\n").flatMap((line) => {
    if (line === "") return []
    const [, tip, old] = LINE.exec(line) ?? []
    if (tip === undefined || old === undefined) throw notFromGit()
    return NONE.test(tip) ? [] : [{ tip, old }]
  })
  const old = updates.flatMap((update) => (NONE.test(update.old) ? [] : update.old))
  const known = await knownCommits(repository, [...new Set(old)])
  // A remote that has no name here has no branches here either, and an address may look like a pattern.
  const branches = /[*?[\\]/.test(remote) ? [] : [`--remotes=${remote}`]
  const tips = [...new Set(updates.map(({ tip }) => tip))]
  return tips.map((tip) => ({ tip, without: [...branches, ...known] }))
}

/** What was found in several refs: what is in more than one of them is told once. */
export function reportOnAll(reports: readonly Report[]): Report {
  return {
    findings: firstOfEach(reports.flatMap(({ findings }) => findings)),
    public: firstOfEach(reports.flatMap((report) => report.public)),
    files: reports.reduce((sum, { files }) => sum + files, 0),
    allowed: reports.reduce((sum, { allowed }) => sum + allowed, 0),
    stale: reports.flatMap(({ stale }) => stale),
    settings: {
      ...reports.map(({ settings }) => settings).find(({ why }) => why !== undefined),
      read: reports.some(({ settings }) => settings.read),
    },
    ownValues: reports[0]?.ownValues ?? { looked: false },
  }
}

/** Those that this clone has: what somebody else pushed meanwhile it may not. */
async function knownCommits(
  repository: Repository,
  ids: readonly string[],
): Promise<readonly string[]> {
  const commits = await Promise.all(
    ids.map((id) => {
      const asked = ["rev-parse", "--verify", "--quiet", `${id}^{commit}`]
      return repository.git(asked).catch(() => undefined)
    }),
  )
  return commits.flatMap((said) => said?.toString("utf8").trim() ?? [])
}

function notFromGit(): VaultError {
  return new VaultError("USAGE", "a line on stdin is none that Git gives to the hook pre-push", {
    hint: 'let Git start it, in the hook pre-push: agent-vault guard --pre-push "$1"',
  })
}
