import { type ChildProcess, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { bubblewrap } from "../../../scripts/bubblewrap.mjs"
import { formsOf } from "../../../src/core/redactor/forms.js"
import { Service, brokeredWorld, useAt } from "../../broker/proxy/broker-world.js"
import type { World } from "../../core/world.js"
import { bin } from "../arena.js"

export const KEY = "stripe/api-key"

const found = await bubblewrap()
/** Why no program can be isolated here. */
export const noIsolation = "missing" in found ? found.missing : undefined
const tools = "path" in found ? join(found.path, "..") : ""

/**
 * The program that runs blind: it does what lines of its stdin say, and answers each by a line.
 * `send` is a request by what it was given, `burst` many at once; `sh` a shell's output.
 */
const PROGRAM = `
const { execFile } = require("node:child_process")
const { createInterface } = require("node:readline")
const does = {
  async send({ url }) {
    const headers = { authorization: "Bearer " + process.env.STRIPE_API_KEY }
    const reply = await fetch(url, { headers, redirect: "manual" })
    const head = JSON.stringify([...reply.headers])
    return reply.status + " " + head + " " + (await reply.text())
  },
  async burst({ url, times }) {
    const replies = await Promise.all(Array.from({ length: times }, () => does.send({ url })))
    return replies.map((reply) => reply.slice(0, 3)).join(" ")
  },
  sh: ({ script }) => new Promise((resolve) => {
    execFile("sh", ["-c", script], (_error, stdout, stderr) => resolve(stdout + stderr))
  }),
}
createInterface({ input: process.stdin }).on("line", async (line) => {
  const job = JSON.parse(line)
  const said = await does[job.do](job).catch((error) => "failed: " + error + " " + (error.cause ?? ""))
  console.log(JSON.stringify(said))
})`

/** What a blind run is started with. */
export interface BlindOptions {
  readonly isolate: "bwrap" | "none"
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** What starts the command: strace, say. */
  readonly under?: readonly string[]
}

/** A vault whose one secret goes to one service on this machine, and programs that run blind. */
export class BlindWorld {
  readonly value: string
  readonly service: Service
  readonly world: World

  private constructor(value: string, service: Service, world: World) {
    this.value = value
    this.service = service
    this.world = world
  }

  static async start(): Promise<BlindWorld> {
    const value = `canary-${randomBytes(16).toString("hex")}`
    const service = await Service.start("api.localhost")
    const world = await brokeredWorld({ [KEY]: { value, use: [useAt(service, {})] } })
    writeFileSync(join(world.folder, "root.pem"), service.root)
    mkdirSync(join(world.folder, "tmp"))
    // What another user may not see is for the modes of files to say.
    chmodSync(world.folder, 0o755)
    service.handler = (request, response) => {
      const echo = request.headers.authorization ?? ""
      response.writeHead(200, { "X-Echo": echo }).end(JSON.stringify({ echo }))
    }
    return new BlindWorld(value, service, world)
  }

  /** The address of something at the service. */
  url(): string {
    return `https://${this.service.authority}/v1/charges`
  }

  env(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
    const { env, folder } = this.world
    return {
      ...env,
      PATH: `${tools}:${env["PATH"] ?? ""}`,
      NODE_EXTRA_CA_CERTS: join(folder, "root.pem"),
      // What a broker that was killed could not remove goes with this world.
      TMPDIR: join(folder, "tmp"),
      ...more,
    }
  }

  /** Starts the built command with a program that does as it is told. */
  run({ isolate, args = [], env, under = [] }: BlindOptions): BlindProgram {
    const blind = ["run", "--agent", "ci", "--blind", "--isolate", isolate, ...args, "-g", "stripe"]
    const program = ["--", process.execPath, "-e", PROGRAM]
    const [file = "", ...words] = [...under, process.execPath, bin, ...blind, ...program]
    const options = { cwd: this.world.top, env: this.env(env) }
    return new BlindProgram(spawn(file, words, options))
  }

  close(): void {
    this.service.close()
    this.world.remove()
  }
}

/** The command, and the program that it runs. */
export class BlindProgram {
  readonly command: ChildProcess
  /** All that was printed. */
  printed = ""
  readonly ended: Promise<number>
  readonly #answers: string[] = []
  #wake: (() => void) | undefined

  constructor(command: ChildProcess) {
    this.command = command
    this.ended = once(command, "close").then(([code]) => Number(code ?? -1))
    void this.ended.then(() => this.#wake?.())
    command.stdin?.on("error", () => {})
    command.stderr?.on("data", (chunk: Buffer) => (this.printed += chunk.toString()))
    if (command.stdout === null) return
    createInterface({ input: command.stdout }).on("line", (line) => {
      this.printed += `${line}\n`
      this.#answers.push(line)
      this.#wake?.()
    })
  }

  send(url: string): Promise<string> {
    return this.#tell({ do: "send", url })
  }

  /** The statuses of many requests at once. */
  burst(url: string, times: number): Promise<string> {
    return this.#tell({ do: "burst", url, times })
  }

  sh(script: string): Promise<string> {
    return this.#tell({ do: "sh", script })
  }

  /** Lets the program end; its exit code. */
  end(): Promise<number> {
    this.command.stdin?.end()
    return this.ended
  }

  /** Ends it, whatever it does. */
  kill(): Promise<number> {
    this.command.kill("SIGKILL")
    return this.ended
  }

  async #tell(job: object): Promise<string> {
    this.command.stdin?.write(`${JSON.stringify(job)}\n`)
    while (this.#answers.length === 0) {
      if (this.command.exitCode !== null) throw new Error(`it ended: ${this.printed}`)
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    return JSON.parse(this.#answers.shift() ?? "") as string
  }
}

/** The processes below one, itself apart. */
export function descendants(pid: number): number[] {
  const below = new Map<number, number[]>()
  for (const name of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    const parent = parentOf(name)
    if (parent !== undefined) below.set(parent, [...(below.get(parent) ?? []), Number(name)])
  }
  const all = [...(below.get(pid) ?? [])]
  for (const each of all) all.push(...(below.get(each) ?? []))
  return all
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1])
  } catch {
    return undefined
  }
}

/** Whether a text holds a value, in any form that the redactor knows. */
export function holds(bytes: Uint8Array | string, value: string): boolean {
  const held = Buffer.from(bytes)
  return formsOf(Buffer.from(value)).some((form) => held.includes(form.bytes))
}
