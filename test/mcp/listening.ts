import { type ChildProcess, spawn } from "node:child_process"
import { request as httpRequest } from "node:http"
import { join } from "node:path"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js"
import type { Machine } from "../cli/machine.js"
import { done } from "./service.js"
import type { Person, Said, Told } from "./session.js"

/** The built command, listening over HTTP. */
export class Listening {
  readonly ended: Promise<number | string>
  stderr = ""
  url = ""
  token = ""
  readonly #machine: Machine
  readonly #child: ChildProcess
  #waiting: (() => void)[] = []

  private constructor(machine: Machine, args: readonly string[]) {
    this.#machine = machine
    const bin = join(machine.home, "bin", "agent-vault")
    this.#child = spawn(process.execPath, [bin, "mcp", ...args], {
      cwd: machine.repo,
      env: machine.env,
      stdio: ["ignore", "inherit", "pipe"],
    })
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text
      this.#wake()
    })
    this.ended = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => {
        resolve(code ?? signal ?? "?")
        this.#wake()
      })
    })
  }

  /** One that serves; its address and token are what `mcp env` says. */
  static async open(machine: Machine, ...args: readonly string[]): Promise<Listening> {
    const listening = new Listening(machine, ["--agent", "ci", "--listen", "0", ...args])
    try {
      await listening.says("Ctrl-C ends it")
      await listening.askWhere()
      return listening
    } catch (error) {
      await listening.signal("SIGKILL")
      throw error
    }
  }

  async askWhere(): Promise<void> {
    const lines = await done(this.#machine, ["mcp", "env", "--format", "dotenv"])
    const said = Object.fromEntries(
      lines
        .trim()
        .split("\n")
        .map((line) => line.split(/=(.*)/s) as [string, string]),
    )
    this.url = said["AGENT_VAULT_MCP_URL"] ?? ""
    this.token = said["AGENT_VAULT_MCP_TOKEN"] ?? ""
  }

  /** Waits until it says something to whoever started it. */
  async says(text: string): Promise<void> {
    while (!this.stderr.includes(text)) {
      if (this.#child.exitCode !== null) throw new Error(this.stderr)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  signal(signal: NodeJS.Signals): Promise<number | string> {
    this.#child.kill(signal)
    return this.ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.signal("SIGTERM")
  }

  /** A request by hand, with the token unless it says otherwise. */
  ask(method: string, headers: Readonly<Record<string, string>> = {}, body = ""): Promise<Got> {
    const all = {
      authorization: `Bearer ${this.token}`,
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(body)),
      ...headers,
    }
    return got(this.url, method, all, body)
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

/** What came back. */
export interface Got {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly text: string
}

/** Sends a request as it is written; `fetch` would not let a Host through. */
export function got(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body = "",
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method, headers, agent: false })
    sent.once("error", reject)
    sent.once("response", (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece))
      response.once("error", reject)
      response.once("end", () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
      })
    })
    sent.end(body)
  })
}

/** What a client says first. */
export const HELLO = JSON.stringify({
  jsonrpc: "2.0",
  id: "hello",
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "by hand", version: "1" },
  },
})

/** The official client, over HTTP. */
export class HttpClient {
  readonly client: Client
  readonly transport: StreamableHTTPClientTransport
  readonly questions: string[] = []

  private constructor(
    { url, token }: Pick<Listening, "url" | "token">,
    person: Person | undefined,
    { name = "a client", elicitation = {} }: Said,
  ) {
    const capabilities = person === undefined ? {} : { elicitation }
    this.client = new Client({ name, version: "1" }, { capabilities })
    if (person !== undefined) {
      this.client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
        this.questions.push(params.message)
        return person(params.message, params)
      })
    }
    const headers = { Authorization: `Bearer ${token}` }
    this.transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } })
  }

  static async open(
    listening: Pick<Listening, "url" | "token">,
    person?: Person,
    said: Said = {},
  ): Promise<HttpClient> {
    const made = new HttpClient(listening, person, said)
    await made.client.connect(made.transport)
    return made
  }

  async call(name: string, args: Record<string, unknown> = {}): Promise<Told> {
    const result = await this.client.callTool({ name, arguments: args })
    return {
      isError: result.isError === true,
      document: result.structuredContent as Record<string, unknown>,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close()
  }
}
