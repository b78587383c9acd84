import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "vitest"
import { Machine, type Ran } from "../cli/machine.js"

/** A clock that is a day behind: Node loads it before a program. */
const YESTERDAY = `
const day = 24 * 3600 * 1000
const Today = Date
globalThis.Date = class extends Today {
  constructor(...given) {
    if (given.length === 0) super(Today.now() - day)
    else super(...given)
  }
  static now() {
    return Today.now() - day
  }
}
`

/** A bare remote, and machines that share nothing but it and what people carry between them. */
export class Town {
  /** What is carried from one machine to another: a stick, a message, a sheet of paper. */
  readonly carried: string
  readonly #folder = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-day ")))
  readonly #origin = join(this.#folder, "origin.git")
  readonly #machines: Machine[] = []

  constructor() {
    this.carried = join(this.#folder, "carried")
    mkdirSync(this.carried)
    writeFileSync(join(this.#folder, "yesterday.cjs"), YESTERDAY)
    execFileSync("git", ["init", "--quiet", "--bare", "-b", "main", this.#origin])
  }

  /** A machine whose repository follows the remote, which may be empty still. */
  machine(): Machine {
    const machine = new Machine()
    this.#machines.push(machine)
    rmSync(machine.repo, { recursive: true })
    execFileSync("git", ["clone", "--quiet", this.#origin, machine.repo], { stdio: "ignore" })
    return machine
  }

  /** Types a line at a machine, which must end well. What it showed. */
  async at(machine: Machine, line: string): Promise<Ran> {
    const ran = await machine.shell(line)
    expect(ran.code, `${line}\n${ran.stdout}${ran.stderr}`).toBe(0)
    return ran
  }

  /** Types a line, the day before. */
  yesterday(machine: Machine, line: string): Promise<Ran> {
    const clock = join(this.#folder, "yesterday.cjs")
    return this.at(machine, `export NODE_OPTIONS='--require "${clock}"'; ${line}`)
  }

  /** Types a line that must end with this code, which is not 0. All that it showed. */
  async refused(machine: Machine, line: string, code: number): Promise<string> {
    const ran = await machine.shell(line)
    expect(ran.code, `${line}\n${ran.stdout}${ran.stderr}`).toBe(code)
    return ran.stdout + ran.stderr
  }

  /** What a command prints as JSON. */
  async json(machine: Machine, line: string): Promise<Readonly<Record<string, unknown>>> {
    return JSON.parse((await this.at(machine, line)).stdout) as Record<string, unknown>
  }

  /** Makes a key where its holder is: the line that asks to be let in, and what to compare. */
  async join(machine: Machine, who: string): Promise<{ line: string; fingerprint: string }> {
    const { stdout } = await this.at(machine, `agent-vault join ${who} --json`)
    return JSON.parse(stdout) as { line: string; fingerprint: string }
  }

  /** The value that an agent reads on a machine. */
  async read(machine: Machine, agent: string, name: string): Promise<string> {
    return (await this.at(machine, `agent-vault get ${name} --agent ${agent}`)).stdout
  }

  /** Every machine that is not lost. */
  get machines(): readonly Machine[] {
    return this.#machines
  }

  /** A machine that is gone, with all that was on it. */
  lose(machine: Machine): void {
    this.#machines.splice(this.#machines.indexOf(machine), 1)
    machine.remove()
  }

  remove(): void {
    for (const machine of this.#machines) machine.remove()
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Where a machine keeps the key of an agent, or its owner's. */
export function keyFile(machine: Machine, agent?: string): string {
  const file = agent === undefined ? "owner.key" : `agents/${agent}.key`
  return ofVault(join(machine.home, ".config/agent-vault"), file)
}

/** Where a machine notes what an agent did on it. */
export function auditFile(machine: Machine, agent: string): string {
  return ofVault(join(machine.home, ".local/state/agent-vault"), `audit/agents/${agent}.jsonl`)
}

/** A file in the folder of the one vault that a machine knows. */
function ofVault(home: string, file: string): string {
  return join(home, readdirSync(home).find((name) => /^[0-9a-f]{32}$/.test(name)) ?? "", file)
}
