import { fstatSync, writeSync } from "node:fs"
import { platform } from "node:process"
import { isatty } from "node:tty"
import { isErrno } from "../../core/index.js"
import type { Early } from "./terminal.js"

const DESCRIPTORS = { stdin: 0, stdout: 1, stderr: 2 } as const

/**
 * The process's own streams before they are made. `isMade` says that one of them is: what it holds
 * back still comes before anything that is written now.
 */
export function earlyStreams(isMade: () => boolean): Early {
  return {
    isTerminal(stream) {
      const descriptor = DESCRIPTORS[stream]
      // Node loads sockets to answer, and most are none.
      return fstatSync(descriptor).isCharacterDevice() && isatty(descriptor)
    },
    write(bytes) {
      return isMade() || !takesAll() ? bytes.length : writeWhole(bytes)
    },
  }
}

/** As Node's own streams, these take all before they return, but on Windows. */
function takesAll(): boolean {
  const stdout = fstatSync(DESCRIPTORS.stdout)
  return platform !== "win32" && (stdout.isFIFO() || stdout.isFile() || stdout.isSocket())
}

function writeWhole(bytes: Uint8Array): number {
  let left = bytes.length
  try {
    while (left > 0) left -= writeSync(DESCRIPTORS.stdout, bytes, bytes.length - left)
  } catch (error) {
    // Somebody has it in such a way that nobody waits for it: the stream knows when it takes more.
    if (!isErrno(error, "EAGAIN")) throw error
  }
  return left
}
