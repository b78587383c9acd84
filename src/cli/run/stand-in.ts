import { closeSync } from "node:fs"
import type { Terminal } from "../terminal/terminal.js"
import { type Launch, makePipes } from "./child.js"
import { type MonitoredProgram, startMonitored } from "./monitored.js"
import { type PseudoTerminal, pseudoTerminals } from "./pseudo-terminal.js"
import { RawTerminal } from "./raw-terminal.js"
import { isInFront } from "./shell.js"

/** A program at a terminal that stands in for ours, which is raw. */
export interface StandIn {
  readonly program: MonitoredProgram
  readonly theirs: PseudoTerminal
  readonly own: RawTerminal
}

/**
 * Starts a program so. Resolves to why that cannot be. Throws `COMMAND_NOT_FOUND`,
 * `COMMAND_NOT_STARTED`.
 */
export async function standIn(launch: Launch, terminal: Terminal): Promise<StandIn | string> {
  if (!isInFront()) return "it runs in the background"
  const make = await pseudoTerminals()
  if (typeof make === "string") return make
  const own = new RawTerminal()
  const program = await started(launch, terminal).catch((error: unknown) => {
    own.close()
    throw error
  })
  const { columns, rows } = terminal.stdout
  const theirs = make(columns, rows)
  const settings = typeof theirs === "string" ? undefined : await own.enter()
  if (typeof theirs !== "string" && settings !== undefined) {
    await program.begin(theirs.path, settings)
    return { program, theirs, own }
  }
  program.abandon()
  own.close()
  if (typeof theirs === "string") return theirs
  theirs.close()
  return "stty cannot set this one"
}

/** The terminal is ours again. */
export async function putBack({ theirs, own }: StandIn): Promise<void> {
  await own.leave()
  own.close()
  theirs.close()
}

/** Only a stderr that is no terminal stays what it was, a pipe. */
async function started(launch: Launch, { stderr }: Terminal): Promise<MonitoredProgram> {
  if (stderr.isTTY) return startMonitored(launch, "terminal")
  const [pipe] = makePipes("stderr") ?? []
  try {
    return await startMonitored(launch, pipe ?? "pipe")
  } finally {
    if (pipe !== undefined) closeSync(pipe.written)
  }
}
