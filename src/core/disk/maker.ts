import { hash, randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import { kill, pid } from "node:process"
import { isErrno } from "../words/system-error.js"

/** The process that made a lock, or a file that another process may have to remove. */
export interface Maker {
  readonly pid: number
  readonly host: string
  /** When it started, as the system counts it: a pid alone may be another's by now. */
  readonly started: string | undefined
}

const NAME = /-(\d{1,10})-(\d{1,20})-([0-9a-f]{8})-[0-9a-f]{16}$/

let own: Maker | undefined
let ownName: string | undefined

/** This process. */
export function thisProcess(): Maker {
  own ??= { pid, host: hostname(), started: startOf(pid) }
  return own
}

/** Whether a process of this host is gone; of another host nobody here can tell. */
export function isGone(maker: Maker): boolean {
  return maker.host === hostname() && !isRunning(maker.pid, maker.started)
}

/** A name that says who made it, after a `prefix` that ends with `-`: `PID-START-HOST-RANDOM`. */
export function nameByMaker(prefix: string): string {
  const { host, started = "0" } = thisProcess()
  ownName ??= `${pid}-${started}-${shortened(host)}`
  return `${prefix}${ownName}-${randomBytes(8).toString("hex")}`
}

/**
 * Whether the process that a name of {@link nameByMaker} tells of is gone; `elsewhere` if it ran on
 * another host, where nobody here can ask; `unknown` if the name tells of none, and is not ours.
 */
export function fateOfMaker(name: string): "gone" | "running" | "elsewhere" | "unknown" {
  const [, id, started, host] = NAME.exec(name) ?? []
  if (id === undefined) return "unknown"
  if (host !== shortened(hostname())) return "elsewhere"
  return isRunning(Number(id), started === "0" ? undefined : started) ? "running" : "gone"
}

function isRunning(id: number, started: string | undefined): boolean {
  try {
    kill(id, 0)
  } catch (error) {
    return !isErrno(error, "ESRCH")
  }
  return started === startOf(id)
}

/**
 * When a process started, in clock ticks since boot (Linux, proc(5) fields 3 and 22); undefined
 * for a zombie, which runs no more, and on other systems.
 */
export function startOf(process: number | string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${process}/stat`, "utf8")
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return state === "Z" ? undefined : fields[18]
  } catch {
    return undefined
  }
}

function shortened(host: string): string {
  return hash("sha256", host).slice(0, 8)
}
