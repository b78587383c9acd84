import { VaultError } from "../words/errors.js"
import { harmless } from "../words/harmless.js"

/** Lines of git's own words that a message repeats. */
const LINES = 4

/**
 * What a git that failed means, whoever ran it: `NO_GIT` or `GIT_FAILED`. `cause` is what the system
 * said of the process, or an error with what git printed.
 */
export function gitFailure(args: readonly string[], cause: unknown): VaultError {
  const said = cause instanceof Error ? cause.message : String(cause)
  if (isMissing(cause, said)) {
    return new VaultError("NO_GIT", "there is no git on this machine's PATH", {
      hint: "install Git 2.30 or later",
      cause,
    })
  }
  const command = commandOf(args)
  const { words, hint } = told(said, WITH_REMOTE.has(command))
  return new VaultError("GIT_FAILED", `git ${command}: ${words}`, { hint, cause })
}

function isMissing(cause: unknown, said: string): boolean {
  if (cause instanceof Error && "code" in cause) return cause.code === "ENOENT"
  return said.includes("ENOENT") && said.includes("spawn")
}

/** What to do about a failure that nothing is known about. */
const GENERAL_HINT = "solve what git reports, then repeat the command"

/** Whether a failure has a hint of its own, which a guess at its cause must not replace. */
export function isExplained({ hint }: VaultError): boolean {
  return hint !== GENERAL_HINT
}

/** What a clone lacks that was made with a filter (`git clone --filter=…`). */
export const PARTIAL = {
  words: "this is a partial clone, which lacks objects of its history",
  hint: "fetch them, once: git fetch --refetch --no-filter; then repeat the command",
}

/** What these print may be a remote's words. The repository here has passed by then. */
const WITH_REMOTE: ReadonlySet<string> = new Set(["fetch", "push"])

/** Failures that git explains at length, and what to do about each, as git says it or as we do. */
const KNOWN: readonly {
  readonly sign: RegExp
  readonly words: string
  readonly hint: RegExp | string
  /** Whether only a git that talks to no remote is believed. */
  readonly isHere?: boolean
}[] = [
  {
    sign: /detected dubious ownership/,
    words: "the repository belongs to another user, so git refuses it",
    isHere: true,
    // Nothing else of what git says becomes a line to type.
    hint: /git config --global --add safe\.directory (?:(?:\/|[A-Za-z]:)[\w@%+=:,./~-]*|'(?:\/|[A-Za-z]:|%\(prefix\))[^'*\n]*')$/m,
  },
  {
    // What a killed git wrote into it names no commit, so nobody can tell whose it was.
    sign: /cannot lock references/,
    words: "the tables that hold refs are locked",
    hint: "if no git is at work there, one that was killed left the lock: remove reftable/tables.list.lock in the Git folder, then repeat the command",
  },
  { sign: /lazy fetching disabled|from promisor remote/, ...PARTIAL },
]

function told(said: string, isOfRemote: boolean): { words: string; hint: string } {
  const known = KNOWN.find(({ sign, isHere }) => sign.test(said) && !(isHere && isOfRemote))
  const [advice] = typeof known?.hint === "string" ? [known.hint] : (known?.hint.exec(said) ?? [])
  if (known !== undefined && advice !== undefined) {
    return { words: known.words, hint: harmless(advice.trim()) }
  }
  const lines = said.trim().split("\n", LINES)
  return {
    words: harmless(lines.join(" ").replace(/\s+/g, " ")),
    hint: GENERAL_HINT,
  }
}

/** The git command among its arguments: what stands before it are options and settings. */
function commandOf(args: readonly string[]): string {
  return args.find((arg) => !arg.startsWith("-") && !arg.includes("=")) ?? ""
}
