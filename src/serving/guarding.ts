// What the command asks of the guard.
import type { Environment } from "../core/index.js"

/** What the guard is asked to look at. */
export type Subject =
  | { readonly is: "staged" }
  /** `A..B`, or any other revisions that `git log` takes as one word, and what is left out. */
  | { readonly is: "range"; readonly range: string; readonly without?: readonly string[] }
  /** What a push to a remote adds, by the lines that Git gives to the hook `pre-push`. */
  | { readonly is: "push"; readonly remote: string; readonly lines: string }
  /** Every file of the index and of HEAD. */
  | { readonly is: "all" }
  | { readonly is: "text"; readonly bytes: Uint8Array }
  /** Files and folders of the work tree, as the user typed them. */
  | { readonly is: "paths"; readonly paths: readonly string[] }

/** The form of the report: for people on stderr, or one document on stdout. */
export type ReportForm = "people" | "json" | "sarif" | "fingerprints"

/** Where the guard works, and whom it tells. */
interface GuardPlace {
  readonly cwd: string
  readonly env: Environment
  /** Takes a document for stdout; resolves when it is taken. */
  readonly write: (document: string) => Promise<void>
  /** Takes a line for people, on stderr. It is escaped already. */
  readonly say: (line: string) => void
}

/** What the guard looks at, and how it tells what it found. */
export interface GuardRequest extends GuardPlace {
  readonly subject: Subject
  readonly form: ReportForm
  /** Whether to say of each match in files or a text what became of it, on stdout. */
  readonly explain?: boolean
  /** The version of this program, for SARIF. */
  readonly version: string
}

/** What becomes of the guard in a repository's hooks. */
export interface InstallRequest extends GuardPlace {
  readonly action: "install" | "uninstall" | "status"
  /** Whether `install` guards pushes too. */
  readonly prePush: boolean
  readonly json: boolean
  /** How this program is started: the command and its first arguments, as absolute paths. */
  readonly program: readonly string[]
  /** Whether a hook may run that this program did not write: the user decides, by its name. */
  readonly mayRun: (hook: string) => Promise<boolean>
}
