import { closeSync, constants, openSync, writeSync } from "node:fs"
import { dirname, join } from "node:path"
import { VaultError } from "../words/errors.js"
import { makeFolder } from "../disk/files.js"
import { toJson } from "../words/harmless.js"
import { type Environment, stateHome } from "../disk/homes.js"
import type { ReadEvent } from "../vault/read.js"

/** A line of the audit: a read, and for which program it was. */
export interface AuditLine extends Omit<ReadEvent, "actor"> {
  readonly role: "agent" | "owner"
  readonly actor: string
  /** The name of the program that got the value, without its arguments. */
  readonly command?: string
}

/** Without waiting for somebody who reads from it, if it is a pipe. */
const APPEND = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_NONBLOCK

/** Where the reads of a vault are noted if nobody says where. */
export function auditFile(vault: string, env: Environment): string {
  return join(stateHome(env), vault, "audit.jsonl")
}

/**
 * Appends one line of JSON for each read to a file, which is made for its user alone. The line is
 * written before the value is handed out: throws `NO_ACCESS` if it cannot be.
 */
export function auditTo(file: string, command?: string): (event: ReadEvent) => void {
  return ({ at, actor, door, vault, secret, version }) => {
    const line: AuditLine = {
      at,
      role: actor.role,
      actor: actor.name,
      door,
      vault,
      secret,
      version,
      ...(command === undefined ? {} : { command }),
    }
    append(file, `${toJson(line)}\n`)
  }
}

/** One write in append mode: lines of processes that read at once do not mix. */
function append(file: string, line: string): void {
  try {
    makeFolder(dirname(file), 0o700)
    const handle = openSync(file, APPEND, 0o600)
    try {
      writeSync(handle, line)
    } finally {
      closeSync(handle)
    }
  } catch (cause) {
    const why = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : ""
    throw new VaultError("NO_ACCESS", `the read cannot be noted in ${file}${why}`, {
      hint: "no value is handed out unnoted: make the file writable, or choose another with --audit",
      cause,
    })
  }
}
