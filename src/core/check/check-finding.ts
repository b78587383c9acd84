import { type ErrorCode, VaultError } from "../words/errors.js"
import { fileWord } from "../words/shell-word.js"

/** Something a check found. `refused` is what a reader would refuse; the rest needs attention. */
export interface CheckFinding {
  readonly severity: "refused" | "attention"
  readonly code:
    | ErrorCode
    | "EXPOSED"
    | "EXPIRED"
    | "EXPIRING"
    | "STRAY_FILE"
    | "REMOVED"
    | "OBJECT_MISSING"
    | "SHALLOW"
  /** The path or name that it is about. */
  readonly subject: string
  readonly message: string
  readonly hint?: string
}

/** An error as a finding: what is refused stays what it is. */
export function toFinding(subject: string, error: unknown): CheckFinding {
  if (!(error instanceof VaultError)) throw error
  const { code, message, hint } = error
  const severity = error.exitCode === 5 && code !== "MANIFEST_INVALID" ? "refused" : "attention"
  return { severity, code, subject, message, ...(hint === undefined ? {} : { hint }) }
}

/** Whether a finding is among others: what is refused here is so in each comparison too. */
export function isTold(finding: CheckFinding, others: readonly CheckFinding[]): boolean {
  const { code, subject, message } = finding
  return others.some(
    (each) => each.code === code && each.subject === subject && each.message === message,
  )
}

/** What has not come as far as it had. */
export function rolledBack(subject: string, message: string): CheckFinding {
  return { severity: "refused", code: "ROLLED_BACK", subject, message }
}

/** A finding that no reader refuses. */
export function attention(
  code: CheckFinding["code"],
  subject: string,
  message: string,
  hint: string,
): CheckFinding {
  return { severity: "attention", code, subject, message, hint }
}

/** The hint for a file of the vault that is missing or broken. */
export function restore(path: string): string {
  return `bring it back: git restore -- ${fileWord(path)}`
}
