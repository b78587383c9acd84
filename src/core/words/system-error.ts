import { VaultError } from "./errors.js"

/** An error of a system call, as Node throws it. */
interface SystemError extends Error {
  readonly code: string
  readonly syscall: string
  readonly path?: unknown
}

/** What errno(3) means to a person. For any other code, the code alone is shown. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EBADF: "the descriptor is closed",
  EBUSY: "it is in use",
  EDQUOT: "the disk quota is used up",
  EFBIG: "it would be too large",
  EIO: "the disk reports an error",
  EISDIR: "it is a folder",
  ELOOP: "it leads through too many symbolic links",
  EMFILE: "too many files are open in this process",
  ENAMETOOLONG: "its name is too long",
  ENFILE: "too many files are open on this machine",
  ENODEV: "there is no such device",
  ENOENT: "it does not exist",
  ENOMEM: "there is no memory left",
  ENOSPC: "the disk is full",
  ENOTDIR: "a folder of its path is not a folder",
  ENOTEMPTY: "it is not empty",
  ENXIO: "there is no such device",
  EPERM: "permission denied",
  EPIPE: "nobody reads it any more",
  EROFS: "the file system is read-only",
  ESTALE: "the network disk has lost it",
  ETXTBSY: "it is being run",
  EXDEV: "it lies on another disk",
}

const HINT =
  "check the permissions of the folder and the space on the disk, then repeat the command"

/** What the system calls do, in a word for a message. */
const VERBS: Readonly<Record<string, string>> = {
  chmod: "change the mode of",
  link: "write",
  mkdir: "make the folder",
  mkdtemp: "make the folder",
  rename: "replace",
  rmdir: "remove",
  unlink: "remove",
  uv_cwd: "find the working directory",
  write: "write",
}

/** What the runtime says of what it cannot do: a cipher, a curve, a descriptor. */
const LACKING = /^ERR_(?:CRYPTO|OSSL|FEATURE_UNAVAILABLE|METHOD_NOT_IMPLEMENTED)/
const NOT_IMPLEMENTED = /not (?:yet )?(?:implemented|supported)/i

/** Whether `error` is a system error with one of these codes. */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code))
}

/** What the system says of a path that cannot be read or changed: `NO_ACCESS`. */
export function inaccessible(verb: string, path: string, cause: unknown): VaultError {
  return new VaultError("NO_ACCESS", `cannot ${verb} ${path}: ${reasonOf(cause)}`, {
    hint: isErrno(cause, "EMFILE", "ENFILE")
      ? "raise the limit (ulimit -n), or open fewer files at once"
      : HINT,
    cause,
  })
}

/** Does something with a path; what the system refuses is `NO_ACCESS`. */
export function accessing<T>(verb: string, path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw isSystemError(error) ? inaccessible(verb, path, error) : error
  }
}

/**
 * Any error as one of ours: a system call that failed is `NO_ACCESS`, a primitive that the runtime
 * lacks is `RUNTIME_UNSUPPORTED`, and only the rest is a `BUG`, whose message may quote what it was
 * given and is not shown.
 */
export function asVaultError(thrown: unknown): VaultError {
  if (thrown instanceof VaultError) return thrown
  if (isSystemError(thrown)) return systemFailure(thrown)
  if (isLacking(thrown)) return unsupported(thrown)
  const name = thrown instanceof Error ? thrown.name : typeof thrown
  return new VaultError("BUG", `something went wrong that should not (${name})`, {
    hint: "please report it with the lines below, and what you did (never a value)",
    cause: thrown,
  })
}

/** Does work that must not hide what was done before it: hands back what went wrong, if anything. */
export function attempted(work: () => void): VaultError | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    return asVaultError(error)
  }
}

/** The refusal of a runtime without something that this program needs. */
export function unsupported(cause?: unknown): VaultError {
  const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : ""
  return new VaultError("RUNTIME_UNSUPPORTED", `this runtime lacks what the vault needs${code}`, {
    hint: "run it with Node 20.19 or later; nothing is wrong with the vault",
    cause,
  })
}

/** Does what every runtime must be able to do: `RUNTIME_UNSUPPORTED` if it is not. */
export function requiring<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof VaultError ? error : unsupported(error)
  }
}

function systemFailure(error: SystemError): VaultError {
  // `spawn` is followed by the command, which may hold anything.
  const [call = ""] = error.syscall.split(" ")
  if (call === "uv_cwd" || call === "getcwd") {
    return new VaultError("NO_ACCESS", `cannot find the working directory: ${reasonOf(error)}`, {
      hint: "cd to a folder that exists, then repeat the command",
      cause: error,
    })
  }
  const path = typeof error.path === "string" && call !== "spawn" ? error.path : "a stream"
  return inaccessible(VERBS[call] ?? "read", path, error)
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return "unknown error"
  const code = "code" in cause ? String(cause.code) : ""
  return REASONS[code] ?? (isSystemError(cause) ? code : cause.message)
}

function isSystemError(error: unknown): error is SystemError {
  return (
    error instanceof Error &&
    "syscall" in error &&
    typeof error.syscall === "string" &&
    "code" in error &&
    typeof error.code === "string"
  )
}

function isLacking(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  const code = "code" in error ? String(error.code) : ""
  return LACKING.test(code) || (error.name !== "TypeError" && NOT_IMPLEMENTED.test(error.message))
}
