import { join } from "node:path"
import { listFolder } from "../disk/at-path.js"
import { readRegularFile, removeFile } from "../disk/files.js"
import { thisProcess } from "../disk/maker.js"
import { LIMITS } from "../words/limits.js"
import { attempted } from "../words/system-error.js"
import type { Git, ObjectFolders } from "./git.js"

/** What is moved from the quarantine is written to the disk there. */
export const NOT_SYNCED = ["-c", "core.fsync=none"]
/** A ref that is named, and never made: fast-import wants to know what it builds upon. */
export const SCRATCH = "refs/agent-vault/change"

/** Feeds `git fast-import` (git-fast-import(1), "Input format") and hands back what it answers. */
export async function fastImport(
  git: Git,
  parts: readonly (Uint8Array | string)[],
  objects: ObjectFolders,
): Promise<Buffer> {
  const input = joined([...parts, "done\n"])
  try {
    return await git.run([...NOT_SYNCED, "fast-import", "--quiet", "--done"], { input, objects })
  } catch (error) {
    // The error says it all.
    attempted(() => removeReports(git))
    throw error
  }
}

/** Thousands of short parts, without a buffer for each. */
function joined(parts: readonly (Uint8Array | string)[]): Buffer {
  const lengths = parts.map((part) => Buffer.byteLength(part))
  const all = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + length, 0))
  let at = 0
  for (const [index, part] of parts.entries()) {
    if (typeof part === "string") all.write(part, at)
    else all.set(part, at)
    at += lengths[index] ?? 0
  }
  return all
}

/** A content, as fast-import takes it. */
export function data(bytes: Uint8Array): (Uint8Array | string)[] {
  return [`data ${bytes.length}\n`, bytes, "\n"]
}

/** It names our ref, or this very process; anybody else's may be wanted. */
function isOurs(report: Buffer): boolean {
  if (report.includes(SCRATCH)) return true
  const [, parent] = /^ *parent process *: (\d+)$/m.exec(report.toString("latin1")) ?? []
  return parent === String(thisProcess().pid)
}

/** Removes the reports that a failing fast-import of ours left in the Git folder. */
export function removeReports({ checkout: { gitFolder } }: Git): void {
  for (const name of listFolder(gitFolder)) {
    if (!name.startsWith("fast_import_crash_")) continue
    const file = join(gitFolder, name)
    const bytes = readRegularFile(file, LIMITS.journal)
    if (bytes !== undefined && isOurs(Buffer.from(bytes))) removeFile(file)
  }
}
