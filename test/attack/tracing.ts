import { spawnSync } from "node:child_process"
import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { inflateSync } from "node:zlib"
import { strace } from "../../scripts/strace.mjs"
import { formsOf } from "../../src/core/redactor/forms.js"
import { testUnless } from "../needs.js"
import type { Machine } from "./arena.js"

// Programs are watched by strace: whatever they and their children open, write, send or start is
// searched for values, plain and in every form that the redactor knows.

/** The system calls that are looked at. */
export const WATCHED =
  "execve,openat,open,creat,write,writev,pwrite64,rename,renameat2,linkat,link,sendto,sendmsg"

const found = await strace()

/** Where strace is; empty where there is none. */
export const stracePath = "path" in found ? found.path : ""

/** Why nothing can be watched here. */
export const noStrace = "missing" in found ? found.missing : undefined

/** A test that needs strace. */
export function testWithStrace(name: string, body: () => void | Promise<void>): void {
  testUnless(noStrace, name, body)
}

/** What a program did, and what it printed. */
export interface Traced {
  /** Its system calls, and those of all its children, a line each: `PID call(…)`, strings in hex. */
  readonly calls: readonly string[]
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
}

/** Runs a program under strace, which may let a system call fail: `inject`, as strace(1) has it. */
export function trace(
  machine: Pick<Machine, "folder" | "top" | "env">,
  program: readonly string[],
  {
    stdin = "",
    env = {},
    inject,
  }: { stdin?: string; env?: NodeJS.ProcessEnv; inject?: string } = {},
): Traced {
  const log = join(machine.folder, "trace")
  const [call = ""] = inject?.split(":", 1) ?? []
  const failing = inject === undefined ? [] : ["-e", `inject=${inject}`]
  const calls = ["-e", `trace=${[WATCHED, call].filter(Boolean).join(",")}`, ...failing]
  const watch = ["-f", "-v", "-xx", "-s", "100000", ...calls, "-o", log]
  const { status, stdout, stderr } = spawnSync(stracePath, [...watch, ...program], {
    cwd: machine.top,
    input: stdin,
    env: { ...process.env, ...machine.env, ...env },
    encoding: "latin1",
    maxBuffer: 64 * 1024 * 1024,
  })
  return { calls: readFileSync(log, "latin1").split("\n"), stdout, stderr, code: status }
}

/** The system calls that hold a value in any form. */
export function leaks(calls: readonly string[], value: string): readonly string[] {
  const needles = formsOf(Buffer.from(value)).map(({ bytes }) => escaped(bytes))
  return calls.filter((call) => needles.some((needle) => call.includes(needle)))
}

/** `write(1`, `execve`: which call it was, and on which descriptor. */
export function kindOf(call: string): string {
  const [, name = "", descriptor = ""] = /^\d+ +(\w+)\((\d*)/.exec(call) ?? []
  return descriptor === "" ? name : `${name}(${descriptor}`
}

/** Bytes as `strace -xx` writes them. */
function escaped(bytes: Uint8Array): string {
  return [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")
}

/** A call with its strings readable. */
export function unescaped(call: string): string {
  return call.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  )
}

/** Files under HOME, the repository included, and Git objects, that hold a value in any form. */
export function remains(machine: Pick<Machine, "folder">, value: string): string[] {
  const forms = formsOf(Buffer.from(value))
  const files = readdirSync(machine.folder, { recursive: true, withFileTypes: true })
  return files
    .filter((entry) => entry.isFile() && entry.name !== "trace")
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => {
      const content = readContent(file)
      return forms.some(({ bytes }) => content.includes(bytes))
    })
}

function readContent(file: string): Buffer {
  const bytes = readFileSync(file)
  return /objects\/[0-9a-f]{2}\/[0-9a-f]+$/.test(file) ? inflateSync(bytes) : bytes
}
