/**
 * Every error that a user can meet, by its stable code, with the exit code the CLI ends with.
 * The codes are part of the public interface: CLI, `--json`, SDK, MCP and Python use the same ones.
 */
const EXIT_CODES = {
  // 2: the call itself is wrong
  USAGE: 2,
  NAME_INVALID: 2,
  NO_TERMINAL: 2,
  VALUE_AS_ARGUMENT: 2,
  VALUE_TOO_LARGE: 2,
  VALUE_NOT_TEXT: 2,
  CLOSED: 2,
  CONFIG_INVALID: 2,
  RECIPIENT_INVALID: 2,
  KEYS_MIXED: 2,
  // 3: something named does not exist
  NO_VAULT: 3,
  NO_REPOSITORY: 3,
  NO_GIT: 3,
  RUNTIME_UNSUPPORTED: 3,
  FORMAT_NEWER: 3,
  NO_IDENTITY: 3,
  KEY_NOT_FOUND: 3,
  AGENT_NOT_FOUND: 3,
  GROUP_NOT_FOUND: 3,
  OWNER_NOT_FOUND: 3,
  SECRET_NOT_FOUND: 3,
  NO_ESCROW: 3,
  SERVER_NOT_FOUND: 3,
  SERVICE_NOT_FOUND: 3,
  PROXY_NOT_RUNNING: 3,
  MCP_NOT_LISTENING: 3,
  // 4: denied, or not trusted
  NOT_GRANTED: 4,
  GRANT_ENDED: 4,
  NOT_OWNER: 4,
  OWNER_KEY_UNASKED: 4,
  REVEAL_REFUSED: 4,
  UNCONFIRMED: 4,
  SOURCE_UNAGREED: 4,
  USE_REFUSED: 4,
  POLICY_REFUSED: 4,
  UNTRUSTED: 4,
  TRUST_MISMATCH: 4,
  KEY_INVALID: 4,
  KEY_WRONG_VAULT: 4,
  KEY_UNSAFE: 4,
  PASSPHRASE_WRONG: 4,
  KEYCHAIN_FAILED: 4,
  SHARES_INVALID: 4,
  NO_ACCESS: 4,
  AUDIT_UNWRITABLE: 4,
  ASK_REFUSED: 4,
  PROXY_TOKEN_WRONG: 4,
  AUTHORITY_REFUSED: 4,
  REQUEST_REFUSED: 4,
  TARGET_REFUSED: 4,
  PLACEHOLDER_REFUSED: 4,
  UPSTREAM_UNTRUSTED: 4,
  ISOLATION_UNAVAILABLE: 4,
  GATE_REFUSED: 4,
  // 5: what is on disk is not what an owner signed
  FOREIGN_VAULT: 5,
  FILE_UNSAFE: 5,
  MANIFEST_INVALID: 5,
  RECORD_INVALID: 5,
  SIGNATURE_INVALID: 5,
  DIGEST_MISMATCH: 5,
  RECIPIENT_MISMATCH: 5,
  NOT_A_READER: 5,
  CIPHERTEXT_DAMAGED: 5,
  REPLY_REFUSED: 5,
  ROLLED_BACK: 5,
  AUDIT_BROKEN: 5,
  SEALED_TO_OLD_KEY: 6,
  // 6: conflict, locked, busy or pending
  PENDING: 6,
  PLAN_CHANGED: 6,
  EXISTS: 6,
  VAULT_DIRTY: 6,
  REPOSITORY_STATE: 6,
  CONFLICT: 6,
  LOCKED: 6,
  BUSY: 6,
  GIT_FAILED: 6,
  PORT_TAKEN: 6,
  ROTATION_FAILED: 6,
  SOURCE_FAILED: 6,
  LEASE_FAILED: 6,
  UPSTREAM_UNREACHABLE: 6,
  BUG: 70,
  // What `env` and shells end with for a command that they cannot start
  COMMAND_NOT_STARTED: 126,
  COMMAND_NOT_FOUND: 127,
  INTERRUPTED: 130,
} as const

/** A stable error code, for example `NOT_GRANTED`. */
export type ErrorCode = keyof typeof EXIT_CODES

/** What a {@link VaultError} may carry besides its code and message. */
export interface ErrorDetails {
  /** The next command to type, or the way out in one sentence. */
  readonly hint?: string
  readonly cause?: unknown
}

/**
 * The one error class. `message` names its subject and never holds a secret value; `hint` is the
 * next command to type. Text that came from the repository is escaped where it is rendered.
 */
export class VaultError extends Error {
  override readonly name = "VaultError"
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(withoutKeys(message), details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.hint = details.hint === undefined ? undefined : withoutKeys(details.hint)
  }

  /** The exit code that the CLI ends with: 2 to 6, 70 or 130. */
  get exitCode(): number {
    return EXIT_CODES[this.code]
  }

  /** Whether `error` is a VaultError, of this code if one is given. */
  static is(error: unknown, code?: ErrorCode): error is VaultError {
    return isVaultError(error) && (code === undefined || error.code === code)
  }
}

/** Outside of the class: a bundler renames one that names itself, and stack traces show that. */
function isVaultError(error: unknown): error is VaultError {
  if (error instanceof VaultError) return true
  // Of another copy of this module: each bundle has its own, and so has a test that loads it anew.
  if (!(error instanceof Error) || error.name !== "VaultError" || !("code" in error)) return false
  return Object.hasOwn(EXIT_CODES, String(error.code))
}

/** An identity, or a share of one, that somebody gave where a name or a path belongs is not repeated. */
function withoutKeys(text: string): string {
  return text
    .replace(/AGE-SECRET-KEY-[0-9A-Z-]+/gi, "AGE-SECRET-KEY-…")
    .replace(/agent-vault-share-1:[^\s"']+/gi, "agent-vault-share-1:…")
}
