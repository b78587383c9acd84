import type { Environment } from "../../core/guard.js"
import type { Veto } from "../detect/veto.js"
import type { Finding, Stale } from "./finding.js"

/** The file where people write down what is a secret here, and what is not. See settings.ts. */
export const SETTINGS_FILE = ".agent-vault-guard.yaml"

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

/** What a finding stops: where nothing was found, it goes on without a word. */
export function stopped({ is }: Subject): "commit" | "push" | undefined {
  if (is === "staged") return "commit"
  return is === "push" ? "push" : undefined
}

/** The form of the report: for people on stderr, or one document on stdout. */
export type ReportForm = "people" | "json" | "sarif" | "fingerprints"

/** What the guard gets from the process that runs it. */
export interface GuardRequest {
  readonly subject: Subject
  readonly form: ReportForm
  /** Whether to say of each match in files or a text what became of it, on stdout. */
  readonly explain?: boolean
  readonly cwd: string
  readonly env: Environment
  /** The version of this program, for SARIF. */
  readonly version: string
  /** Takes a document for stdout; resolves when it is taken. */
  readonly write: (document: string) => Promise<void>
  /** Takes a line for people, on stderr. It is escaped already. */
  readonly say: (line: string) => void
}

/** What the guard found, and what it could not look at. */
export interface Report {
  readonly findings: readonly Finding[]
  /** What is made to be published: nothing is stopped for it. */
  readonly public: readonly Finding[]
  /** How many files were looked at. */
  readonly files: number
  /** How many findings are allowed by exceptions. */
  readonly allowed: number
  readonly stale: readonly Stale[]
  /** Whether {@link SETTINGS_FILE} was read; if one is there that was not, why. */
  readonly settings: { readonly read: boolean; readonly why?: string }
  /** Whether this vault's own values were looked for; if not, why. */
  readonly ownValues: { readonly looked: boolean; readonly why?: string }
  /** Every match of every file, if that was asked for. */
  readonly explained?: readonly ExplainedFile[]
}

/** A place where a rule matched. */
export interface ExplainedMatch {
  /** Counted from 1, the column in UTF-16 code units. */
  readonly line: number
  readonly column: number
  readonly rule: string
  /** What may be shown of it: as of a finding, never the value. */
  readonly excerpt: string
  /** Told, told as public, allowed by an exception, or ended by a veto. */
  readonly outcome: "reported" | "public" | "allowed" | "silenced"
  /** What ended it, of what is not reported. */
  readonly veto?: Veto | "comment" | "entry"
  /** The rule that tells what is there, if it is another one. */
  readonly by?: string
}

/** What a file was looked at for. */
export type LookedFor = "everything" | "shapes" | "keys" | "nothing"

/** Every match in a file, in the order of the file. */
export interface ExplainedFile {
  readonly path: string
  readonly looked: LookedFor
  readonly matches: readonly ExplainedMatch[]
}
