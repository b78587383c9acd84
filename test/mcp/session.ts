import { type ChildProcess, spawn } from "node:child_process"
import { EventEmitter, once } from "node:events"
import { join } from "node:path"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import {
  type ClientCapabilities,
  type ElicitRequest,
  type ElicitResult,
  ElicitRequestSchema,
  type JSONRPCMessage,
} from "@modelcontextprotocol/sdk/types.js"
import type { Machine } from "../cli/machine.js"
import { HANG } from "../hang.js"

/** The client's own patience is a minute. */
export const PATIENT = { timeout: HANG }

/** Where the command runs. */
type Place = Pick<Machine, "home" | "repo" | "env">

/** What a person at a client answers, told what they were asked. */
export type Person = (
  question: string,
  params: ElicitRequest["params"],
) => Promise<ElicitResult> | ElicitResult

/** What a client says of itself. */
export interface Said {
  readonly name?: string
  readonly elicitation?: ClientCapabilities["elicitation"]
}

/** What a tool answered. */
export interface Told {
  readonly isError: boolean
  readonly document: Record<string, unknown>
}

/** The official client, connected to the built command over real stdio. */
export class Session {
  readonly client: Client
  readonly transport: StdioClientTransport
  /** What was asked of the person. */
  readonly questions: string[] = []
  /** Every message, both ways, as JSON. */
  readonly messages: string[] = []
  readonly #stderr: Buffer[] = []
  readonly #heard = new EventEmitter()

  constructor(
    machine: Place,
    args: readonly string[],
    person?: Person,
    { name = "a client", elicitation = {} }: Said = {},
  ) {
    const capabilities: ClientCapabilities = person === undefined ? {} : { elicitation }
    this.client = new Client({ name, version: "1" }, { capabilities })
    if (person !== undefined) {
      this.client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
        this.questions.push(params.message)
        return person(params.message, params)
      })
    }
    this.transport = new StdioClientTransport({
      command: join(machine.home, "bin", "agent-vault"),
      args: ["mcp", ...args],
      cwd: machine.repo,
      env: environment(machine.env),
      stderr: "pipe",
    })
    this.transport.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr.push(chunk)
      this.#heard.emit("said")
    })
  }

  static async open(
    machine: Place,
    args: readonly string[],
    person?: Person,
    said?: Said,
  ): Promise<Session> {
    const session = new Session(machine, args, person, said)
    await session.client.connect(session.transport, PATIENT)
    session.#record()
    // From now on the client checks each result against the tool's schema.
    await session.client.listTools(undefined, PATIENT)
    return session
  }

  #record(): void {
    const { transport, messages } = this
    const send = transport.send.bind(transport)
    transport.send = (message) => {
      messages.push(JSON.stringify(message))
      return send(message)
    }
    const take = transport.onmessage
    Object.assign(transport, {
      onmessage: (message: JSONRPCMessage) => {
        messages.push(JSON.stringify(message))
        take?.(message)
      },
    })
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString("utf8")
  }

  /** Resolves when the server says more to stderr. */
  async said(): Promise<void> {
    await once(this.#heard, "said")
  }

  /** Calls a tool. What it answers as text is what it answers as structure. */
  async call(name: string, args: Record<string, unknown> = {}): Promise<Told> {
    const result = await this.client.callTool({ name, arguments: args }, undefined, PATIENT)
    const [content] = result.content as { type: string; text: string }[]
    const document = result.structuredContent as Record<string, unknown>
    if (JSON.stringify(JSON.parse(content?.text ?? "")) !== JSON.stringify(document)) {
      throw new Error("the text is not the structure")
    }
    return { isError: result.isError === true, document }
  }

  get(name: string): Promise<Told> {
    return this.call("get_secret", { name })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close()
  }
}

/** The built command over bare pipes: lines in, lines out. */
export class Raw {
  readonly child: ChildProcess
  readonly lines: string[] = []
  readonly ended: Promise<number | string>
  stderr = ""
  #rest = ""
  #waiting: (() => void)[] = []

  constructor(machine: Place, args: readonly string[], node: readonly string[] = []) {
    const bin = join(machine.home, "bin", "agent-vault")
    this.child = spawn(process.execPath, [...node, bin, "mcp", ...args], {
      cwd: machine.repo,
      env: machine.env,
      stdio: ["pipe", "pipe", "pipe"],
    })
    this.child.stdin?.on("error", () => {})
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#take(text))
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text
      this.#wake()
    })
    this.ended = new Promise((resolve) => {
      this.child.once("close", (code, signal) => resolve(code ?? signal ?? "?"))
    })
  }

  /** Writes text as it is; resolves when the pipe took it. */
  write(text: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.child.stdin?.write(text, () => resolve())
    })
  }

  send(...messages: object[]): Promise<void> {
    return this.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(""))
  }

  /** Says hello as a client does, with these capabilities. */
  async initialize(capabilities: object = {}): Promise<void> {
    const clientInfo = { name: "raw", version: "1" }
    const params = { protocolVersion: "2025-11-25", capabilities, clientInfo }
    await this.send(
      { jsonrpc: "2.0", id: "hello", method: "initialize", params },
      { jsonrpc: "2.0", method: "notifications/initialized" },
    )
    await this.answer("hello")
  }

  callTool(id: number | string, name: string, args: object = {}): Promise<void> {
    return this.send({
      jsonrpc: "2.0",
      id,
      method: "tools/call",
      params: { name, arguments: args },
    })
  }

  /** The message that answers a request. */
  answer(id: number | string | null): Promise<Message> {
    return this.message((message) => message.id === id && message.method === undefined)
  }

  /** The first message that is so, now or later. */
  async message(is: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.lines.map((line) => JSON.parse(line) as Message).find(is)
      if (found !== undefined) return found
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Waits for something to stand in stderr. */
  async told(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.stderr)
      if (found !== null) return found
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  end(): Promise<number | string> {
    this.child.stdin?.end()
    return this.ended
  }

  #take(text: string): void {
    const lines = `${this.#rest}${text}`.split("\n")
    this.#rest = lines.pop() ?? ""
    this.lines.push(...lines)
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

/** A message of the protocol, as a test looks at it. */
interface Message {
  readonly id?: number | string | null
  readonly method?: string
  readonly result?: Record<string, unknown>
  readonly error?: { readonly code: number; readonly message: string }
}

function environment(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
