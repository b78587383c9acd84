import { readFileSync } from "node:fs"
import { kill } from "node:process"
import { setTimeout as delay } from "node:timers/promises"

/** Resolves when a process has ended, whoever asks for its exit code. */
export async function gone(pid: number): Promise<void> {
  const isRunning = (): boolean => {
    try {
      kill(pid, 0)
      return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
    } catch {
      return false
    }
  }
  while (isRunning()) await delay(5)
}
