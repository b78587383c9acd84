import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process"
import {
  closeSync,
  constants as files,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from "node:fs"
import { type Server, Socket } from "node:net"
import { constants, devNull, tmpdir } from "node:os"
import { join } from "node:path"
import { kill, env as ourEnvironment, platform, versions } from "node:process"
import type { Readable } from "node:stream"
import { steadyPath } from "../../core/index.js"
import type { ProgramInside } from "../../serving/blind-program.js"

/** What to start. */
export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** What of the environment is a secret's, or was chosen with them. */
  readonly given?: ReadonlyMap<string, string> | undefined
  /** Where what is started makes a network and processes of its own for the program. */
  readonly inside?: LaunchInside | undefined
  /** Called when it has begun. */
  readonly begun?: (() => void) | undefined
  /** Where its output goes that is not ours to print: beside our report, or nowhere. */
  readonly output?: "to stderr" | "nowhere" | undefined
  /** Where it is not to be in front of our terminal: its folder, and all that it reads. */
  readonly apart?: { readonly cwd: string; readonly stdin: string | Uint8Array } | undefined
}

/** What is to be known of a program that begins after it was started. */
interface LaunchInside extends Pick<
  ProgramInside,
  "meanwhile" | "programInside" | "openRefusedCalls"
> {
  /** Takes its listener. Resolves to what is answered, for the program to begin. */
  readonly take: (listener: Server) => Promise<string>
}

type StdioPipes = ("inherit" | "pipe" | "ignore" | "ipc" | number)[]

/** A program that runs. */
export interface Child {
  /** Its exit code, or 128 and the number of the signal that ended it. */
  readonly ended: Promise<number>
  /** What it writes, if that comes to us: first stdout, then stderr. */
  readonly written: readonly Readable[]
  readonly pid: number
  /** The signal that ended it, once it has ended, if one did. */
  readonly endedBy: () => NodeJS.Signals | null
  pass(signal: NodeJS.Signals): void
}

const DESCRIPTOR_OF_STDERR = 2
const DESCRIPTOR_OF_INFO = 4
const OURS_TO_CLOSE = 15
/** `O_CLOEXEC` of Linux, as `/proc` tells it. */
const CLOSED_IN_CHILD = 0o2000000
/** Of a pipe's descriptor Deno 2.9 makes no stream, and Bun 1.4 one on which nothing ever comes. */
const READS_DESCRIPTORS = !("bun" in versions || "deno" in versions)

/**
 * Starts a program with our own stdin, or `apart` from us. Its output goes where ours does, or comes
 * to us if it is `captured`. Throws `COMMAND_NOT_FOUND`, `COMMAND_NOT_STARTED`.
 */
export async function start(command: Launch, isCaptured: boolean): Promise<Child> {
  if (!isCaptured) return asChild(command, await spawned(command, "inherit"))
  const pipes = makePipes("stdout", "stderr")
  const input = inputOf(command)
  if (pipes === undefined) return asChild(command, await spawned(command, [input, "pipe", "pipe"]))
  let child: ChildProcess
  try {
    child = await spawned(command, [input, ...pipes.map(({ written }) => written)])
  } catch (error) {
    for (const { read } of pipes) closeSync(read)
    throw error
  } finally {
    // The child alone holds these ends: when it closes them, we see the end of its output.
    for (const { written } of pipes) closeSync(written)
  }
  // Not before: to make streams takes as long as the program takes to begin, beside it.
  return asChild(command, child, pipes.map(readable))
}

function inputOf({ apart }: Launch): StdioPipes[number] {
  if (apart === undefined) return "inherit"
  return apart.stdin.length === 0 ? "ignore" : "pipe"
}

function asChild(
  { inside }: Launch,
  child: ChildProcess,
  written = [child.stdout, child.stderr],
): Child {
  const pass = inside === undefined ? child.kill.bind(child) : passInside(child, inside)
  return {
    ended: endOf(child),
    written: written.filter((stream) => stream !== null),
    pid: child.pid ?? 0,
    endedBy: () => child.signalCode,
    pass,
  }
}

/**
 * Passes signals to the program that our child makes: who ends the child gives the program no time to
 * end by itself. Until it is there, the first signal of a kind is for who takes its listener alone: a
 * bubblewrap that ends that early leaves what it made, to which nothing says to end with it.
 */
function passInside(child: ChildProcess, inside: LaunchInside): Child["pass"] {
  const innermost = programIn(child, inside)
  const early = new Set<NodeJS.Signals>()
  return (signal) => {
    const program = innermost()
    if (program !== undefined) signalTo(program, signal)
    else if (early.has(signal)) child.kill(signal)
    else early.add(signal)
  }
}

function programIn({ stdio }: ChildProcess, { programInside }: LaunchInside) {
  let info = ""
  const said = stdio[DESCRIPTOR_OF_INFO] as Readable | null | undefined
  said?.on("data", (chunk: Buffer) => (info += chunk.toString()))
  return () => programInside(info)
}

function signalTo(process: number, signal: NodeJS.Signals): void {
  try {
    kill(process, signal)
  } catch {
    // It has ended, or became another user's: as with a child of our own, it goes on without.
  }
}

/** Its exit code, or 128 and the number of the signal that ended it. */
export function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => {
      resolve(signal === null ? (code ?? 0) : 128 + constants.signals[signal])
    })
  })
}

async function spawned(launch: Launch, streams: "inherit" | StdioPipes): Promise<ChildProcess> {
  const { command, args, env, inside, apart, begun = () => {} } = launch
  // In a session of its own: no terminal is its, and all that comes of it can be ended together.
  const place = apart === undefined ? {} : { cwd: apart.cwd, detached: true }
  try {
    const three: StdioPipes = streams === "inherit" ? streamsOf(launch) : streams
    const child = inside
      ? spawnedAlone(launch, inside, three, place)
      : spawn(command, args, { env, stdio: three, ...place })
    if (inside !== undefined) handOver(child, inside.take, begun)
    await new Promise((resolve, reject) => {
      child.once("spawn", resolve)
      child.once("error", reject)
    })
    if (inside === undefined) begun()
    else inside.meanwhile()
    // A child that became another user's may refuse a signal later. It goes on without.
    child.on("error", () => {})
    if (apart !== undefined) feed(child, apart.stdin)
    return child
  } catch (error) {
    const { notStarted } = await import("./not-started.js")
    throw notStarted(command, env, error, apart?.cwd)
  }
}

/**
 * With nothing but these streams. What whoever started us left open would lead out of the isolation;
 * Node keeps it from our children up to descriptor 15, so in the place of what is above is nothing.
 */
function spawnedAlone(
  { command, args, env }: Launch,
  { openRefusedCalls }: LaunchInside,
  three: StdioPipes,
  place: Pick<SpawnOptions, "cwd" | "detached">,
): ChildProcess {
  const [left, calls, nothing] = [leftOpen(), openRefusedCalls(), openSync(devNull, "r+")]
  try {
    const stdio: StdioPipes = [...three, "ipc", "pipe", calls]
    for (const descriptor of left) {
      while (stdio.length < descriptor) stdio.push("ignore")
      stdio.push(nothing)
    }
    return spawn(command, args, { env, stdio, ...place })
  } finally {
    for (const each of [calls, nothing]) closeSync(each)
  }
}

/** Descriptors above those of which Node takes care that are not closed in a child. */
function leftOpen(): number[] {
  const all = readdirSync("/proc/self/fd").map(Number)
  return all.filter((each) => each > OURS_TO_CLOSE && isLeftOpen(each)).toSorted((a, b) => a - b)
}

function isLeftOpen(descriptor: number): boolean {
  try {
    const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8")
    const [, flags = "0"] = /^flags:\s*([0-7]+)/m.exec(info) ?? []
    return (Number.parseInt(flags, 8) & CLOSED_IN_CHILD) === 0
  } catch {
    // The one by which this is read has gone.
    return false
  }
}

/** All that it reads. It may end without reading, which is no failure of ours. */
function feed({ stdin }: ChildProcess, text: string | Uint8Array): void {
  stdin?.on("error", () => {}).end(text)
}

/** Its three streams, where none of them comes to us. */
function streamsOf({ output }: Launch): StdioPipes {
  if (output === "nowhere") return ["ignore", "ignore", "ignore"]
  return ["inherit", output === undefined ? "inherit" : DESCRIPTOR_OF_STDERR, "inherit"]
}

/**
 * A program whose listener nobody took does not begin; its own end is told like any other. Nor does
 * one whose isolation has ended: it would be alone.
 */
function handOver(child: ChildProcess, take: LaunchInside["take"], begun: () => void): void {
  child.once("exit", () => {
    if (child.connected) child.disconnect()
  })
  child.once("message", (_said, handed) => {
    const listener = handed as Server
    take(listener).then(
      (answer) =>
        void child.send(answer, (error) => {
          if (!error) begun()
        }),
      () => {
        // As long as something listens here, this process does not end either.
        listener.close()
        child.disconnect()
      },
    )
  })
}

/** The descriptors of a pipe's two ends: ours, and the child's. */
export interface Pipe {
  readonly read: number
  readonly written: number
}

/** What comes out of a pipe, which is closed with it. */
export function readable({ read }: Pipe): Readable {
  return new Socket({ fd: read, readable: true, writable: false })
}

/**
 * Real pipes: on Node's sockets `> /dev/stderr` fails, and a writer gets no SIGPIPE. `mkfifo` makes
 * them, which knows our PATH alone; their names are gone at once. Undefined where it cannot.
 */
export function makePipes(...names: readonly string[]): readonly Pipe[] | undefined {
  if (platform === "win32" || !READS_DESCRIPTORS) return undefined
  let folder: string | undefined
  try {
    folder = mkdtempSync(join(tmpdir(), "agent-vault-run-"))
    const paths = names.map((name) => join(folder ?? "", name))
    const env = { PATH: steadyPath(ourEnvironment["PATH"]) }
    const { status } = spawnSync("mkfifo", ["-m", "600", ...paths], { env, stdio: "ignore" })
    return status === 0 ? paths.map(openPipe) : undefined
  } catch {
    return undefined
  } finally {
    if (folder !== undefined) {
      for (const name of readdirSync(folder)) unlinkSync(join(folder, name))
      rmdirSync(folder)
    }
  }
}

function openPipe(file: string): Pipe {
  // Without waiting for a writer; then there is a reader, and the writer need not wait either.
  const read = openSync(file, files.O_RDONLY | files.O_NONBLOCK)
  try {
    return { read, written: openSync(file, files.O_WRONLY) }
  } catch (error) {
    closeSync(read)
    throw error
  }
}

/** The code of a system's error, to be put behind a message. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? ` (${String(error.code)})` : ""
}
