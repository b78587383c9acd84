import { closeSync, openSync, readFileSync, readSync } from "node:fs"
import { holds } from "./blind.js"

/** Bytes that are read at once. */
const CHUNK = 8 * 2 ** 20
/** So much of a chunk is looked at again with the next one. */
const OVERLAP = 1024

/** Whether the memory of a process holds a value in any form, as whoever may trace it sees it. */
export function memoryHolds(pid: number, value: string): boolean {
  const memory = openSync(`/proc/${pid}/mem`, "r")
  try {
    return regionsOf(pid).some(([from, to]) => {
      for (let at = from; at < to; at += CHUNK) {
        const size = Math.min(CHUNK + OVERLAP, to - at)
        if (holds(read(memory, at, size), value)) return true
      }
      return false
    })
  } finally {
    closeSync(memory)
  }
}

/** What of its address space can be read. */
function regionsOf(pid: number): [number, number][] {
  const lines = readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")
  return lines.flatMap((line) => {
    const [, from = "", to = ""] = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line) ?? []
    return from === "" || /\[v/.test(line) ? [] : [[parseInt(from, 16), parseInt(to, 16)]]
  })
}

/** What was unmapped meanwhile holds nothing any more. */
function read(memory: number, at: number, size: number): Uint8Array {
  const bytes = Buffer.alloc(size)
  try {
    return bytes.subarray(0, readSync(memory, bytes, 0, size, at))
  } catch {
    return Buffer.alloc(0)
  }
}
