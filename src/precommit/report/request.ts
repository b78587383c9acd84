import type { Subject } from "../../serving/guarding.js"
import type { Veto } from "../detect/veto.js"
import type { Finding, Stale } from "./finding.js"

/** The file where people write down what is a secret here, and what is not. See settings.ts. */
export const SETTINGS_FILE = ".agent-vault-guard.yaml"

/** What a finding stops: where nothing was found, it goes on without a word. */
export function stopped({ is }: Subject): "commit" | "push" | undefined {
  if (is === "staged") return "commit"
  return is === "push" ? "push" : undefined
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
