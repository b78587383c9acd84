/** The rules that are no data: a value of the vault, and any value in an env file. */
export const OWN_VALUE = "own-value"
export const ENV_FILE = "env-file"

/** A reason to stop a commit. */
export interface Finding {
  readonly rule: string
  /** What it is; where a rule says so of itself, it is looked up when it is told: titles.ts. */
  readonly title?: string
  readonly path: string
  /** Counted from 1, the column in UTF-16 code units; of a whole file, both 1. */
  readonly line: number
  readonly column: number
  /** What may be shown of it: never the value. */
  readonly excerpt?: string
  /** What else there is to say, and what to do about it. */
  readonly message?: string
  readonly hint?: string
  /** Whether it is a private key under a passphrase. */
  readonly encrypted?: true
  /** Whether it stands in the name of the file, not in the file. */
  readonly inName?: true
  /** The secret of the vault whose value it is. */
  readonly secret?: string
  /** The commit that added it, where it is made already. */
  readonly commit?: string
  /**
   * The text that was found: to tell what is new from what was there, and for exceptions. It is
   * never shown, and never written anywhere.
   */
  readonly text?: string
}

/** An inline comment or an entry that allows nothing. */
export interface Stale {
  readonly path: string
  readonly line?: number
  /** Undefined for a comment that was meant to be an exception, and is none. */
  readonly rule: string | undefined
}
