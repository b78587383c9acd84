import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { LIMITS } from "../words/limits.js"
import { readRegularFile } from "../disk/files.js"
import { type AuditLine, decodeAuditLine, linkDigest } from "./audit-line.js"

/** Something in a chain that does not follow what is before it. */
interface ChainFault {
  /** In the file, from 1. */
  readonly line: number
  readonly what: string
}

/** A line, and its own digest. */
interface ChainedLine {
  readonly line: AuditLine
  readonly digest: string
}

/** A file of the audit, read and verified in itself. */
export interface AuditChain {
  readonly file: string
  /** The digest of its first line, which names it; undefined without lines. */
  readonly id: string | undefined
  readonly lines: readonly ChainedLine[]
  /** Pieces between lines: what writes that broke off left, or was there before the first line. */
  readonly pieces: number
  readonly faults: readonly ChainFault[]
}

const NEWLINE = 0x0a

/** The files of a vault's audits on this machine, below its folder; sorted. */
export function auditFiles(folder: string): string[] {
  return ["agents", "owners"].flatMap((role) => {
    const within = join(folder, role)
    if (!existsSync(within)) return []
    const names = readdirSync(within).filter((name) => name.endsWith(".jsonl"))
    return names.sort().map((name) => join(within, name))
  })
}

/**
 * Reads a file and follows its chain. A line that was changed, moved, taken out or put in is a fault
 * at the line behind it: its `prev` is over other bytes. The last line has none behind it. Throws
 * `NO_ACCESS`, `FILE_UNSAFE`. A file that is not there has no lines.
 */
export function readChain(file: string): AuditChain {
  const bytes = Buffer.from(readRegularFile(file, LIMITS.audit, file, "follow") ?? [])
  const lines: ChainedLine[] = []
  const faults: ChainFault[] = []
  let [pieces, number] = [0, 0]
  let last: { readonly start: number; readonly seq: number } | undefined
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, start)
    const end = newline === -1 ? bytes.length : newline
    const line = decodeAuditLine(bytes.subarray(start, end))
    number += 1
    if (line === undefined) pieces += 1
    else {
      const before =
        start === 0 ? undefined : linkDigest(bytes.subarray(last?.start ?? 0, start - 1))
      const what = faultOf(line, before, last?.seq ?? 0)
      if (what !== undefined) faults.push({ line: number, what })
      lines.push({ line, digest: linkDigest(bytes.subarray(start, end)) })
      last = { start, seq: line.seq }
    }
    start = end + 1
  }
  return { file, id: lines[0]?.digest, lines, pieces, faults }
}

function faultOf(line: AuditLine, prev: string | undefined, seq: number): string | undefined {
  if (line.prev !== prev) {
    return line.prev === undefined
      ? "begins a chain in the middle of the file"
      : "does not follow what is before it: that was changed, moved, taken out or put in"
  }
  return line.seq === seq + 1 ? undefined : `is counted ${line.seq} where ${seq + 1} was due`
}
