import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, expect, test } from "vitest"
import { Machine, vaultMachine } from "./machine.js"
import {
  type CommandStep,
  type Step,
  VAULT,
  difference,
  parseTranscript,
  written,
} from "./transcript.js"
import { doLine } from "./typed-line.js"

/**
 * Runs transcripts/*.txt, each on a machine of its own; how they are written: transcript.ts. With
 * UPDATE_TRANSCRIPTS set, what a command printed replaces what the file expects of it.
 */
const folder = fileURLToPath(new URL("transcripts/", import.meta.url))
const updates = process.env["UPDATE_TRANSCRIPTS"] !== undefined
const machines: Machine[] = []
const template = vaultMachine()

test.concurrent.each(readdirSync(folder).filter((name) => name.endsWith(".txt")))(
  "%s",
  async (name) => {
    const text = readFileSync(join(folder, name), "utf8")
    const machine = text.split("\n").includes(VAULT) ? await vaultCopy() : new Machine()
    machines.push(machine)
    const lines = text.split("\n")
    const problems: string[] = []
    let moved = 0
    for (const step of parseTranscript(text)) {
      const { problem, update } = await play(machine, step)
      if (problem === undefined || !("command" in step)) continue
      problems.push(`${name}:${step.line}: $ ${step.command}\n${problem}`)
      const from = step.line - 1 + moved
      lines.splice(from, step.end - step.line + 1, ...update, "")
      moved += update.length + 1 - (step.end - step.line + 1)
    }
    if (updates) writeFileSync(join(folder, name), lines.join("\n"))
    expect(updates ? [] : problems).toEqual([])
  },
)

afterAll(async () => {
  for (const machine of [...machines, await template]) machine.remove()
})

/** A clone remembers what it sees for the first time, in a dry run too: let it see all first. */
async function vaultCopy(): Promise<Machine> {
  const machine = (await template).copy()
  await machine.call(["list"])
  await machine.call(["apply", "--dry-run"])
  return machine
}

async function play(
  machine: Machine,
  step: Step,
): Promise<{ problem?: string; update: readonly string[] }> {
  if (!("command" in step)) {
    const file = join(machine.repo, step.file)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, step.content)
    return { update: [] }
  }
  const before = step.changesNothing ? machine.fingerprint() : undefined
  const ran = await doLine(machine, step.command)
  const changed = before === undefined ? [] : changes(before, machine.fingerprint())
  const shown = (output: string): string => output.replaceAll(machine.home, "~")
  const seen = { ...ran, stdout: shown(ran.stdout), stderr: shown(ran.stderr) }
  const problem = problemWith(step, seen, changed)
  return { ...(problem === undefined ? {} : { problem }), update: written(step, seen) }
}

function changes(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  const paths = new Set([...before.keys(), ...after.keys()])
  return [...paths].filter((path) => before.get(path) !== after.get(path))
}

function problemWith(
  step: CommandStep,
  ran: { stdout: string; stderr: string; code: number },
  changed: readonly string[],
): string | undefined {
  const [stdout, stderr] = [
    difference(step.stdout, ran.stdout),
    difference(step.stderr, ran.stderr),
  ]
  const problems = [
    ...(stdout === undefined ? [] : [`stdout ${stdout}`]),
    ...(stderr === undefined ? [] : [`stderr ${stderr}`]),
    ...(ran.code === step.code ? [] : [`exit code expected: ${step.code}, but it was ${ran.code}`]),
    ...(changed.length === 0 ? [] : [`it changed ${changed.join(", ")}`]),
  ]
  return problems.length === 0 ? undefined : problems.join("\n")
}
