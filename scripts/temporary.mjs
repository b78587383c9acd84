// Where tests make their folders: in memory, where there is room. A commit waits for the disk a dozen
// times, and tests make thousands of commits.
import { execFileSync } from "node:child_process"
import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { freemem, tmpdir } from "node:os"
import { join } from "node:path"

const MEMORY = "/dev/shm"
/** The tests together take up some hundred MB there; four times that is room. */
const ROOM = 4 * 2 ** 30

/** The folder for the folders of tests: the caller's TMPDIR, memory, or the system's folder. */
export function temporaryFolder() {
  return process.env["TMPDIR"] === undefined && isFit(MEMORY) ? MEMORY : tmpdir()
}

/**
 * Whether a folder has room, and programs may be run in it.
 *
 * @param {string} folder
 */
function isFit(folder) {
  try {
    const { bavail, bsize } = statfsSync(folder)
    if (Math.min(bavail * bsize, freemem()) < ROOM) return false
    const made = mkdtempSync(join(folder, "agent-vault-try-"))
    try {
      const program = join(made, "program")
      writeFileSync(program, "#!/bin/sh\n")
      chmodSync(program, 0o755)
      execFileSync(program)
      return true
    } finally {
      rmSync(made, { recursive: true })
    }
  } catch {
    return false
  }
}
