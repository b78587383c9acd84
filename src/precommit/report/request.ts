import type { Environment } from "../../core/guard.js"
import type { Finding, Stale } from "./finding.js"

/** The file where people write down what is a secret here, and what is not. See settings.ts. */
export const SETTINGS_FILE = ".agent-vault-guard.yaml"

/** What the guard is asked to look at. */
export type Subject =
  | { readonly is: "staged" }
  /** `A..B`, or any other revisions that `git log` takes as one word. */
  | { readonly is: "range"; readonly range: string }
  /** Every file of the index and of HEAD. */
  | { readonly is: "all" }
  | { readonly is: "text"; readonly bytes: Uint8Array }
  /** Files and folders of the work tree, as the user typed them. */
  | { readonly is: "paths"; readonly paths: readonly string[] }

/** The form of the report: for people on stderr, or one document on stdout. */
export type ReportForm = "people" | "json" | "sarif" | "fingerprints"

/** What the guard gets from the process that runs it. */
export interface GuardRequest {
  readonly subject: Subject
  readonly form: ReportForm
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
  /** Files that were searched for private keys and own values only, with their size in bytes. */
  readonly large: readonly { readonly path: string; readonly size: number }[]
  /** Whether {@link SETTINGS_FILE} was read; if one is there that was not, why. */
  readonly settings: { readonly read: boolean; readonly why?: string }
  /** Whether this vault's own values were looked for; if not, why. */
  readonly ownValues: { readonly looked: boolean; readonly why?: string }
}
