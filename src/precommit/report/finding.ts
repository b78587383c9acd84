/** The rules that exist only in code: a value of the vault, and any value in an env file. */
export const OWN_VALUE = "own-value"
export const ENV_FILE = "env-file"

/** A reason to stop a commit. */
export interface Finding {
  readonly rule: string
  /** What it is. Undefined where the rule says so: titles.ts looks that up when it is shown. */
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
  /** Whether it is made to be published: it is told, and stops no commit. */
  readonly public?: true
  /** Whether it was found in the name of the file, not in the file. */
  readonly inName?: true
  /** The secret of the vault whose value it is. */
  readonly secret?: string
  /** The folder of that vault, where it is not the one around the folder in which the guard starts. */
  readonly vault?: string
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
  /** Undefined for a comment that fails to be an exception. */
  readonly rule: string | undefined
}
